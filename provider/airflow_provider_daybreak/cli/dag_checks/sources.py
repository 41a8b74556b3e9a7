"""The files that tasks name: sources and their requirements, scripts, templates, queries, Dockerfiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.dag_checks.finding import IS, Finding
from airflow_provider_daybreak.cli.dag_checks.schedules import (
    Facts,
    data_of,
    is_a,
    is_literal,
    place,
    runs_of,
    unpinned,
)
from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    RequirementRefusedError,
    TemplateError,
)
from airflow_provider_daybreak.releases.requirements.declared import Requirements, read_requirements
from airflow_provider_daybreak.releases.scan import scan
from airflow_provider_daybreak.releases.source import Source, read_source
from airflow_provider_daybreak.reports.templates.template import compile_template

if TYPE_CHECKING:
    from collections.abc import Iterator

_FROM = re.compile(r"FROM\s+(?:--\S+\s+)*(?P<image>\S+)(?:\s+AS\s+(?P<stage>\S+))?", re.IGNORECASE)


def missing(path: Path, what: str, task: Facts, dag: Facts) -> Finding:
    """Return that a file which a task names isn't there; one outside of the repository may be where the task runs."""
    if not path.absolute().is_relative_to(dag["top"]):
        message = f"{task['task_id']!r}: the {what} {str(path)!r} is outside of the repository, and not on this machine."
        step = (
            "Keep it beside the Dag, so that both are deployed together; or ignore this where workers have it"
        )
        return Finding("file-elsewhere", *place(task, dag), message, step)
    message = f"{task['task_id']!r}: there is no {what} {str(path)!r}."
    return Finding(
        "missing-file", *place(task, dag), message, "Add it to the repository, or name one that is there"
    )


def deploys(dag: Facts) -> Iterator[Finding]:
    """Yield what a deploy would refuse of its source, and what it would only warn of when it runs."""
    for task in dag["tasks"]:
        given = task["fields"].get("source")
        if not is_a(task, "VenvDeployOperator") or not is_literal(given):
            continue
        path = Path(given).expanduser()
        if not path.exists():
            yield missing(path, "source", task, dag)
            continue
        runs = list(_runs_of(task, dag))
        try:
            source = read_source(path)
            yield from _scripts(source, runs, dag)
            requirements = task["fields"].get("requirements")
            if is_literal(requirements):
                commands = [run["command"] for _, run in runs if isinstance(run.get("command"), (str, list))]
                yield from _locked(read_requirements(source, str(requirements), commands), task, dag)
        except RequirementRefusedError as error:
            yield _bad(Path(error.path), error.line, error)
        except DaybreakError as error:
            yield _bad(*place(task, dag), error)


def _bad(path: Path, line: int, error: DaybreakError) -> Finding:
    return Finding(
        "bad-source", path, line, f"A deploy refuses it: {str(error).splitlines()[0]}", "Mend what it names"
    )


def _runs_of(deploy: Facts, dag: Facts) -> Iterator[tuple[Facts, dict[str, Any]]]:
    """Yield each task that runs a deploy's release, with what it says of the run."""
    name = deploy["fields"].get("name")
    for task in dag["tasks"]:
        for run in runs_of(task):
            release = run.get("release")
            ours = isinstance(release, dict) and release.get("task") == deploy["task_id"]
            if ours or (isinstance(release, str) and release == name):
                yield task, run


