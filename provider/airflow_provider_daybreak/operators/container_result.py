"""What a container task returns, and when it is skipped, whichever runs its container."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_daybreak.exceptions import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import NotRequired

    from airflow_provider_daybreak.hooks.container import ContainerRun
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo


class ContainerResult(TypedDict):
    """
    What a container task returns.

    ``container`` is the container's name, ``image`` the image as it was named, ``last_line`` the last line on stdout.
    ``result`` is there when the operator was given ``result``.
    """

    container: str
    image: str
    exit_code: int
    outputs: dict[str, ArtifactInfo]
    last_line: str | None
    result: NotRequired[Any]


def result_of(run: ContainerRun, result: str | None) -> ContainerResult:
    """Return what came of a run, as its task returns it."""
    value: ContainerResult = {
        "container": run.container,
        "image": run.image,
        "exit_code": run.result.exit_code,
        "outputs": dict(run.result.outputs),
        "last_line": run.result.last_line,
    }
    if result is not None:
        value["result"] = run.result.value
    return value


@contextmanager
def skipped_without_engine(*, skip: bool) -> Iterator[None]:
    """Skip the task, if that is asked for, rather than fail it when no engine, or no cluster, answers."""
    from airflow_provider_daybreak.version_compat import AirflowSkipException

    try:
        yield
    except EngineUnavailableError as error:
        if not skip:
            raise
        raise AirflowSkipException(str(error)) from error
