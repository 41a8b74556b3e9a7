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
    powershell,
    systemd,
    terraform,
    windows,
)
from airflow_provider_daybreak.jobs.cron import need_cronsim
from airflow_provider_daybreak.jobs.documents import documents
from airflow_provider_daybreak.jobs.job import Place, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_daybreak.jobs.documents import Fields
    from airflow_provider_daybreak.jobs.job import Job

_MOST_BYTES = 20_000_000
_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*\bencoding=["']([\w.-]+)""")
_BY_LINE = ("crontab", "supercronic", "anacrontab", "schtasks", "powershell")
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
    "powershell": powershell.read_script,
}
KINDS = tuple(_READERS)
_SIGNS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("windows", lambda text: text.lstrip().startswith("<")),
    ("systemd", systemd.is_unit),
    ("schtasks", windows.is_command),
    ("powershell", powershell.is_script),
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


def read(
    path: Path, content: bytes | None = None, *, kind: str = "", user_column: bool = False
) -> tuple[str, list[Job | Refusal]]:
    """
    Return which scheduler a file is of, and each of its jobs, or why one is refused, in its order.

    :param content: what stands in it, where it was read already.
    :param kind: one of :data:`KINDS`; told by what stands in the file when empty.
    :param user_column: whether each line of a crontab names its user, whatever it looks like.
    :raises MissingExtraError: a package for it is not installed.
    :raises JobsUnreadableError: the file can't be read, or as a whole is of none of the kinds.
    """
    need_cronsim()
    text, unread = _text(path, content_of(path) if content is None else content)
    if kind and kind not in _READERS:
        raise InvalidValueError("--kind", kind, f"one of {', '.join(KINDS)}")
    try:
        kind = kind or kind_of(text, path)
    except JobsUnreadableError:
        if not unread:
            raise
    if unread and kind not in _BY_LINE:
        problem = "it is not UTF-8"
        raise JobsUnreadableError(str(path), unread[0].place.line, problem, "Save it as UTF-8")
    if kind == "crontab" and user_column:
        return kind, [*unread, *crontab.read_crontab(text, str(path), user_column=True)]
    return kind, [*unread, *_READERS[kind](text, str(path))]


def content_of(path: Path) -> bytes:
    """
    Return what stands in a file, or comes out of a pipe, which can be read once.

    :raises JobsUnreadableError: it can't be read, or has more than jobs have.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        problem = error.strerror or str(error)
        raise JobsUnreadableError(str(path), 0, problem, "Name a file of jobs that you may read") from error
    if len(content) > _MOST_BYTES:
        raise JobsUnreadableError(str(path), 0, "it has more than 20 MB", "Name a file of jobs")
    return content


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


def _text(path: Path, content: bytes) -> tuple[str, list[Refusal]]:
    """
    Return a file's text, whatever Unicode it is in, without the lines that are none, and why each of those is left out.

    :raises JobsUnreadableError: it is no text.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "")
    declared = _DECLARED.match(content)
    if not encoding and declared and not declared[1].lower().startswith(b"utf"):
        encoding = declared[1].decode()
    unread: list[Refusal] = []
    try:
        text = content.decode(encoding or "utf-8")
    except LookupError as error:
        problem = f"no encoding is called {encoding!r}"
        raise JobsUnreadableError(str(path), 1, problem, "Save it as UTF-8") from error
    except UnicodeDecodeError as error:
        if encoding:
            line = content.count(b"\n", 0, error.start) + 1
            raise JobsUnreadableError(
                str(path), line, f"it is not {encoding.upper()}", "Save it as UTF-8"
            ) from error
        text, unread = _in_part(path, content)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise JobsUnreadableError(str(path), line, "it is no text", "Name a file of jobs")
    return text, unread


def _in_part(path: Path, content: bytes) -> tuple[str, list[Refusal]]:
    """Return the lines that are UTF-8, and a refusal of each other one that is more than a comment."""
    lines: list[str] = []
    unread: list[Refusal] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        said = line.decode("utf-8", "replace")
        if said.encode() != line and said.strip() and not said.lstrip().startswith(("#", "::", "rem ", "REM ")):
            why = "It is not UTF-8, and nothing says which letters are meant: save the file as UTF-8, and import it again."
            unread.append(Refusal(Place(str(path), number, said.strip()), why))
            said = ""
        lines.append(said)
    return "\n".join(lines), unread