def _scripts(source: Source, runs: list[tuple[Facts, dict[str, Any]]], dag: Facts) -> Iterator[Finding]:
    paths = [file["path"] for file in source.files]
    found = scan(source.folder, paths)
    for task, run in runs:
        command = run.get("command")
        first = command[0] if isinstance(command, list) and command else str(command or "").split(" ")[0]
        if is_literal(first) and first.endswith(".py") and not first.startswith("/") and first not in paths:
            yield missing(source.folder / first, "script", task, dag)
        if found.clock_calls and not run.get("clock"):
            calls = (
                f"{found.clock_calls[0]}{f' and {more} more' if (more := len(found.clock_calls) - 1) else ''}"
            )
            message = f"{task['task_id']!r} runs what asks for the time of day ({calls}): a backfilled day gets today's."
            step = "Say clock='report_date' in the task, or give the script its date: DAYBREAK_REPORT_DATE"
            yield Finding("script-clock", *place(task, dag), message, step)
        if found.mails and run.get("mail", "direct") == "direct" and is_a(task, "VenvRunOperator"):
            message = f"{task['task_id']!r} runs what mails by itself ({found.mails}): each retry and each clear mails again."
            yield Finding("script-mail", *place(task, dag), message, "Say mail='once' in the task")


def _locked(found: Requirements, task: Facts, dag: Facts) -> Iterator[Finding]:
    if found.kind == "none" or found.hashed or found.pins or not (found.lines or found.conda):
        return
    path = Path(found.path.split(", ")[0])
    at = (path, found.lines[0].number) if found.lines and path.is_file() else place(task, dag)
    yield Finding(
        "missing-lock",
        *at,
        f"{path.name} is no lock: what it leaves open is chosen by each deploy anew, and another day by other versions.",
        f"Lock it: uv pip compile --universal --generate-hashes {path.name} -o requirements.txt, or uv lock for a pyproject.toml",
    )


def reports(dag: Facts) -> Iterator[Finding]:
    """Yield templates and queries that are missing or wrong."""
    folder = Path(dag["fileloc"]).parent
    for task in dag["tasks"]:
        if not is_a(task, "ReportOperator"):
            continue
        template, data = task["fields"].get("template"), task["fields"].get("data")
        if is_literal(template):
            yield from _template(folder / template, data, task, dag)
        for source in data_of(task):
            query = source.get("sql") if isinstance(source, dict) and source.get(IS) == "SqlSource" else None
            if is_literal(query) and query.strip().endswith(".sql") and not (folder / query.strip()).is_file():
                yield missing(folder / query.strip(), "query", task, dag)


def _template(path: Path, data: object, task: Facts, dag: Facts) -> Iterator[Finding]:
    if not path.is_file():
        yield missing(path, "template", task, dag)
        return
    try:
        names = compile_template(path)
    except TemplateError as error:
        yield Finding(
            "template-error", Path(error.path), error.line or 0, f"{error.problem.rstrip('.')}.", "Mend it"
        )
        return
    except DaybreakError as error:
        yield Finding("template-error", path, 0, str(error), "Mend it")
        return
    if data is None or (isinstance(data, dict) and IS not in data):
        for name, line in sorted(names.items()):
            if name not in (data or {}):
                there = ", ".join(sorted(data or {})) or "no names"
                message = f"It names {name!r}, and the data of {task['task_id']!r} has {there}."
                yield Finding(
                    "template-name", path, line, message, "Name what there is, or give the task that data"
                )


def builds(dag: Facts) -> Iterator[Finding]:
    """Yield Dockerfiles that are missing, and those that begin with an image that may be another tomorrow."""
    for task in dag["tasks"]:
        build = task["fields"].get("build")
        said = build if isinstance(build, dict) else {"folder": build}
        if not is_a(task, "ScriptDockerOperator") or not is_literal(said.get("folder")):
            continue
        path = Path(str(said["folder"])) / str(said.get("dockerfile") or "Dockerfile")
        if not path.is_file():
            yield missing(path, "Dockerfile", task, dag)
            continue
        yield from _images_of(path)


def _images_of(path: Path) -> Iterator[Finding]:
    stages: set[str] = {"scratch"}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not (found := _FROM.match(line.strip())):
            continue
        image = found["image"]
        if image not in stages and "$" not in image and (problem := unpinned(image)):
            message = f"The image {image!r} {problem}: what is built tomorrow may be another."
            yield Finding(
                "unpinned-image", path, number, message, "Name a version, such as python:3.12-slim, or a digest"
            )
        stages |= {found["stage"]} if found["stage"] else set()
