"""Workflows of GitHub Actions with a ``schedule:``: the steps of their jobs, as lines of a shell."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.cron import kept
from airflow_provider_daybreak.jobs.documents import Fields, documents, line_of, text_of
from airflow_provider_daybreak.jobs.job import Fate, Job, Note, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.steps import commands_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_DEPLOYED = (
    "actions/checkout",
    "actions/setup-python",
    "actions/cache",
    "astral-sh/setup-uv",
    "snok/install-poetry",
)
_DEFAULT_MINUTES = 360


def is_workflow(document: Fields) -> bool:
    """Say whether a document is a workflow with a schedule."""
    return "jobs" in document and isinstance(_on(document).get("schedule"), list)


def _on(document: Fields) -> Fields:
    on = document.get("on", document.get(True))  # YAML 1.1 reads the key on as true
    return on if isinstance(on, Fields) else Fields()


def read_workflow(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each job of a workflow that has a schedule.

    :raises JobsUnreadableError: it is no YAML.
    """
    for document in documents(text, path):
        if not is_workflow(document):
            continue
        on = _on(document)
        by_zone: dict[str, list[str]] = {}
        for each in on["schedule"]:
            if isinstance(each, Fields):
                by_zone.setdefault(text_of(each.get("timezone")) or "UTC", []).append(text_of(each.get("cron")))
        for zone, said in by_zone.items():
            place = Place(path, line_of(on, "schedule"), f"cron: {', '.join(map(repr, said))}")
            expressions, refused = kept(said, Rule.ROBFIG, place)
            yield from refused
            if expressions:
                yield from _jobs(document, When(expressions, zone, Rule.ROBFIG), place)


def _jobs(document: Fields, when: When, place: Place) -> Iterator[Job | Refusal]:
    """Yield each job of a workflow, at some of its times."""
    path = place.file
    jobs = document["jobs"] if isinstance(document["jobs"], Fields) else Fields()
    for key, job in jobs.items():
        at = Place(path, line_of(jobs, key), f"{place.text}, job {key!r}")
        if isinstance(job, Fields):
            name = Path(path).stem if len(jobs) == 1 else f"{Path(path).stem}_{key}"
            yield _job(at, when, document, job, name)


def _job(place: Place, when: When, document: Fields, job: Fields, name: str) -> Job | Refusal:
    if job.get("uses"):
        return Refusal(
            place, f"It calls the workflow {text_of(job['uses'])!r}: import that one, with this schedule."
        )
    if job.get("strategy"):
        return Refusal(
            place, "It has a strategy, and so runs several times at once: write out one job, or map the task."
        )
    environment: dict[str, str] = {}
    notes: list[Note] = []
    lines: list[str] = []
    folder = text_of(job.fields("defaults").fields("run").get("working-directory"))
    for each in (document, job):
        environment.update(_variables(each.fields("env"), notes))
    for step in job.get("steps") or []:
        if isinstance(step, Fields):
            lines += _step(step, environment, notes)
            folder = text_of(step.get("working-directory")) or folder
    if not lines:
        return Refusal(place, "None of its steps runs a command: write a task for what its actions do.")
    minutes = job.get("timeout-minutes", _DEFAULT_MINUTES)
    if when.zone == "UTC":
        why = "is UTC, as GitHub has it: a time of day in summer is another in winter"
        notes.append(Note(Fate.ADAPTED, "schedule", why))
    return Job(
        place,
        when,
        name=name,
        command="\n".join(lines) if len(lines) > 1 else lines[0],
        folder=folder,
        environment=environment,
        timeout=timedelta(minutes=minutes) if isinstance(minutes, int) else None,
        overlaps=not job.get("concurrency") and not document.get("concurrency"),
        comments=tuple(filter(None, [text_of(document.get("name"))])),
        notes=tuple(notes),
    )


def _step(step: Fields, environment: dict[str, str], notes: list[Note]) -> list[str]:
    """Return the lines of a shell that a step runs, and note what it does otherwise."""
    if uses := text_of(step.get("uses")):
        if uses.startswith(_DEPLOYED):
            notes.append(
                Note(Fate.ADAPTED, f"uses: {uses}", "the deploy brings the files, the Python and the packages")
            )
        elif "mail" in uses:
            notes.append(
                Note(
                    Fate.REFUSED,
                    f"uses: {uses}",
                    "mail it by a ReportEmailOperator, or in the script with mail='once'",
                )
            )
        else:
            notes.append(
                Note(
                    Fate.REFUSED,
                    f"uses: {uses}",
                    "is an action of GitHub's, which nothing else runs: write a task for it",
                )
            )
        return []
    environment.update(_variables(step.fields("env"), notes))
    if said := text_of(step.get("if")):
        notes.append(
            Note(Fate.ADAPTED, f"if: {said}", "is not asked: each step runs where the one before went well")
        )
    lines, more = commands_of([text_of(step.get("run"))])
    notes += more
    return lines


def _variables(said: Fields, notes: list[Note]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in said.items():
        text = text_of(value)
        if _EXPRESSION.search(text):
            notes.append(Note(Fate.REFUSED, f"{name}: {text}", "lies at GitHub: put the value into the .env"))
        else:
            kept[str(name)] = text
    return kept
