"""Telling which scheduler a file is of, by what stands in it, and reading it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError, JobsUnreadableError
from airflow_provider_daybreak.jobs import (
    amazon,
    clouds,
    compose,
    crontab,
    dagster,
    github,
    gitlab,
    jenkins,
    kubernetes,
    systemd,
    terraform,
    windows,
)
from airflow_provider_daybreak.jobs.cron import need_cronsim
from airflow_provider_daybreak.jobs.documents import documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_daybreak.jobs.documents import Fields
    from airflow_provider_daybreak.jobs.job import Job, Refusal

_MOST_BYTES = 20_000_000
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_YAML = re.compile(r"^\s*(?:[\w\"'-]+:(?:\s|$)|---|\[|\{)", re.MULTILINE)

_READERS: dict[str, Callable[[str, str], Iterator[Job | Refusal]]] = {
    "crontab": crontab.read_crontab,
    "supercronic": lambda text, path: crontab.read_crontab(text, path, user_column=False, supercronic=True),
    "anacrontab": crontab.read_anacrontab,
    "systemd": systemd.read_timer,
    "kubernetes": kubernetes.read_cronjobs,
    "github": github.read_workflow,
    "gitlab": gitlab.read_schedules,
    "jenkins": jenkins.read_jenkinsfile,
    "compose": compose.read_compose,
    "amazon": amazon.read_template,
    "google": clouds.read_scheduler,
    "terraform": terraform.read_state,
    "azure": clouds.read_function,
    "prefect": clouds.read_prefect,
    "dagster": dagster.read_definitions,
    "windows": windows.read_task,
    "schtasks": windows.read_commands,
}
KINDS = tuple(_READERS)
_SIGNS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("windows", lambda text: text.lstrip().startswith("<")),
    ("systemd", systemd.is_unit),
    ("schtasks", windows.is_command),
    ("dagster", dagster.is_definitions),
    ("jenkins", jenkins.is_jenkinsfile),
    ("anacrontab", crontab.is_anacrontab),
    ("crontab", crontab.is_crontab),
)

_DOCUMENTS: tuple[tuple[str, Callable[[Fields], bool]], ...] = (
    ("kubernetes", lambda document: document.get("kind") in ("CronJob", "List")),
    ("github", github.is_workflow),
    ("gitlab", gitlab.is_schedule),
    ("compose", compose.is_compose),
    ("google", clouds.is_scheduler),
    ("terraform", terraform.is_state),
    ("azure", clouds.is_function),
    ("prefect", clouds.is_prefect),
    ("amazon", amazon.is_template),
)


def read(path: Path, *, kind: str = "", user_column: bool = False) -> tuple[str, list[Job | Refusal]]:
    """
    Return which scheduler a file is of, and each of its jobs, or why one is refused, in its order.

    :param kind: one of :data:`KINDS`; told by what stands in the file when empty.
    :param user_column: whether each line of a crontab names its user, whatever it looks like.
    :raises MissingExtraError: a package for it is not installed.
    :raises JobsUnreadableError: the file can't be read, or as a whole is of none of the kinds.
    """
    need_cronsim()
    text = _text(path)
    kind = kind or kind_of(text, path)
    if kind not in _READERS:
        raise InvalidValueError("--kind", kind, f"one of {', '.join(KINDS)}")
    if kind == "crontab" and user_column:
        return kind, list(crontab.read_crontab(text, str(path), user_column=True))
    return kind, list(_READERS[kind](text, str(path)))


def kind_of(text: str, path: Path) -> str:
    """
    Return which scheduler a text is of.

    :raises JobsUnreadableError: it is of none.
    """
    if path.suffix == ".tf":
        problem = "its variables are found out by Terraform alone"
        raise JobsUnreadableError(str(path), 0, problem, "Import what 'terraform show -json' prints of it")
    for kind, seen in _SIGNS:
        if seen(text):
            return kind
    if _YAML.search(text) or path.suffix in (".yml", ".yaml", ".json"):
        for document in documents(text, str(path), tags=True):
            for kind, holds in _DOCUMENTS:
                if holds(document):
                    return kind
    if path.name == "crontab" or not text.strip():
        return "crontab"
    problem = f"it is none of {', '.join(KINDS)}"
    raise JobsUnreadableError(
        str(path), 0, problem, "Name the kind by --kind, or export the job to a file of one of them"
    )


def _text(path: Path) -> str:
    """
    Return a file's text, whatever Unicode it is in.

    :raises JobsUnreadableError: it is none, or can't be read.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise JobsUnreadableError(str(path), 0, "it has more than 20 MB", "Name a file of jobs")
        content = path.read_bytes()
    except OSError as error:
        raise JobsUnreadableError(
            str(path), 0, error.strerror or str(error), "Name a file of jobs that you may read"
        ) from error
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise JobsUnreadableError(
            str(path), line, f"it is not {encoding.upper()}", "Save it as UTF-8"
        ) from error
    if "\0" in text:
        raise JobsUnreadableError(
            str(path), text.count("\n", 0, text.index("\0")) + 1, "it is no text", "Name a file of jobs"
        )
    return text
