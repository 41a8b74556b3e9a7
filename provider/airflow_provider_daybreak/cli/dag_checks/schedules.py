"""What a Dag says of itself and in the fields of its tasks: its schedule's zone, its params, images, values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, get_args

from airflow_provider_daybreak.archive.layout import check_report
from airflow_provider_daybreak.cli.dag_checks.finding import IS, Finding
from airflow_provider_daybreak.delivery.rules import Mode, OnCorrection, OnRefused, OnUnknown
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.releases.layout import SLUG
from airflow_provider_daybreak.reports.period import PeriodName, zone
from airflow_provider_daybreak.reports.rendering import check_formats
from airflow_provider_daybreak.reports.templates.code import with_default

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jinja2 import nodes

Facts = dict[str, Any]
"""Of a Dag or a task, as ``facts`` tells them."""

_PRESETS = frozenset({"@daily", "@weekly", "@monthly", "@quarterly", "@yearly", "@annually", "@midnight"})
_CONTAINERS = frozenset(
    {"DockerOperator", "DockerSwarmOperator", "KubernetesPodOperator", "EcsRunTaskOperator"}
)
_PERIODS = get_args(PeriodName)
_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "ReportOperator": {"period": _PERIODS, "when_empty": ("send", "skip", "fail")},
    "ReportEmailOperator": {
        "mode": get_args(Mode),
        "on_correction": get_args(OnCorrection),
        "on_refused": get_args(OnRefused),
        "on_unknown": get_args(OnUnknown),
    },
    "VenvRunOperator": {"period": _PERIODS, "mail": ("direct", "once", "capture"), "clock": ("report_date",)},
    "ScriptDockerOperator": {
        "period": _PERIODS,
        "mail": ("direct", "once", "capture"),
        "clock": ("report_date",),
    },
}
_CLOCK = re.compile(r"\b(?:datetime\.)?(?:datetime|date)\.(?:now|today|utcnow)\(|\bpendulum\.(?:now|today)\(")


def place(task: Facts, dag: Facts) -> tuple[Path, int]:
    """Return the file and line that a task is made in, or else those of its Dag."""
    return (Path(task["path"]), task["line"]) if task["path"] else (Path(dag["path"]), dag["line"])


def is_a(task: Facts, *kinds: str) -> bool:
    """Return whether a task's operator is of such a class, or of one below."""
    return not set(kinds).isdisjoint(task["kinds"])


def is_literal(value: object) -> TypeGuard[str]:
    """Return whether a value is a text that no template is in."""
    return isinstance(value, str) and "{{" not in value and "{%" not in value


def data_of(task: Facts) -> Sequence[Any]:
    """Return what a task's data comes from: facts of each source, or the value itself."""
    data = task["fields"].get("data")
    return list(data.values()) if isinstance(data, dict) else ()


def runs_of(task: Facts) -> Iterator[dict[str, Any]]:
    """Yield what a task says of each run of a release that it makes: of its own, and of its data's."""
    if is_a(task, "VenvRunOperator"):
        yield task["fields"]
    for source in data_of(task):
        if isinstance(source, dict) and source.get(IS) == "ScriptSource":
            yield source


def schedule_zone(dag: Facts) -> Iterator[Finding]:
    """Yield a cron expression whose hours are UTC's because nobody says whose they are."""
    from airflow.configuration import conf

    cron, default = dag["cron"], conf.get("core", "default_timezone", fallback="utc")
    if not cron or dag["zone_said"] or default.lower() not in ("utc", "system"):
        return
    minute_only = cron.split()[1:] == ["*"] * 4
    if (cron.startswith("@") and cron not in _PRESETS) or minute_only:
        return
    yield Finding(
        "schedule-zone",
        Path(dag["path"]),
        dag["line"],
        f"{cron!r} is by UTC's clock, since neither the schedule nor an aware start_date names a zone.",
        f"Name it: schedule=CronTriggerTimetable({cron!r}, timezone='Europe/Berlin'), or timezone='UTC' where that is meant",
    )


def images(dag: Facts) -> Iterator[Finding]:
    """Yield images of container tasks that may be others tomorrow."""
    for task in dag["tasks"]:
        image = task["fields"].get("image")
        if is_a(task, *_CONTAINERS) and is_literal(image) and image and (problem := unpinned(image)):
            yield Finding(
                "unpinned-image",
                *place(task, dag),
                f"The image {image!r} {problem}: tomorrow it may be another.",
                "Name a version, such as python:3.12-slim, or a digest: image@sha256:…",
            )


