"""What Dag each job becomes: its name, its source, and what its script does by itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.importing.sources import PROJECT, frozen, reached, source_of, variables_of
from airflow_provider_daybreak.jobs.command import understand
from airflow_provider_daybreak.jobs.cron import times_a_day
from airflow_provider_daybreak.jobs.job import Fate, Job, LineError, Note, Refusal, When
from airflow_provider_daybreak.jobs.secrets import hidden, without_secrets
from airflow_provider_daybreak.jobs.task import Task
from airflow_provider_daybreak.jobs.writing import DagFile, ping_variable, shell_file_beside, shell_of, text_of
from airflow_provider_daybreak.jobs.zones import known_zone, zone_meant
from airflow_provider_daybreak.releases.scan import Findings, scan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

_NAME = 50  # letters of a name, which leaves room for what makes it the only one


@dataclass(frozen=True)
class Planned:
    """
    A Dag that is to be written.

    :param jobs: those that it stands for: lines that run the same at other times are one Dag.
    :param files: what its folder holds, by path; those of the script are copied from ``source``.
    :param copied: paths of the script's files, relative to ``source``.
    :param notes: what became of each part.
    """

    dag: DagFile
    jobs: tuple[Job, ...]
    when: When
    files: dict[str, bytes] = field(default_factory=dict)
    source: Path | None = None
    copied: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def text(self) -> str:
        """The Dag file's text."""
        return text_of(self.dag)


def plan(found: Iterable[Job | Refusal], zone: str, since: date) -> tuple[list[Planned], list[Refusal]]:
    """
    Return a Dag for each job, and what is refused.

    :param zone: name of the zone that times are in where a job does not say it.
    :param since: the day from which a Dag makes up for what it missed, where its job did.
    """
    refused: list[Refusal] = []
    groups: dict[object, list[tuple[Job, Task]]] = {}
    for each in found:
        if isinstance(each, Refusal):
            refused.append(replace(each, place=replace(each.place, text=hidden(each.place.text, {}))))
            continue
        try:
            task = _task(each)
            when = _with_known_zone(each.when)
        except LineError as error:
            refused.append(Refusal(replace(each.place, text=hidden(each.place.text, {})), str(error)))
            continue
        each = replace(each, when=when)  # noqa: PLW2901 - the same job, with its zone as Airflow names it
        key = (
            each.name,
            each.command,
            each.stdin,
            each.folder,
            tuple(sorted(task.environment.items())),
            each.user,
            each.when.zone,
            each.container is None,
        )
        groups.setdefault(key if each.container is None else id(each), []).append((each, task))
    names: dict[str, int] = {}
    planned: list[Planned] = []
    for group in groups.values():
        job, task = group[0]
        name = _free(_name_of(job, task), names)
        planned.append(_planned(name, tuple(one for one, _ in group), task, zone, since))
    return planned, refused


def _with_known_zone(when: When) -> When:
    """
    Return times in a zone that Airflow knows.

    :raises LineError: there is none of that name.
    """
    zone = known_zone(when.zone) if when.zone else None
    if when.zone and zone is None:
        raise LineError(f"No time zone is called {when.zone!r}: expected one such as Europe/Paris, or UTC.")
    return replace(when, zone=zone)


def _task(job: Job) -> Task:
    if job.container is None:
        return understand(job)
    return Task(container=job.container, timeout=job.timeout, overlaps=job.overlaps)


def _name_of(job: Job, task: Task) -> str:
    """Return what a job is called: by its scheduler, or after its script or image."""
    image = re.sub(r"[:@].*$", "", task.container.image.rpartition("/")[2]) if task.container else ""
    module = (
        task.script.replace(".", "_")
        if task.command[:1] == ("-m",)
        else re.sub(r"\.\w+$", "", Path(task.script).name)
    )
    program = (
        Path(task.command[0]).name
        if task.command
        else re.sub(r"\W.*$", "", Path(task.shell.split(maxsplit=1)[0]).name)
        if task.shell
        else ""
    )
    for said in (job.name, module, image, program, "job"):
        name = re.sub(r"[^a-z0-9_-]+", "_", said.lower()).strip("_-")[:_NAME].strip("_-")
        if name:
            return name
    return "job"


def _free(name: str, taken: dict[str, int]) -> str:
    """
    Return a name that is not yet taken, and take it.

    :param taken: by name, the last number that was tried behind it: a hundred thousand jobs may be called alike.
    """
    free = name
    while free in taken:
        taken[name] += 1
        free = f"{name}_{taken[name]}"
    taken[free] = 1
    return free


