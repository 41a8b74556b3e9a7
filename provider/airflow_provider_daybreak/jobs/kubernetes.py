"""CronJobs of Kubernetes, as YAML: what they run, when and how often again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.documents import Fields, documents, line_of, text_of
from airflow_provider_daybreak.jobs.job import Container, Fate, Job, Place, Refusal, Rule, When

if TYPE_CHECKING:
    from collections.abc import Iterator

_CPU_PARTS = 1000


def read_cronjobs(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield the job of each CronJob in a file of YAML, other objects left alone.

    :raises JobsUnreadableError: it is no YAML.
    """
    for document in documents(text, path):
        for each in document.get("items", []) if document.get("kind") == "List" else [document]:
            if isinstance(each, Fields) and each.get("kind") == "CronJob":
                yield _job(each, path)


def _job(document: Fields, path: str) -> Job | Refusal:
    spec = document.fields("spec")
    name = text_of(document.fields("metadata").get("name"))
    schedule = text_of(spec.get("schedule"))
    place = Place(
        path,
        line_of(spec, "schedule") or line_of(document, "spec"),
        f"schedule: {schedule!r}, CronJob {name!r}",
    )
    pod = spec.fields("jobTemplate").fields("spec").fields("template").fields("spec")
    containers = [each for each in pod.get("containers") or [] if isinstance(each, Fields)]
    if len(containers) != 1:
        return Refusal(
            place, f"Its pod has {len(containers)} containers: a task runs one. Write a task for each."
        )
    zone = text_of(spec.get("timeZone")) or None
    if schedule.startswith(("CRON_TZ=", "TZ=")):
        first, _, schedule = schedule.partition(" ")
        zone = first.partition("=")[2]
    try:
        when = When((checked(schedule, Rule.ROBFIG),), zone or "UTC", Rule.ROBFIG)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    job = _of(place, when, name, spec, pod, containers[0])
    if zone is None:
        job = job.noted(
            Fate.ADAPTED, "timeZone", "is not said: taken as UTC, which most clusters' controllers have"
        )
    return job


def _of(place: Place, when: When, name: str, spec: Fields, pod: Fields, container: Fields) -> Job:
    policy = text_of(spec.get("concurrencyPolicy")) or "Allow"
    inner = spec.fields("jobTemplate").fields("spec")
    environment, unsaid = _environment(container)
    limits = container.fields("resources").fields("limits")
    words = [*_words(container.get("command")), *_words(container.get("args"))]
    job = Job(
        place,
        when,
        name=name,
        timeout=_seconds(inner.get("activeDeadlineSeconds") or pod.get("activeDeadlineSeconds")),
        deadline=_seconds(spec.get("startingDeadlineSeconds")),
        overlaps=policy == "Allow",
        retries=inner["backoffLimit"] if isinstance(inner.get("backoffLimit"), int) else None,
        container=Container(
            text_of(container.get("image")),
            command=tuple(words),
            environment=environment,
            options=_options(limits),
        ),
    )
    if policy == "Replace":
        job = job.noted(
            Fate.ADAPTED, "concurrencyPolicy: Replace", "a run waits for the one before, rather than ending it"
        )
    for each, why in unsaid:
        job = job.noted(Fate.REFUSED, each, why)
    for key, why in (
        (
            "volumeMounts",
            "is not mounted: name the files that go in by inputs=, and those that come out by outputs=",
        ),
        ("lifecycle", "is not kept: the operator starts and ends its container itself"),
    ):
        if container.get(key):
            job = job.noted(Fate.REFUSED, key, why)
    for key, why in (
        ("initContainers", "is not kept: write a task that comes before it"),
        ("serviceAccountName", "is not given: a ScriptPodOperator has service_account_name="),
        ("imagePullSecrets", "is not given: docker_conn_id= of the operator logs in to a registry"),
    ):
        if pod.get(key):
            job = job.noted(Fate.REFUSED, key, why)
    if spec.get("suspend") is True:
        job = job.noted(Fate.KEPT, "suspend: true", "every imported Dag is paused until somebody lets it run")
    return job


def _environment(container: Fields) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the variables that are said, and what names others, each with a word on it."""
    said: dict[str, str] = {}
    unsaid: list[tuple[str, str]] = []
    for each in container.get("env") or []:
        if not isinstance(each, Fields):
            continue
        name = text_of(each.get("name"))
        if "value" in each:
            said[name] = text_of(each.get("value"))
        else:
            unsaid.append(
                (
                    f"env {name}",
                    "comes from the cluster: give it by private_environment=, from a connection or a variable",
                )
            )
    if container.get("envFrom"):
        unsaid.append(
            (
                "envFrom",
                "comes from the cluster: give it by private_environment=, from a connection or a variable",
            )
        )
    return said, unsaid


def _words(said: Any) -> list[str]:
    return [text_of(each) for each in said] if isinstance(said, list) else []


def _seconds(said: Any) -> timedelta | None:
    return timedelta(seconds=said) if isinstance(said, int) and said > 0 else None


def _options(limits: Fields) -> dict[str, str | float]:
    """Return what an operator is told of limits: memory as Docker writes it, and CPUs as a number."""
    memory, cpus = text_of(limits.get("memory")), _cpus(text_of(limits.get("cpu")))
    found: dict[str, str | float] = {}
    if memory:
        found["mem_limit"] = re.sub(r"i?([KMG])i?$", lambda match: match[1].lower(), memory)
    if cpus:
        found["cpus"] = cpus
    return found


def _cpus(said: str) -> float | None:
    try:
        return float(said[:-1]) / _CPU_PARTS if said.endswith("m") else float(said)
    except ValueError:
        return None
