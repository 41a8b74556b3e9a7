"""Jobs of Cloud Scheduler, timers of Azure Functions, deployments of Prefect: each a small document."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import checked, kept
from airflow_provider_daybreak.jobs.documents import Fields, documents, line_of, text_of
from airflow_provider_daybreak.jobs.job import Fate, Job, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.seconds import without_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_scheduler(document: Fields) -> bool:
    """Say whether a document is a job of Cloud Scheduler, as its command line describes it."""
    return "schedule" in document and any(
        key in document for key in ("httpTarget", "pubsubTarget", "appEngineHttpTarget")
    )


def is_function(document: Fields) -> bool:
    """Say whether a document is a function.json with a timer."""
    return any(text_of(each.get("type")) == "timerTrigger" for each in _fields_of(document.get("bindings")))


def is_prefect(document: Fields) -> bool:
    """Say whether a document is a prefect.yaml."""
    return bool(_fields_of(document.get("deployments")))


def _fields_of(said: Any) -> list[Fields]:
    return [each for each in said if isinstance(each, Fields)] if isinstance(said, list) else []


def read_scheduler(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each job of Cloud Scheduler: the address that it calls.

    :raises JobsUnreadableError: it is no YAML or JSON.
    """
    for document in documents(text, path):
        if is_scheduler(document):
            yield scheduler_job(document, path)


def scheduler_job(document: Fields, path: str) -> Job | Refusal:
    """
    Return a job of Cloud Scheduler.

    :param document: as its command line describes it.
    """
    name = text_of(document.get("name")).rpartition("/")[2]
    place = Place(path, line_of(document, "schedule"), f"{name}: {text_of(document.get('schedule'))}")
    target = document.fields("httpTarget")
    address = text_of(target.get("uri"))
    if text_of(document.get("state")) == "PAUSED":
        return Refusal(place, "It is paused: resume it, and import it then, or leave it where it is.")
    if not address:
        return Refusal(place, "It calls no address of its own: run what it starts, rather than to start it.")
    try:
        expression = checked(text_of(document.get("schedule")), Rule.ROBFIG)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    deadline = re.fullmatch(r"(\d+)(?:\.\d+)?s", text_of(document.get("attemptDeadline")))
    retries = document.fields("retryConfig").get("retryCount")
    method = text_of(target.get("httpMethod")) or "POST"
    return Job(
        place, When((expression,), text_of(document.get("timeZone")) or "UTC", Rule.ROBFIG), name=name,
        command=shlex.join(["curl", "--fail", "--silent", "--show-error", "--request", method, address]),
        timeout=timedelta(seconds=int(deadline[1])) if deadline else None, retries=retries if isinstance(retries, int) else None,
    ).noted(Fate.ADAPTED, address, "is called by curl: better run what stands behind it, and see its log")  # fmt: skip


def read_function(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield the timer of a function of Azure's.

    :raises JobsUnreadableError: it is no JSON.
    """
    for document in documents(text, path):
        for binding in _fields_of(document.get("bindings")):
            if text_of(binding.get("type")) != "timerTrigger":
                continue
            schedule = text_of(binding.get("schedule"))
            folder = Path(path).resolve().parent
            place = Place(path, line_of(binding, "schedule"), f"{folder.name}: {schedule}")
            entry = text_of(document.get("entryPoint")) or "main"
            script = Path(text_of(document.get("scriptFile")) or "__init__.py")
            if schedule.startswith("%"):
                yield Refusal(place, f"{schedule} is a setting of the app: write its value in its place.")
                continue
            if not entry.isidentifier() or script.suffix != ".py":
                yield Refusal(
                    place, "It is no function of Python: put it into an image, for a ScriptDockerOperator."
                )
                continue
            try:
                expression = checked(without_seconds(schedule), Rule.ROBFIG)
            except InvalidScheduleError as error:
                yield Refusal(place, str(error))
                continue
            module = folder.name if script.name == "__init__.py" else f"{folder.name}.{script.stem}"
            call = f"from {module} import {entry}; {entry}(None)"
            yield Job(
                place, When((expression,), "UTC", Rule.ROBFIG), name=folder.name,
                command=shlex.join(["python", "-c", call]), folder=str(folder.parent),
            ).noted(Fate.ADAPTED, entry, "is called with None for its timer, as python -c").noted(
                Fate.ADAPTED, "zone", "is taken as UTC: look whether the app sets WEBSITE_TIME_ZONE"
            )  # fmt: skip


def read_prefect(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each deployment of a prefect.yaml that has a time.

    :raises JobsUnreadableError: it is no YAML.
    """
    for document in documents(text, path, tags=True):
        for deployment in _fields_of(document.get("deployments")):
            schedules = _fields_of(deployment.get("schedules")) or _fields_of([deployment.get("schedule")])
            if schedules:
                yield from _deployment(deployment, schedules, path)


def _deployment(deployment: Fields, schedules: list[Fields], path: str) -> Iterator[Job | Refusal]:
    name = text_of(deployment.get("name"))
    said = ", ".join(text_of(each.get("cron")) or "no cron" for each in schedules)
    place = Place(path, line_of(deployment, "name"), f"{name}: {said}")
    if not all(text_of(each.get("cron")) for each in schedules):
        yield Refusal(place, "It has an interval or a rule, and no cron: give it its times of day.")
    entry = re.fullmatch(r"(?P<path>[\w./-]+)\.py:(?P<flow>\w+)", text_of(deployment.get("entrypoint")))
    if entry is None:
        yield Refusal(place, "Its entrypoint is no flow of a file: expected one such as flows/sales.py:report.")
        return
    with_cron = [each for each in schedules if text_of(each.get("cron"))]
    zones = {text_of(each.get("timezone")) or "UTC" for each in with_cron}
    if len(zones) > 1:
        yield Refusal(place, "Its times are in several zones: write a deployment for each.")
        return
    expressions, refused = kept((text_of(each.get("cron")) for each in with_cron), Rule.ROBFIG, place)
    yield from refused
    if not expressions:
        return
    when = When(expressions, zones.pop(), Rule.ROBFIG)
    module = entry["path"].strip("./").replace("/", ".")
    parameters = {str(key): value for key, value in deployment.fields("parameters").items()}
    call = f"from {module} import {entry['flow']}; {entry['flow']}(**{parameters!r})"
    yield Job(
        place, when, name=name, command=shlex.join(["python", "-c", call]), folder=str(Path(path).resolve().parent),
        overlaps=deployment.get("concurrency_limit") != 1,
    ).noted(Fate.ADAPTED, "entrypoint", "the flow is called as the function that it is, and Prefect's server sees nothing of it")  # fmt: skip
