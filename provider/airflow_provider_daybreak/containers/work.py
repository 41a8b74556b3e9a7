"""A container's work from beginning to end: what comes of it, and what is left of the container."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_daybreak.containers.engine import cannot_execute
from airflow_provider_daybreak.exceptions import (
    ContainerCommandError,
    ContainerError,
    ContainerFailedError,
    ContainerStoppedError,
    DaybreakError,
    EngineUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.containers.container import Container
    from airflow_provider_daybreak.containers.outputs import CopyLimits, Store
    from airflow_provider_daybreak.containers.written import Written
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

log = logging.getLogger(__name__)

Keep = Literal["never", "failure", "always"]


@dataclass(frozen=True)
class Result:
    """
    What came of a container's work.

    :param outputs: the files that came out, by name.
    :param last_line: last line on stdout that isn't blank, or None.
    :param value: the JSON value of its result file, or None where none was asked for.
    """

    exit_code: int
    outputs: Mapping[str, ArtifactInfo]
    last_line: str | None
    value: Any = None


def perform(
    container: Container,
    written: Written,
    *,
    limits: CopyLimits,
    store: Store,
    unload: Callable[[], None] = lambda: None,
    accept: Callable[[int], bool] = lambda code: code == 0,
    stopped: Callable[[], bool] = lambda: False,
) -> Result:
    """
    Let a container do its work and return what came of it.

    :param unload: takes what is of use of a container that has ended, well or not; its error is that of one that ended
        well.
    :param accept: whether an exit code is no failure.
    :param stopped: whether the task was told to end meanwhile.
    :raises ContainerFailedError: it failed: says how, with the last it wrote.
    :raises ContainerCommandError: its command can't be executed.
    :raises ContainerStoppedError: the task was told to end.
    """
    with _stopped_as_such(container, written, stopped):
        container.claim()
    with _stopped_as_such(container, written, stopped):
        if not container.adopted:
            container.start()
        outcome = container.follow(written)
    try:
        unload()
    except ContainerError:
        if outcome.exit_code == 0:
            raise
        log.debug("It left nothing of use", exc_info=True)
    if outcome.exit_code != 0:
        if reason := cannot_execute(written.stderr.last or ""):
            raise ContainerCommandError(container.spec.image, container.spec.command, reason)
        if not accept(outcome.exit_code):
            raise ContainerFailedError(
                container.name,
                container.spec.image,
                outcome.exit_code,
                f"{outcome}, and the engine was away meanwhile" if container.abandoned else str(outcome),
                str(written.stderr) or str(written.stdout),
            )
        return Result(outcome.exit_code, {}, written.stdout.last)
    return Result(0, container.collect(limits, store), written.stdout.last, container.value())


@contextmanager
def _stopped_as_such(container: Container, written: Written, stopped: Callable[[], bool]) -> Iterator[None]:
    """Report that the task was told to end, rather than what that did to the block."""
    try:
        yield
    except ContainerError as error:
        if stopped():
            raise ContainerStoppedError(container.name, written.stderr.last) from error
        raise
    if stopped():
        raise ContainerStoppedError(container.name, written.stderr.last)


@contextmanager
def disposed(container: Container, keep: Keep, *, ours: Callable[[], bool]) -> Iterator[None]:
    """
    Let no container outlive the block, however it ends, and report the block's own error.

    :param keep: which containers are left for a look.
    :param ours: whether this process is still the one to decide: what a lost one leaves, a retry takes.
    """
    try:
        yield
    except EngineUnavailableError:
        raise  # nothing can be removed: what became of the container, a retry finds out
    except BaseException:
        if ours():
            _dispose(container, keep=keep != "never")
        raise
    if ours():
        _dispose(container, keep=keep == "always")


def _dispose(container: Container, *, keep: bool) -> None:
    try:
        container.end(container.client, keep=keep)
    except DaybreakError as error:
        log.warning("Container %s may be left over: %s", container.name, error)
