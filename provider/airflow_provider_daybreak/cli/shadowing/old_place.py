"""The lines of a crontab that a Dag stands for: found, commented out in one step, and put back."""

from __future__ import annotations

import ast
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import CutoverError, JobsUnreadableError
from airflow_provider_daybreak.jobs.crontab import COMMENTED_OUT, read_crontab
from airflow_provider_daybreak.jobs.kinds import content_of, read
from airflow_provider_daybreak.jobs.writing import lines_shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_daybreak.cli.importing.planning import Planned
    from airflow_provider_daybreak.jobs.job import Job, Refusal

_KINDS = ("crontab", "supercronic", "anacrontab")
_MARK = re.compile(COMMENTED_OUT + r"(?P<dag>\S+) (?P<at>\S+): (?P<line>.*)", re.DOTALL)
_FROM = re.compile(r"Imported from (?P<origin>.+?):\n\n(?P<lines>(?:    .*\n?)+)", re.DOTALL)


@dataclass(frozen=True)
class Imported:
    """
    What a Dag file says that it was imported from.

    :param origin: the file and its lines.
    :param lines: as they stood there, without secrets.
    """

    origin: str
    lines: tuple[str, ...]


def imported(dag_id: str, file: str) -> Imported:
    """
    Return what a Dag was imported from, by its file's docstring.

    :raises CutoverError: it says none of it.
    """
    try:
        text = ast.get_docstring(ast.parse(Path(file).read_bytes()), clean=False) or ""
    except (OSError, SyntaxError, ValueError) as error:
        problem = f"its file {file!r} can't be read here ({error})"
        raise CutoverError(dag_id, problem, "Call it where the folder of Dags is") from error
    found = _FROM.search(text)
    if found is None:
        problem = "its file doesn't say which lines it was imported from"
        step = "Take the old job out yourself, then call it with --old-is-off"
        raise CutoverError(dag_id, problem, step)
    origin = " ".join(found["origin"].split())
    return Imported(origin, tuple(each[4:] for each in found["lines"].splitlines()))


@dataclass(frozen=True)
class OldPlace:
    """
    A crontab, and in it the lines of one Dag.

    :param path: the file itself, where a link led to it.
    :param text: all of it.
    :param active: numbers of the lines that run the job, from 0.
    :param ended: the instants at which lines of it were commented out by us.
    """

    dag_id: str
    path: Path
    text: str
    active: tuple[int, ...]
    ended: tuple[datetime, ...]

    def comment_out(self, at: datetime) -> Path:
        """Comment its lines out, and return the copy of the file that was made before."""
        lines = self.text.splitlines(keepends=True)
        for number in self.active:
            lines[number] = f"{COMMENTED_OUT}{self.dag_id} {at.isoformat(timespec='seconds')}: {lines[number]}"
        return self._replace("".join(lines), at)

    def put_back(self, at: datetime) -> Path:
        """Make the lines what they were, and return the copy of the file that was made before."""
        lines = [
            match["line"] if (match := _MARK.fullmatch(line)) and match["dag"] == self.dag_id else line
            for line in self.text.splitlines(keepends=True)
        ]
        return self._replace("".join(lines), at)

    def _replace(self, text: str, at: datetime) -> Path:
        """Write the file in one step, with the owner and mode that it had: cron reads no other."""
        # A name with a dot is none that cron runs: it looks neither at one in cron.d nor, at its beginning, at a user's.
        hidden = "." if self.path.parent.name == "crontabs" else ""
        stamp = at.strftime("%Y%m%dT%H%M%SZ")
        copy = self.path.with_name(f"{hidden}{self.path.name}.before-{self.dag_id}-{stamp}")
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        facts = self.path.stat()
        try:
            shutil.copy2(self.path, copy)
            os.chown(copy, facts.st_uid, facts.st_gid)
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", newline=""
            ) as file:
                file.write(text)
                os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
                os.fchmod(file.fileno(), facts.st_mode & 0o7777)
                file.flush()
                os.fsync(file.fileno())
            if self.path.read_bytes().decode() != self.text:
                problem = f"{str(self.path)!r} was changed by somebody just now"
                raise CutoverError(self.dag_id, problem, "Call it again")
            temporary.replace(self.path)
        except OSError as error:
            problem = f"{str(self.path)!r} can't be written ({error.strerror or error})"
            raise CutoverError(self.dag_id, problem, "Call it as a user who may, such as root") from error
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return copy


def old_place(dag_id: str, path: Path, wanted: Imported) -> OldPlace:
    """
    Return a crontab with the lines that a Dag stands for.

    :raises CutoverError: it has none of them, or other ones that look the same, or is no crontab.
    """
    path = path.resolve()
    try:
        content = content_of(path)
        kind, found = read(path, content)
        text = content.decode()
    except (JobsUnreadableError, UnicodeDecodeError) as error:
        raise CutoverError(
            dag_id, f"{str(path)!r} can't be read ({error})", "Name the crontab that cron reads"
        ) from error
    if kind not in _KINDS:
        problem = f"{str(path)!r} is no crontab, but of the kind {kind}"
        raise CutoverError(dag_id, problem, "Take the old job out there, then call it with --old-is-off")
    marked = [match for line in text.splitlines() if (match := _MARK.fullmatch(line))]
    ended = tuple(datetime.fromisoformat(match["at"]) for match in marked if match["dag"] == dag_id)
    jobs = _standing_for(found, wanted.lines)
    if not jobs and kind == "crontab":
        jobs = _standing_for(read_crontab(text, str(path), user_column=True), wanted.lines)
    if len(jobs) > 1:
        places = "; ".join(f"line {job.place.line}" for each in jobs for job in each.jobs)
        problem = f"{str(path)!r} has several jobs that read the same but for what is secret ({places})"
        raise CutoverError(dag_id, problem, "Comment its line out yourself, then call it with --old-is-off")
    numbers = tuple(job.place.line - 1 for each in jobs for job in each.jobs)
    if not numbers and not ended:
        problem = f"{str(path)!r} has none of the lines that it was imported from"
        step = f"Name the file that has them (they stood in {wanted.origin}), or import that again where they were changed"
        raise CutoverError(dag_id, problem, step)
    return OldPlace(dag_id, path, text, numbers, ended)


def _standing_for(found: Iterable[Job | Refusal], lines: tuple[str, ...]) -> list[Planned]:
    """Return the Dags that would be made of these lines."""
    from airflow_provider_daybreak.cli.importing.planning import plan

    planned, _ = plan(found, "UTC", date(2000, 1, 1))
    return [each for each in planned if set(lines_shown(each.dag)) == set(lines)]
