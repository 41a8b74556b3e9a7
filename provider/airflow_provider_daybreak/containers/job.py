"""What a task asks of a container."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_daybreak.containers.isolation import Isolation
from airflow_provider_daybreak.containers.outputs import CopyLimits
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Container as Collection
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_daybreak.containers.image import ImageBuild
    from airflow_provider_daybreak.containers.work import Keep

_ADDRESS = re.compile(r"(?!https?:)[A-Za-z][A-Za-z0-9+.-]*:/.*|(?:~|\.{0,2})/\S*")


@dataclass
class File:
    """
    A file or a folder that goes into a container, rather than a text.

    :param path: absolute path on the worker, or a URI such as ``s3://connection@bucket/folder``. (templated)
    """

    path: str | Path

    template_fields: ClassVar[tuple[str, ...]] = ("path",)


@dataclass(frozen=True)
class ContainerJob:
    """
    What a task asks of a container, rendered, as it was given.

    :param image: image to run, when it is not built.
    :param build: folder to build the image from.
    :param host: arguments of ``create_host_config`` beside those of the isolation.
    :param create: arguments of ``create_container`` beside those that have a field here.
    :param inputs: what goes under ``/in``, by path.
    :param outputs: what comes out, a path in the container by name.
    :param clock: ``report_date`` starts the clocks of its programs at the run's instant.
    :param report_date: ISO date of the run; its own when empty.
    :param timezone: the dates' zone; the Dag's when None.
    :param secrets: contents of files under ``/run/secrets``, by name.
    :param redactor: knows what must stand in no log and no result.
    :param result: path of a JSON file whose value comes out.
    :param keep: which ended containers are left for a look.
    :param archive: URI of the archive that keeps outputs; the configured one when None.
    :param log_limit: bytes that a container may write.
    """

    image: str = ""
    build: ImageBuild | str | Path | None = None
    container_name: str | None = None
    command: str | list[str] | None = None
    user: str | int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    private_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    isolation: Isolation = field(default_factory=Isolation)
    host: Mapping[str, Any] = field(default_factory=dict)
    create: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    clock: Literal["report_date"] | None = None
    report_date: str = ""
    timezone: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    redactor: Redactor = field(default_factory=lambda: Redactor({}), repr=False)
    result: str | None = None
    force_pull: bool = False
    keep: Keep = "never"
    archive: str | None = None
    limits: CopyLimits = field(default_factory=CopyLimits)
    log_limit: int = 2 << 30
    skip_on_exit_code: Collection[int] = ()


def check_texts(inputs: Any) -> None:
    """
    Refuse a text that is the path or the URI of a file: whether to read one, a Dag says and no parameter.

    :param inputs: as a Dag has them; those with a template in them are looked at when they are rendered.
    :raises InvalidValueError: one is such a text, and has no line break at its end.
    """
    for key, value in inputs.items() if isinstance(inputs, dict) else ():
        if isinstance(value, str) and "{" not in value:
            check_text(f"inputs[{key!r}]", value)


def check_text(name: str, text: str) -> None:
    """Refuse one such text, by the name of its argument."""
    if _ADDRESS.fullmatch(text):
        expected = "File(…) of it, for what lies there, or for these words themselves a line break at their end"
        raise InvalidValueError(name, text, expected)
