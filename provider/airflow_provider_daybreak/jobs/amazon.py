"""Schedules of Lambda functions: CloudFormation, SAM, and serverless.yml. A handler is called with the event that is said, or an empty one."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.documents import Fields, documents, line_of, text_of
from airflow_provider_daybreak.jobs.job import Fate, Job, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.seconds import of_amazon

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES = ("Schedule", "ScheduleV2")
_RULES = ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
_FUNCTIONS = ("AWS::Serverless::Function", "AWS::Lambda::Function")
_ELSEWHERE = "What it starts is no function of this file: import it where that stands, with this time."


def is_template(document: Fields) -> bool:
    """Say whether a document describes functions of Lambda, or rules of EventBridge."""
    resources = [each for each in document.fields("Resources").values() if isinstance(each, Fields)]
    amazons = any(text_of(each.get("Type")).startswith("AWS::") for each in resources)
    return amazons or (bool(document.fields("functions")) and "provider" in document)


def read_template(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each function that a template starts at a time.

    :raises JobsUnreadableError: it is no YAML.
    """
    for document in documents(text, path, tags=True):
        yield from read_resources(document, path)
        for name, function in document.fields("functions").items():
            if isinstance(function, Fields):
                yield from _function(str(name), function, document, path)


def read_resources(document: Fields, path: str) -> Iterator[Job | Refusal]:
    """Yield each function that a resource of a template starts at a time."""
    for name, resource in document.fields("Resources").items():
        if isinstance(resource, Fields):
            yield from _resource(str(name), resource, document, path)


def _resource(name: str, resource: Fields, document: Fields, path: str) -> Iterator[Job | Refusal]:
    kind, said = text_of(resource.get("Type")), resource.fields("Properties")
    place = Place(path, line_of(document.fields("Resources"), name), f"{name} ({kind})")
    if kind in _RULES and "ScheduleExpression" in said:
        yield from _rule(said, document, replace(place, line=line_of(said, "ScheduleExpression") or place.line))
    if kind != "AWS::Serverless::Function":
        return
    shared = document.fields("Globals").fields("Function")
    for event in said.fields("Events").values():
        if isinstance(event, Fields) and text_of(event.get("Type")) in _TYPES:
            properties = event.fields("Properties")
            expression = text_of(properties.get("Schedule") or properties.get("ScheduleExpression"))
            yield _job(
                Place(path, line_of(properties, "Schedule") or place.line, f"{name}: {expression}"), name, expression,
                zone=text_of(properties.get("ScheduleExpressionTimezone")), event=text_of(properties.get("Input")), **_called(said, shared),
            )  # fmt: skip


def _called(said: Fields, shared: Fields) -> dict[str, Any]:
    """Return what is called, as a resource of a function describes it, and what all functions of its file have."""
    return {
        "handler": text_of(said.get("Handler") or shared.get("Handler")),
        "folder": text_of(said.get("CodeUri") or said.get("Code") or shared.get("CodeUri")),
        "variables": {
            **shared.fields("Environment").fields("Variables"),
            **said.fields("Environment").fields("Variables"),
        },
        "seconds": said.get("Timeout", shared.get("Timeout")),
        "runtime": text_of(said.get("Runtime") or shared.get("Runtime")),
    }


def _rule(said: Fields, document: Fields, place: Place) -> Iterator[Job | Refusal]:
    """Yield a job for each function that a rule or a schedule starts."""
    if text_of(said.get("State")).startswith("DISABLED"):
        yield Refusal(place, "It is disabled: enable it, and import it then, or leave it where it is.")
        return
    targets = said.get("Targets") if "Targets" in said else [said.get("Target")]
    for target in targets if isinstance(targets, list) else []:
        name = _named(target.get("Arn")) if isinstance(target, Fields) else ""
        function = document.fields("Resources").fields(name)
        if text_of(function.get("Type")) not in _FUNCTIONS:
            yield Refusal(place, _ELSEWHERE)
            continue
        expression = text_of(said.get("ScheduleExpression"))
        yield _job(
            replace(place, text=f"{name}: {expression}"), _own_name(function, name), expression, zone=text_of(said.get("ScheduleExpressionTimezone")),
            event=text_of(target.get("Input")), **_called(function.fields("Properties"), document.fields("Globals").fields("Function")),
        )  # fmt: skip


