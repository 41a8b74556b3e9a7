"""Schedules of Dagster, read from the syntax tree of the file that defines them."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError, JobsUnreadableError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.job import Fate, Job, Place, Refusal, Rule, When

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = ("ScheduleDefinition", "schedule")


def is_definitions(text: str) -> bool:
    """Say whether a text is Python that defines schedules of Dagster."""
    return "cron_schedule" in text and "dagster" in text


def read_definitions(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each schedule that a file defines with values that stand there.

    :raises JobsUnreadableError: it is no Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0) or 0
        raise JobsUnreadableError(path, line, "it is no Python", "Mend the line") from error
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in _NAMES:
            said = {each.arg: each.value for each in node.keywords if each.arg}
            if "cron_schedule" in said:
                yield _job(Place(path, node.lineno, ast.unparse(node)), said, path)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _job(place: Place, said: dict[str, ast.expr], path: str) -> Job | Refusal:
    crons = _texts(said["cron_schedule"])
    if not crons:
        return Refusal(place, "Its cron_schedule is no text that stands there: write it out.")
    job = said.get("job") or said.get("target")
    name = _name(job) if job is not None else "".join(_texts(said.get("job_name"))[:1])
    if not name:
        return Refusal(place, "Its job is none that is named: give it by job= or job_name=.")
    zone = "".join(_texts(said.get("execution_timezone"))[:1]) or "UTC"
    try:
        when = When(tuple(checked(each, Rule.ROBFIG) for each in crons), zone, Rule.ROBFIG)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    command = shlex.join(["dagster", "job", "execute", "--python-file", Path(path).name, "--job", name])
    return Job(place, when, name=name, command=command, folder=str(Path(path).resolve().parent)).noted(
        Fate.ADAPTED,
        name,
        "is run by Dagster's own command, within one task; partitions and sensors stay behind",
    )


def _texts(node: ast.expr | None) -> list[str]:
    """Return a text, or the texts of a list, that stand in the file."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [
            each.value for each in node.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
    return []
