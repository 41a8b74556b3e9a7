"""
Schedules of GitLab's pipelines, as its API lists them (``/projects/ID/pipeline_schedules``), with the ``.gitlab-ci.yml`` beside.

A job of the pipeline is taken where its rules name schedules, or where it has none; what its ``script:`` says is for a shell.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidScheduleError, JobsUnreadableError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.documents import Fields, documents, line_of, text_of
from airflow_provider_daybreak.jobs.job import Fate, Job, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.steps import commands_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIPELINE = ".gitlab-ci.yml"
_NO_JOBS = frozenset(
    {"default", "image", "include", "pages", "services", "spec", "stages", "variables", "workflow", "cache"}
)


def is_schedule(document: Fields) -> bool:
    """Say whether a document is a schedule of a pipeline."""
    return "cron" in document and "cron_timezone" in document


def read_schedules(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each job that a schedule's pipeline runs.

    :raises JobsUnreadableError: it is no JSON, or the pipeline can't be read.
    """
    schedules = [each for each in documents(text, path) if is_schedule(each)]
    if not schedules:
        raise JobsUnreadableError(
            path, 0, "no schedule stands in it", "Give what GitLab's API lists: /projects/ID/pipeline_schedules"
        )
    pipeline, where = _pipeline(Path(path))
    for schedule in schedules:
        said = text_of(schedule.get("cron"))
        place = Place(
            path, line_of(schedule, "cron"), f"cron: {said!r}, {text_of(schedule.get('description'))!r}"
        )
        try:
            when = When(
                (checked(said, Rule.ROBFIG),), text_of(schedule.get("cron_timezone")) or "UTC", Rule.ROBFIG
            )
        except InvalidScheduleError as error:
            yield Refusal(place, str(error))
            continue
        if schedule.get("active") is False:
            yield Refusal(place, "It is switched off: switch it on to import it.")
            continue
        for name, job in pipeline.items():
            if (
                isinstance(job, Fields)
                and name not in _NO_JOBS
                and not str(name).startswith(".")
                and _is_scheduled(job)
            ):
                yield _job(place, when, str(name), job, pipeline, schedule, where)


def _pipeline(path: Path) -> tuple[Fields, str]:
    place = path.with_name(_PIPELINE)
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the pipeline can't be read beside it ({error})"
        raise JobsUnreadableError(
            str(path), 0, problem, f"Put the project's {_PIPELINE} into the same folder"
        ) from error
    return next(documents(text, str(place), tags=True), Fields()), str(place)


def _is_scheduled(job: Fields) -> bool:
    """Say whether a job runs in a pipeline that a schedule started."""
    if "script" not in job:
        return False
    only, rules = job.get("only"), job.get("rules")
    if only is not None:
        return "schedules" in (
            only if isinstance(only, list) else only.get("refs", []) if isinstance(only, Fields) else [only]
        )
    conditions = [text_of(each.get("if")) for each in rules or [] if isinstance(each, Fields)]
    return not conditions or any("schedule" in each and "!=" not in each for each in conditions)


def _job(
    place: Place, when: When, name: str, job: Fields, pipeline: Fields, schedule: Fields, where: str
) -> Job | Refusal:
    steps: list[Any] = [
        *_list(job.get("before_script", pipeline.get("before_script"))),
        *_list(job.get("script")),
    ]
    lines, notes = commands_of([text_of(each) for each in steps])
    if not lines:
        return Refusal(place, f"Its job {name!r} runs no command of its own: write a task for what it does.")
    variables: dict[str, str] = {}
    for source in (pipeline.fields("variables"), job.fields("variables")):
        variables |= {str(key): text_of(value) for key, value in source.items()}
    for each in _list(schedule.get("variables")):
        if isinstance(each, Fields):
            variables[text_of(each.get("key"))] = text_of(each.get("value"))
    image = text_of(job.get("image") or pipeline.get("image"))
    made = Job(
        place, when, name=name, command="\n".join(lines), folder=str(Path(where).parent), environment=variables,
        overlaps=not job.get("resource_group"), notes=tuple(notes),
    )  # fmt: skip
    if image:
        made = made.noted(
            Fate.ADAPTED,
            f"image: {image}",
            "the deploy makes an environment; for an image take a ScriptDockerOperator",
        )
    for key in ("artifacts", "services", "needs"):
        if job.get(key):
            made = made.noted(
                Fate.REFUSED, key, "is GitLab's: see artifacts= of the task, and tasks that come before it"
            )
    return made.noted(
        Fate.ADAPTED, "variables of the project", "lie at GitLab: put what the script needs into the .env"
    )


def _list(said: Any) -> list[Any]:
    return said if isinstance(said, list) else [said] if said else []