def unpinned(image: str) -> str:
    """Return what an image's name lacks, or ""."""
    if "@sha256:" in image:
        return ""
    tag = image.rpartition("/")[2].partition(":")[2]
    if not tag:
        return "has neither a tag nor a digest"
    return f"has the tag {tag!r}" if tag in ("latest", "main", "master", "edge", "nightly") else ""


def fields(dag: Facts) -> Iterator[Finding]:
    """Yield what templates in the fields of tasks get wrong: their syntax, params, tasks; and the time of day."""
    known = {task["task_id"] for task in dag["tasks"]}
    for task in dag["tasks"]:
        seen = set()
        for name in task["templated"]:
            for text in _texts(task["fields"].get(name)):
                if "{" not in text or (text.endswith(tuple(task["files"])) and "\n" not in text):
                    continue
                for rule, message, step in _in_template(text, name, task, dag, known):
                    if message not in seen:
                        seen.add(message)
                        yield Finding(rule, *place(task, dag), message, step)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _in_template(
    text: str, name: str, task: Facts, dag: Facts, known: set[str]
) -> Iterator[tuple[str, str, str]]:
    from jinja2 import Environment, TemplateSyntaxError, nodes

    where = f"{task['task_id']!r}: its {name}"
    try:
        tree = Environment(autoescape=True, extensions=["jinja2.ext.do"]).parse(text)
    except TemplateSyntaxError as error:
        yield (
            "template-error",
            f"{where} is no template that compiles: {error.message}.",
            "Mend it, or write {{ '{{' }} for braces",
        )
        return
    if task["ours"] and (found := _CLOCK.search(text)):
        message = f"{where} asks for the time of day ({found[0]}…)): a backfilled day gets today's."
        yield "wall-clock", message, "Leave it out: a report's date is its run's own; or take {{ ds }}"
    params = {*dag["params"], *task["params"]}
    for param in sorted(_params_of(tree) - params):
        there = f"one of {', '.join(sorted(params))}" if params else "none"
        message = f"{where} takes the param {param!r}, and the Dag has {there}."
        yield "unknown-param", message, f"Add it to the Dag: params={{{param!r}: Param(…)}}"
    for call in tree.find_all(nodes.Call):
        for asked in _pulled(call):
            if asked not in known:
                message = f"{where} takes what the task {asked!r} gave, and the Dag has no such task."
                yield "unknown-task", message, "Name a task of this Dag, with the ids of its groups before it"


def _params_of(tree: nodes.Template) -> set[str]:
    from jinja2 import nodes

    optional = {id(node) for node in with_default(tree)}
    found = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if not isinstance(node, (nodes.Getattr, nodes.Getitem)) or id(node) in optional:
            continue
        if isinstance(node.node, nodes.Name) and node.node.name == "params":
            name = node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None)
            if isinstance(name, str) and name not in dir(dict):
                found.add(name)
    return found


def _pulled(call: nodes.Call) -> Iterator[str]:
    from jinja2 import nodes

    if not isinstance(call.node, nodes.Getattr) or call.node.attr != "xcom_pull":
        return
    keywords = {each.key: each.value for each in call.kwargs}
    if "dag_id" in keywords:
        return
    asked = keywords.get("task_ids", call.args[0] if call.args else None)
    for each in asked.items if isinstance(asked, (nodes.List, nodes.Tuple)) else [asked]:
        if isinstance(each, nodes.Const) and isinstance(each.value, str):
            yield each.value


def values(dag: Facts) -> Iterator[Finding]:
    """Yield arguments of our operators that their tasks would refuse."""
    for task in dag["tasks"]:
        for problem in _refused(task):
            yield Finding(
                "bad-value", *place(task, dag), f"{task['task_id']!r}: {problem}", "Give it one of those"
            )


def _refused(task: Facts) -> Iterator[str]:
    said = task["fields"]
    for kind, choices in _CHOICES.items():
        for name, expected in choices.items() if is_a(task, kind) else ():
            value = said.get(name)
            if is_literal(value) and value not in expected:
                yield f"{name}={value!r}; expected {' or '.join(map(repr, expected))}."
    if is_a(task, "ReportOperator"):
        checks: tuple[tuple[Callable[[Any], object], str], ...] = (
            (check_report, "report"),
            (check_formats, "formats"),
            (zone, "timezone"),
        )
        for check, name in checks:
            value = said.get(name)
            if value is not None and (
                is_literal(value) or (isinstance(value, list) and all(map(is_literal, value)))
            ):
                try:
                    check(value)
                except DaybreakError as error:
                    yield str(error)
    if is_a(task, "VenvDeployOperator") and is_literal(name := said.get("name")) and not SLUG.fullmatch(name):
        yield f"name={name!r}; expected 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit."
