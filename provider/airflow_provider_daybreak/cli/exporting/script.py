"""What a task runs, as far as it can be said without Airflow."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.containers.isolation import TMPFS
from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import NotExportableError
from airflow_provider_daybreak.releases.making import frozen_lock, projects_of
from airflow_provider_daybreak.releases.running.command import split_command
from airflow_provider_daybreak.releases.running.privileges import read_limits
from airflow_provider_daybreak.version_compat import timetable_cron, timetable_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from airflow_provider_daybreak.releases.release import Release

_LEAST_PYTHON = (3, 9)
_TEMPLATE = re.compile(r"\{\{|\{%")
_LEFT_OUT = {
    "mail": "it mails by itself, with each run",
    "clock": "it has the true time",
    "artifacts": "what it leaves stays in the folder out",
    "fail_on": "its exit code alone says whether it failed",
    "skip_on_exit_code": "its exit code alone says whether it failed",
    "retry_exit_codes": "it is tried again whatever its exit code",
    "state_dir": "each run begins with the files of its source",
    "encoding": "its output goes where the scheduler's does",
}
_USUAL = {"mail": "direct", "encoding": "utf-8"}


@dataclass(frozen=True)
class Exported:
    """
    A script, and when it runs.

    :param name: of letters, digits and ``-``, as a cluster takes it.
    :param cron: when it runs; only when it is told to, where None.
    :param zone: of that, and of the script's day.
    :param command: program and arguments.
    :param variables: what it is given beside the secrets.
    :param secrets: names of what is secret.
    :param seconds: it may take; any number when None.
    :param retries: how often it is tried again.
    :param limits: what its processes may use, as ``setrlimit`` takes it.
    :param offset: how many days later, or, negative, earlier its period is.
    :param release: what it is a script of, with the environment's lock.
    :param image: what it is run in, where it is a container's.
    :param memory: bytes or text, as the container has them, and ``cpus``.
    :param processes: and threads the container may have.
    :param read_only: whether the image's files can't be written, and ``tmpfs`` the folders in memory that can.
    :param network: the container's.
    :param user: the container's.
    :param left_out: what its task does beside, and files don't.
    """

    name: str
    cron: str | None
    zone: str
    command: Sequence[str]
    variables: Mapping[str, str]
    secrets: Sequence[str] = ()
    seconds: int | None = None
    retries: int = 0
    limits: Mapping[str, int] = field(default_factory=dict)
    offset: int = 0
    release: Release | None = None
    image: str = ""
    memory: str | int | None = None
    cpus: float | None = None
    processes: int | None = None
    read_only: bool = True
    tmpfs: Mapping[str, str] = field(default_factory=lambda: {"/tmp": ""})  # noqa: S108 - a container's own
    network: str = "bridge"
    user: str = "1000:1000"
    left_out: Sequence[str] = ()

    @property
    def lock(self) -> str:
        """The packages of its environment, with the hashes of their files."""
        return frozen_lock(self.release).text if self.release else ""

    @property
    def python(self) -> str:
        """The version of its Python, such as ``3.12``."""
        return ".".join(self.release.manifest["interpreter"]["version"].split(".")[:2]) if self.release else ""


def script_of_release(task: Any, rendered: Any, release: Release) -> Exported:
    """
    Return the script of a ``VenvRunOperator``.

    :param rendered: the task with its templates filled in.
    :raises NotExportableError: something of it has no meaning without Airflow.
    """
    _refuse(task, "run_as", task.run_as is not None, "the user whose files and cron these are")
    _refuse(task, "ssh_conn_id", task.ssh_conn_id is not None, "the export on that host itself")
    _refuse(task, "period", task.period != "day", "day: no other period is worked out there")
    _refuse(task, "report_date", bool(task.report_date), "the day of the run")
    _refuse_templates(task, ("command", "env"))
    command = split_command("command", rendered.command)
    _refuse(task, "command", command[0].endswith(".ipynb"), "a script, since a notebook is run by Daybreak")
    minor = tuple(map(int, release.manifest["interpreter"]["version"].split(".")[:2]))
    _refuse(task, "python", minor < _LEAST_PYTHON, "Python 3.9 or later")
    lock = frozen_lock(release).text
    _refuse(task, "requirements", "://" in lock.partition("#")[0], "packages of an index")
    _refuse(
        task,
        "source",
        bool(projects_of(release.path, release.manifest)),
        "a source that is no package: only Daybreak installs it beside the release",
    )
    return Exported(
        **_common(task),
        command=command,
        variables={str(key): str(value) for key, value in (rendered.env or {}).items()},
        secrets=_names_in(release),
        limits=read_limits(dict(task.limits or {})),
        offset=task.offset,
        release=release,
        left_out=_left_out(task),
    )


def script_of_container(task: Any) -> Exported:
    """
    Return the script of a ``ScriptDockerOperator``.

    :raises NotExportableError: something of it has no meaning without Airflow.
    """
    for name in ("inputs", "outputs", "result", "secrets", "build"):
        _refuse(task, name, bool(getattr(task, name)), "an image that holds and writes its files itself")
    _refuse(
        task, "network_mode", task.network_mode not in (None, "none", "bridge", "host"), "none, bridge or host"
    )
    _refuse_templates(task, ("image", "command", "environment"))
    command = [task.command] if isinstance(task.command, str) else list(task.command or ())
    return Exported(
        **_common(task),
        command=command,
        variables={str(key): str(value) for key, value in (task.environment or {}).items()},
        secrets=sorted(task.private_names),
        image=task.image,
        memory=task.mem_limit,
        cpus=task.cpu_quota,
        processes=task.pids_limit,
        read_only=task.read_only,
        tmpfs=TMPFS if task.tmpfs is None else dict(task.tmpfs),
        network=task.network_mode or "none",
        user=str(task.user or "1000:1000"),
        left_out=_left_out(task),
    )


def _left_out(task: Any) -> list[str]:
    """Return what the task does beside, each with what is so instead."""
    said = {name: getattr(task, name, None) for name in _LEFT_OUT}
    return [
        f"{name}={value!r}: {_LEFT_OUT[name]}"
        for name, value in said.items()
        if value not in (None, (), [], False, _USUAL.get(name))
    ]


def _common(task: Any) -> dict[str, Any]:
    dag, timeout = task.dag, task.execution_timeout
    cron = dag.schedule if isinstance(dag.schedule, str) else timetable_cron(dag.timetable)
    _refuse(task, "schedule", cron is None and dag.schedule is not None, "a cron expression, or None")
    zone = timetable_zone(dag.timetable) or dag.timezone
    seconds: timedelta | None = timeout
    return {
        "name": re.sub(r"[^a-z0-9]+", "-", f"{dag.dag_id}-{task.task_id}".lower()).strip("-")[:52],
        "cron": _five_fields(task, cron) if cron else None,
        "zone": str(getattr(zone, "name", None) or getattr(zone, "key", None) or zone),
        "seconds": int(seconds.total_seconds()) if seconds else None,
        "retries": int(task.retries or 0),
    }


_NAMED = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
_FIELD = re.compile(r"[\d*,/A-Za-z-]+")
_FIELDS = 5


def _five_fields(task: Any, cron: str) -> str:
    said = _NAMED.get(cron, cron).split()
    fits = len(said) == _FIELDS and all(_FIELD.fullmatch(each) for each in said)
    _refuse(task, "schedule", not fits, "a cron expression of five fields, without # and L")
    return " ".join(said)


def _names_in(release: Release) -> list[str]:
    path = release.layout.dotenv
    return sorted(read_dotenv(path).values) if path.exists() else []


def _refuse(task: Any, name: str, when: bool, expected: str) -> None:
    if when:
        raise NotExportableError(
            task.task_id, name, repr(getattr(task, name, None) or getattr(task.dag, name, ""))[:200], expected
        )


def _refuse_templates(task: Any, names: Sequence[str]) -> None:
    for name in names:
        for text in _texts(getattr(task, name)):
            _refuse(
                task,
                name,
                bool(_TEMPLATE.search(text)),
                "values without templates, which only Airflow fills in",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.items():
            yield from _texts(list(each))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
