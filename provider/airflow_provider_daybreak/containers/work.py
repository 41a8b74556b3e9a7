"""A container's work from beginning to end: what comes of it, and what is left of the container."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from airflow_provider_daybreak.containers.engine import cannot_execute
from airflow_provider_daybreak.containers.outage import through_outages
from airflow_provider_daybreak.containers.outputs import collected, json_value
from airflow_provider_daybreak.containers.spec import RESULT
from airflow_provider_daybreak.exceptions import (
    ContainerCommandError,
    ContainerError,
    ContainerFailedError,
    ContainerGaveUpError,
    ContainerStoppedError,
    DaybreakError,
    EngineUnavailableError,
)
from airflow_provider_daybreak.exceptions.base import missing_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from airflow_provider_daybreak.containers.exit_status import ExitStatus
    from airflow_provider_daybreak.containers.outputs import CopyLimits, Store
    from airflow_provider_daybreak.containers.written import Written
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

log = logging.getLogger(__name__)

Keep = Literal["never", "failure", "always"]


class Asked(Protocol):
    """What a container is asked to do."""

    @property
    def image(self) -> str:
        """The image, as it was named."""

    @property
    def command(self) -> str | list[str] | None:
        """Program and arguments; the image's when None."""

    @property
    def outputs(self) -> Mapping[str, str]:
        """What comes out: a path in the container by name."""

    @property
    def result(self) -> str | None:
        """Path of a JSON file in the container whose value comes out too."""


class Worker(Protocol):
    """The one container, on an engine or in a pod, that does a task's work."""

    @property
    def name(self) -> str:
        """What it is called there."""

    @property
    def spec(self) -> Asked:
        """What it is to do."""

    @property
    def adopted(self) -> bool:
        """Whether it has begun already."""

    @property
    def abandoned(self) -> bool:
        """Whether who runs it was away while it ran."""

    def claim(self) -> None:
        """Make it, or take over the one that an earlier try of the same task has left."""

    def start(self) -> None:
        """Give it its files, and let it begin."""

    def follow(self, written: Written) -> ExitStatus:
        """Pass on all that it writes, and return how it ended."""

    def taken(self, name: str, path: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open a tar of what lies at a path, in pieces; one that is missing is an error of the output's name."""

    def dispose(self, *, keep: bool) -> None:
        """Let nothing run on, and remove it or leave it for a look."""


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
    container: Worker,
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
    :raises ContainerFailedError: it failed: says how, with the last it wrote; a :class:`ContainerGaveUpError` where another
        try would too.
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
            said = str(written.stderr) or str(written.stdout)
            lacking = missing_module(said.rstrip().rpartition("\n")[2])  # as its last word
            raise (ContainerGaveUpError if lacking else ContainerFailedError)(
                container.name,
                container.spec.image,
                outcome.exit_code,
                f"{outcome}, and the engine was away meanwhile" if container.abandoned else str(outcome),
                said,
            )
        return Result(outcome.exit_code, {}, written.last_line)
    found = collected(container.spec.outputs, container.taken, limits, store)
    path = container.spec.result
    value = None if path is None else json_value(RESULT, path, container.taken)
    return Result(0, found, written.last_line, written.redactor.for_result(value))


@contextmanager
def _stopped_as_such(container: Worker, written: Written, stopped: Callable[[], bool]) -> Iterator[None]:
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
def disposed(container: Worker, keep: Keep, *, ours: Callable[[], bool]) -> Iterator[None]:
    """
    Let no container outlive the block, however it ends, and report the block's own error.

    :param keep: which containers are left for a look.
    :param ours: whether this process is still the one to decide: what a lost one leaves, a retry takes. One that is lost
        before it has begun makes no container, since the retry may be over.
    :raises ContainerStoppedError: it is lost.
    """
    if not ours():
        raise ContainerStoppedError(container.name, None)
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


def _dispose(container: Worker, *, keep: bool) -> None:
    try:
        through_outages(lambda: container.dispose(keep=keep))
    except DaybreakError as error:
        log.warning("%s may be left over, until a later task removes it: %s", container.name, error)
