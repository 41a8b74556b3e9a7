"""Compose files whose services have labels of ofelia: what runs in them, and when."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.documents import Fields, documents, line_of, text_of
from airflow_provider_daybreak.jobs.job import Container, Fate, Job, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.seconds import without_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_LABEL = re.compile(r"ofelia\.(?P<kind>job-(?:exec|run|local|service-run))\.(?P<name>[^.]+)\.(?P<key>[\w-]+)")


def is_compose(document: Fields) -> bool:
    """Say whether a document is a Compose file with labels of ofelia."""
    return any(_labels(each) for each in document.fields("services").values() if isinstance(each, Fields))


def _labels(service: Fields) -> dict[tuple[str, str], dict[str, str]]:
    """Return the jobs that a service's labels say: by kind and name, each with its keys."""
    said = service.get("labels")
    pairs = (
        [(str(key), text_of(value)) for key, value in said.items()]
        if isinstance(said, Fields)
        else [(text_of(each).partition("=")[0], text_of(each).partition("=")[2]) for each in said or []]
        if isinstance(said, list)
        else []
    )
    found: dict[tuple[str, str], dict[str, str]] = {}
    for key, value in pairs:
        if match := _LABEL.fullmatch(key):
            found.setdefault((match["kind"], match["name"]), {})[match["key"]] = value
    return found


def read_compose(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each job that the labels of a Compose file say.

    :raises JobsUnreadableError: it is no YAML.
    """
    for document in documents(text, path):
        services = document.fields("services")
        for name, service in services.items():
            if isinstance(service, Fields):
                for (kind, job), said in _labels(service).items():
                    place = Place(
                        path,
                        line_of(service, "labels") or line_of(services, name),
                        f"{kind} {job!r} of {name!r}: {said.get('schedule', '')}",
                    )
                    yield _job(place, kind, job, said, service)


def _job(place: Place, kind: str, name: str, said: dict[str, str], service: Fields) -> Job | Refusal:
    try:
        when = When((checked(without_seconds(said.get("schedule", "")), Rule.ROBFIG),), "UTC", Rule.ROBFIG)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    image = said.get("image") or text_of(service.get("image"))
    overlaps = said.get("no-overlap", "") != "true"
    if kind == "job-local":
        job = Job(
            place,
            when,
            name=name,
            command=said.get("command", ""),
            folder=said.get("dir", ""),
            overlaps=overlaps,
        )
    elif not image:
        return Refusal(
            place,
            "Its service builds its image: name one by image:, or write build= of a ScriptDockerOperator.",
        )
    else:
        try:
            words = tuple(shlex.split(said.get("command", "")))
        except ValueError as error:
            return Refusal(place, f"Its command can't be read ({error}): close the quote.")
        environment = service.get("environment")
        variables = (
            {str(key): text_of(value) for key, value in environment.items()}
            if isinstance(environment, Fields)
            else {}
        )
        if isinstance(environment, list):
            variables = {key: value for key, _, value in (text_of(each).partition("=") for each in environment)}
        job = Job(place, when, name=name, overlaps=overlaps, container=Container(image, words, variables))
        if kind == "job-exec":
            job = job.noted(
                Fate.ADAPTED,
                kind,
                "runs in a container of its own of that image, and not in the one that is up",
            )
        if service.get("volumes") or said.get("volume"):
            job = job.noted(
                Fate.REFUSED,
                "volumes",
                "are not mounted: name the files that go in by inputs=, and those that come out by outputs=",
            )
    return job.noted(Fate.ADAPTED, "zone", "is taken as UTC, which ofelia's own image has")