def _own_name(function: Fields, name: str) -> str:
    said = text_of(function.fields("Properties").get("FunctionName"))
    return said if re.fullmatch(r"[\w-]+", said) else name


def _named(arn: Any) -> str:
    """Return which resource of its own file a template means by ``!GetAtt Sales.Arn``, in any of its three forms."""
    if isinstance(arn, Fields):
        found = arn.get("Fn::GetAtt")
        arn = ".".join(map(text_of, found)) if isinstance(found, list) else text_of(found)
    match = re.fullmatch(r"(?:!GetAtt )?(?P<name>\w+)\.Arn", text_of(arn))
    return match["name"] if match else ""


def _function(name: str, function: Fields, document: Fields, path: str) -> Iterator[Job | Refusal]:
    events = function.get("events")
    for event in events if isinstance(events, list) else []:
        if not isinstance(event, Fields) or "schedule" not in event:
            continue
        said = event["schedule"]
        rates = said.get("rate") if isinstance(said, Fields) else said
        provider = document.fields("provider")
        for rate in rates if isinstance(rates, list) else [rates]:
            yield _job(
                Place(path, line_of(event, "schedule"), f"{name}: {text_of(rate)}"), name, text_of(rate),
                zone=text_of(said.get("timezone")) if isinstance(said, Fields) else "", handler=text_of(function.get("handler")), folder="",
                variables={**provider.fields("environment"), **function.fields("environment")},
                seconds=function.get("timeout", provider.get("timeout")), runtime=text_of(function.get("runtime") or provider.get("runtime")),
                event=_input(said),
            )  # fmt: skip


def _input(said: Any) -> str:
    """Return the event that serverless.yml says, as JSON; empty where it says none."""
    given = said.get("input") if isinstance(said, Fields) else None
    return "" if given is None else json.dumps(given, default=text_of)


def _job(
    place: Place,
    name: str,
    expression: str,
    *,
    zone: str,
    handler: str,
    folder: str,
    variables: dict[Any, Any],
    seconds: Any,
    runtime: str,
    event: str,
) -> Job | Refusal:
    if runtime and not runtime.startswith(("python", "!")):
        return Refusal(
            place,
            f"Its runtime is {runtime}: a deploy runs Python. Put it into an image, for a ScriptDockerOperator.",
        )
    module, _, function = handler.rpartition(".")
    if not module or not module.replace("/", "").replace(".", "").isidentifier() or not function.isidentifier():
        return Refusal(
            place, f"Its handler {handler!r} is none of a Python module: expected one such as app.handler."
        )
    try:
        when = When((checked(of_amazon(expression), Rule.ROBFIG),), zone or "UTC", Rule.ROBFIG)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    known = {str(key): text_of(value) for key, value in variables.items()}
    plain = {key: value for key, value in known.items() if not value.startswith("!") and "${" not in value}
    where = posixpath.dirname(module)
    try:
        given = json.loads(event or "{}")
    except ValueError:
        return Refusal(place, f"Its event {event!r} is no JSON: write it as one, such as {{}}.")
    call = f"from {posixpath.basename(module)} import {function}; {function}({given!r}, None)"
    job = Job(
        place, when, name=name, command=shlex.join(["python", "-c", call]),
        folder=posixpath.normpath(posixpath.join(str(Path(place.file).resolve().parent), folder, where)), environment=plain,
        timeout=timedelta(seconds=seconds) if isinstance(seconds, int) else None,
    ).noted(Fate.ADAPTED, handler, f"is called with {'the event that is said' if event else 'an empty event'} and no context, as python -c")  # fmt: skip
    for key in known.keys() - plain.keys():
        job = job.noted(
            Fate.REFUSED, f"{key}: {known[key]}", "is for the template to find out: put its value into the .env"
        )
    return job