def _planned(name: str, jobs: tuple[Job, ...], task: Task, zone: str, since: date) -> Planned:
    job = jobs[0]
    expressions = tuple(dict.fromkeys(each for one in jobs for each in one.when.expressions))
    when = When(expressions, job.when.zone or zone, job.when.rule)
    task, secrets = without_secrets(task)
    source, files, notes = source_of(task)
    env, more = variables_of(task, secrets, source)
    notes += more
    named = any(Path(each).name in PROJECT for each in files)
    if source is not None and task.venv and not named and (pins := frozen(Path(task.venv))):
        env = {**env, "requirements.txt": pins}
        why = "requirements.txt has its packages, as they were: no file of the source named any"
        notes.append(Note(Fate.ADAPTED, task.venv, why))
    seen = scan(source, _scanned(source, task, files)) if source else Findings()
    often = times_a_day(when)
    mails = bool(seen.mails or seen.escapes) or task.mails
    output = () if task.logged or mails or task.container else job.mail_to
    if mails and often > 1:
        notes.append(
            Note(
                Fate.ADAPTED,
                "its mail",
                f"goes out as before, each time: it runs {often} times a day, and mail='once' is once a day",
            )
        )
    once = "once" if (mails or output) and often == 1 else ""
    shown = {**secrets, "ping": re.sub(r"^https?://[^/]*/?", "", task.ping)} if task.ping else secrets
    dag = DagFile(
        name=name,
        task=task,
        expressions=expressions,
        zone=when.zone or zone,
        lines=tuple(hidden(one.place.text, shown) for one in jobs),
        origin=", ".join(
            dict.fromkeys(
                f"{Path(one.place.file).name}{f' line {one.place.line}' if one.place.line else ''}"
                for one in jobs
            )
        ),
        about=hidden(" ".join(job.comments), shown),
        source=str(source) if source and not files else "",
        mail=once,
        mails_output=output if once else (),
        clock=bool(seen.clock_calls),
        catchup=since if job.catches_up else None,
        retries=job.retries if job.retries is not None else 2 if once else 0,
        run_as=task.run_as or job.user,
        tell=job.mail_to,
        env_file=task.container is not None and ".env" in env,
        shell_file=shell_file_beside(task, files),
    )
    if dag.shell_file != shell_file_beside(Task(), ()) and shell_of(dag):
        notes.append(
            Note(Fate.ADAPTED, dag.shell_file, "is what a shell runs: a file of the script's is called run.sh")
        )
    notes = [*job.notes, *task.notes, *notes, *_said(dag, jobs, seen, source)]
    return Planned(
        dag,
        jobs,
        when,
        files={**env, **({dag.shell_file: text.encode()} if (text := shell_of(dag)) else {})},
        source=source if files else None,
        copied=tuple(files),
        notes=tuple(replace(each, what=hidden(each.what, shown)) for each in notes),
    )


def _scanned(source: Path, task: Task, files: list[str]) -> list[str]:
    """Return the files that a task's script is: others of its folder may be other jobs. Django's finds its own by their names."""
    alone = (source / task.script).is_file() and Path(task.script).name != "manage.py"
    return reached(source, task.script) if alone else files


def _said(dag: DagFile, jobs: tuple[Job, ...], seen: Findings, source: Path | None) -> list[Note]:
    """Return notes on what the Dag does otherwise than the old place did."""
    task = dag.task
    who = "who gets a mail when it fails"
    meant = "" if jobs[0].when.zone else zone_meant(jobs[0].comments, dag.zone)
    said = (
        (len(jobs) > 1, f"{len(jobs)} lines", "are one Dag with several times"),
        (
            meant,
            " ".join(jobs[0].comments),
            f"its times are taken as of {dag.zone}: --timezone {meant} where they were meant there",
        ),
        (
            source is None and task.container is None and task.script and not (task.shell and not task.folder),
            task.script,
            f"is not on this machine: copy it, and what it reads, from {task.folder or 'its folder'} into {dag.name}/",
        ),
        (
            dag.source,
            dag.source,
            "is too large to be copied: the Dag deploys it from there, where each worker must have it",
        ),
        (
            seen.clock_calls,
            "".join(seen.clock_calls[:1]),
            "asks for today: clock='report_date' starts it on the day of its run",
        ),
        (
            dag.mail and not dag.mails_output,
            seen.mails or "its mail",
            "mails by itself: mail='once' sends it over smtp_default, once a day, whatever is run again",
        ),
        (
            dag.tell,
            f"MAILTO={', '.join(dag.tell)}",
            f"{who}; what it prints is mailed to them too, and a run that prints nothing is skipped"
            if dag.mails_output
            else who,
        ),
        (task.ping, "ping", f"set its address first: airflow variables set {ping_variable(dag.name)} URL"),
        (
            dag.run_as,
            f"user {dag.run_as}",
            "run_as= of the task, where the worker is root; else take it away",
        ),
        (
            jobs[0].deadline,
            f"at most {jobs[0].deadline} late",
            "left out: Airflow begins a late run when it can; max_lateness= of mail bounds what goes out",
        ),
    )
    notes = [Note(Fate.ADAPTED, what, why) for there, what, why in said if there]
    image = task.container.image if task.container else ""
    if re.search(r"\$\{|\$\w|\{\{", image):
        why = "names a variable that nobody has filled in: write its value"
        notes.append(Note(Fate.REFUSED, f"image {image}", why))
    if dag.retries == 0:
        notes.append(Note(Fate.KEPT, "retries", "none, as before: give it some where it may be run twice"))
    return notes
