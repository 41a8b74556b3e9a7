"""What Dags of a folder do to each other: ids, reports and releases that two would write, and mails of what nobody writes."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.dag_checks.finding import Finding
from airflow_provider_daybreak.cli.dag_checks.schedules import Facts, is_a, is_literal, place, runs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def duplicates(dags: Sequence[Facts]) -> Iterator[Finding]:
    """Yield Dags whose id another file has too."""
    first: dict[str, Facts] = {}
    for dag in dags:
        other = first.setdefault(dag["dag_id"], dag)
        if other["fileloc"] != dag["fileloc"]:
            message = f"The Dag {dag['dag_id']!r} is in {Path(other['fileloc']).name!r} too: Airflow shows the one that it read last."
            yield Finding(
                "duplicate-dag", Path(dag["path"]), dag["line"], message, "Give one of them an id of its own"
            )


def writers(dags: Sequence[Facts]) -> Iterator[Finding]:
    """Yield tasks that publish a report, or deploy a release, which a task of another Dag does too."""
    found: dict[tuple[str, str, str], list[tuple[Facts, Facts]]] = defaultdict(list)
    for dag in dags:
        for task in dag["tasks"]:
            for what, name, archive in _written(task, dag):
                found[what, name, archive].append((task, dag))
    for (what, name, _), pairs in found.items():
        owner = pairs[0][1]["dag_id"]
        for task, dag in pairs[1:]:
            if (
                dag["dag_id"] == owner
                or _taken_over(task) == owner
                or _taken_over(pairs[0][0]) == dag["dag_id"]
            ):
                continue
            message = f"The {what} {name!r} is written by the Dag {owner!r} too: of the two, the one that runs second is refused."
            step = f"Give the {what} a name of its own; or, after a Dag was renamed, say take_over={owner!r}"
            yield Finding("two-writers", *place(task, dag), message, step)


def _written(task: Facts, dag: Facts) -> Iterator[tuple[str, str, str]]:
    said = task["fields"]
    if is_a(task, "ReportOperator") and is_literal(said.get("report")):
        yield "report", said["report"], str(said.get("archive") or "")
    if is_a(task, "VenvDeployOperator") and is_literal(said.get("name")):
        yield "release", said["name"], ""
    mail = said.get("mail")
    options: dict[str, Any] = mail if isinstance(mail, dict) else {}
    if is_a(task, "VenvRunOperator", "ScriptDockerOperator") and (options or mail in ("once", "capture")):
        name = options.get("report")
        if name is None and is_a(task, "ScriptDockerOperator"):
            name = f"{dag['dag_id']}-{task['task_id']}"
        if is_literal(name):
            yield "report", str(name), str(options.get("archive") or "")


def _taken_over(task: Facts) -> object:
    mail = task["fields"].get("mail")
    return task["fields"].get("take_over") or (mail.get("take_over") if isinstance(mail, dict) else None)


def unknown(dags: Sequence[Facts]) -> Iterator[Finding]:
    """
    Yield runs of releases that no Dag deploys, and mails of reports that none publishes.

    :param dags: all that there are: of some alone, nobody knows.
    """
    tasks = [task for dag in dags for task in dag["tasks"]]
    released = {task["fields"].get("name") for task in tasks if is_a(task, "VenvDeployOperator")}
    published = _published(dags)
    for dag in dags:
        for task in dag["tasks"]:
            for release in _runs(task) if all(map(is_literal, released)) else ():
                if release not in released:
                    message = f"{task['task_id']!r} runs the release {release!r}, which no Dag here deploys."
                    step = "Deploy it with a VenvDeployOperator, or mend the name"
                    yield Finding("unknown-release", *place(task, dag), message, step)
            if is_a(task, "ReportEmailOperator") and not any(map(_named_when_it_runs, tasks)):
                for report in _listed(task["fields"].get("report")):
                    if is_literal(report) and report not in published:
                        message = (
                            f"{task['task_id']!r} mails the report {report!r}, which no Dag here publishes."
                        )
                        step = "Publish it with a ReportOperator, or mend the name"
                        yield Finding("unknown-report", *place(task, dag), message, step)


def _published(dags: Sequence[Facts]) -> dict[str, str]:
    """Return the archive of each report that is published under a name that its Dag says."""
    return {
        name: archive
        for dag in dags
        for task in dag["tasks"]
        for what, name, archive in _written(task, dag)
        if what == "report"
    }


def _named_when_it_runs(task: Facts) -> bool:
    """Return whether a task publishes a report whose name only its run says: by a template, or as its release is called."""
    mail = task["fields"].get("mail")
    if is_a(task, "VenvRunOperator"):
        name = mail.get("report") if isinstance(mail, dict) else None
        return mail not in (None, "direct") and not is_literal(name)
    return is_a(task, "ReportOperator") and not is_literal(task["fields"].get("report"))


def _listed(given: object) -> list[Any]:
    return given if isinstance(given, list) else [given]


def mailed_elsewhere(dags: Sequence[Facts]) -> Iterator[Finding]:
    """Yield mails of reports that are published in another archive than is looked in."""
    published = _published(dags)
    for dag in dags:
        tasks = {task["task_id"]: task for task in dag["tasks"]}
        for task in dag["tasks"]:
            if is_a(task, "ReportEmailOperator"):
                yield from _mail(task, dag, tasks, published)


def _runs(task: Facts) -> Iterator[str]:
    for run in runs_of(task):
        if is_literal(run.get("release")):
            yield run["release"]


def _mail(task: Facts, dag: Facts, tasks: dict[str, Facts], published: dict[str, str]) -> Iterator[Finding]:
    given, archive = task["fields"].get("report"), str(task["fields"].get("archive") or "")
    for report in _listed(given):
        if isinstance(report, dict):
            made_by = tasks.get(report.get("task", ""))
            if made_by is None or not is_a(made_by, "ReportOperator"):
                continue
            where = str(made_by["fields"].get("archive") or "")
            name = made_by["task_id"]
        elif is_literal(report) and report in published:
            name, where = report, published[report]
        else:
            continue
        if where != archive and is_literal(where) and is_literal(archive):
            message = (
                f"{task['task_id']!r} looks for the report in {archive or 'the archive of the settings'}, and {name!r} "
                f"publishes it in {where or 'that of the settings'}."
            )
            yield Finding("mail-archive", *place(task, dag), message, "Give both tasks the same archive=")
