"""The Dag file of an imported job, as somebody would have written it by hand: formatted, and the same for the same job."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from airflow_provider_daybreak.jobs.job import Container
    from airflow_provider_daybreak.jobs.task import Task

_WIDTH = 88  # of a line, in characters: what most formatters keep to
_PROSE = 100
_OPERATORS = "airflow_provider_daybreak.operators"
_SHELLS = ("run.sh", "line.sh", "crontab-line.sh")


@dataclass(frozen=True)
class DagFile:
    """
    What a Dag file says.

    :param name: the Dag's, its release's, its report's and its folder's.
    :param task: what it runs.
    :param expressions: cron's five fields, each.
    :param zone: of the schedule.
    :param lines: what stood in the old place, to be shown, without secrets.
    :param origin: where that was.
    :param about: what it does, in a sentence or less.
    :param source: path of the script's folder where it is not the Dag's own folder.
    :param mail: ``once`` where it mails by itself; empty where it does not.
    :param clock: whether it asks for today's date.
    :param catchup: the day from which it makes up for what it missed; None where it does not.
    :param mails_output: who gets what it prints, by mail.
    :param env_file: whether its folder has a .env, which a container is given.
    :param shell_file: the file of its folder that has what a shell runs: see :func:`shell_file_beside`.
    """

    name: str
    task: Task
    expressions: tuple[str, ...]
    zone: str
    lines: tuple[str, ...]
    origin: str
    about: str = ""
    source: str = ""
    mail: str = ""
    clock: bool = False
    catchup: date | None = None
    retries: int = 0
    run_as: str = ""
    tell: tuple[str, ...] = ()
    mails_output: tuple[str, ...] = ()
    env_file: bool = False
    shell_file: str = _SHELLS[0]


def ping_variable(name: str) -> str:
    """Return the name of the variable of Airflow's that holds the address to call after a Dag's run."""
    return f"{name.replace('-', '_')}_ping"


def text_of(dag: DagFile) -> str:
    """Return the file's text."""
    container = dag.task.container
    tasks = _script(dag) if container is None else _container(dag, container)
    parts = [
        _docstring(dag),
        "from __future__ import annotations\n",
        "\n".join(_imports(dag)) + "\n",
        "\n".join(_constants(dag)) + "\n",
        "\n".join([*_dag(dag), *tasks]) + "\n",
    ]
    return "\n".join(parts)


def lines_shown(dag: DagFile) -> tuple[str, ...]:
    """Return what stood in the old place, as the file's docstring has it."""
    return tuple(_plain(line).rstrip() for line in dag.lines)


def _docstring(dag: DagFile) -> str:
    about = _plain(dag.about) or f"{dag.name}, as it was run before"
    lines = [
        *textwrap.wrap(f"{about.rstrip('.')}.", _PROSE),
        "",
        *textwrap.wrap(f"Imported from {_plain(dag.origin)}:", _PROSE),
        "",
    ]
    lines += [f"    {line}".rstrip() for line in lines_shown(dag)]
    text = "\n".join(lines)
    raw = "r" if "\\" in text else ""
    return f'{raw}"""\n{text}\n"""\n'


def _plain(text: str) -> str:
    """Return a text that can stand in a docstring: no end of one, and nothing that can't be seen."""
    shown = "".join(letter if letter.isprintable() or letter == "\t" else " " for letter in text)
    return shown.replace('"""', "'''").rstrip("\\")


def _imports(dag: DagFile) -> Iterator[str]:
    yield f"from datetime import {'datetime, timedelta, timezone' if dag.catchup else 'timedelta'}"
    yield "from pathlib import Path"
    yield ""
    yield "from airflow.sdk import DAG"
    yield f"from airflow.timetables.trigger import {_timetable(dag)}"
    if dag.tell:
        yield "from airflow_provider_daybreak.notifications.failure import ReportFailureNotifier"
    if dag.task.ping:
        yield "from airflow_provider_daybreak.notifications.ping import PingNotifier"
    if dag.task.container is not None:
        yield f"from {_OPERATORS}.docker import ScriptDockerOperator"
    else:
        yield f"from {_OPERATORS}.venv import VenvDeployOperator, VenvRunOperator"


def _timetable(dag: DagFile) -> str:
    return "CronTriggerTimetable" if len(dag.expressions) == 1 else "MultipleCronTriggerTimetable"


def _constants(dag: DagFile) -> Iterator[str]:
    names = ["the Dag", *([] if dag.task.container else ["the release"])]
    names += ["its mail in the archive"] if dag.mail else []
    names += [] if dag.source or dag.task.container else ["the folder"]
    yield f"# This file's name: of {', '.join(names)}."
    yield "NAME = Path(__file__).stem"
    if dag.source:
        yield f"SOURCE = Path({_quoted(dag.source)})"
    elif dag.task.container is None:
        yield "SOURCE = Path(__file__).parent / NAME"
    yield f"SCHEDULE = {_timetable(dag)}("
    yield from (f"    {_quoted(each)}," for each in dag.expressions)
    yield f"    timezone={_quoted(dag.zone)},"
    yield "    run_immediately=timedelta(0),  # unpausing runs nothing that is over"
    yield ")"


def _dag(dag: DagFile) -> Iterator[str]:
    yield "with DAG("
    yield "    dag_id=NAME,"
    about = _plain(dag.about).strip().rstrip(".")
    if about:
        yield f"    description={_quoted(about)},"
    yield "    schedule=SCHEDULE,"
    if dag.catchup:
        yield f"    start_date=datetime({dag.catchup.year}, {dag.catchup.month}, {dag.catchup.day}, tzinfo=timezone.utc),"
    yield f"    catchup={dag.catchup is not None},"
    yield "    is_paused_upon_creation=True,  # until the old place no longer runs it"
    if not dag.task.overlaps:
        yield "    max_active_runs=1,"
    if dag.retries:
        yield f'    default_args={{"retries": {dag.retries}, "retry_delay": timedelta(minutes=1)}},'
    if dag.tell:
        yield from _call(
            "    on_failure_callback=ReportFailureNotifier",
            {"to": list(dag.tell), "report": _Name("NAME")},
            ",",
        )
    if dag.task.ping:
        yield from _call(
            "    on_success_callback=PingNotifier",
            {"url": f"{{{{ var.value.{ping_variable(dag.name)} }}}}"},
            ",",
        )
    yield '    tags=["daybreak", "imported"],'
    yield "    doc_md=__doc__,"
    yield "):"


class _Name(str):
    """A text that stands in the file as a name does, without quotes."""

    __slots__ = ()


def _script(dag: DagFile) -> Iterator[str]:
    deploy: dict[str, object] = {"task_id": "deploy_script", "name": _Name("NAME"), "source": _Name("SOURCE")}
    deploy |= {"python": dag.task.python} if dag.task.python else {}
    yield from _call("    deploy = VenvDeployOperator", deploy)
    run: dict[str, object] = {
        "task_id": "run_script",
        "release": _Name("deploy.output"),
        "command": list(_command(dag)),
    }
    variables = {name: _literal(value) for name, value in dag.task.environment.items() if name != "HOME"}
    run |= {"env": variables} if variables else {}
    run |= {"run_as": dag.run_as} if dag.run_as else {}
    run |= {"clock": "report_date"} if dag.clock else {}
    run |= {"mail": dag.mail} if dag.mail else {}
    run |= {"output": "none"}
    yield from _call("    VenvRunOperator", {**run, **_timed(dag)})


def shell_file_beside(task: Task, files: Iterable[str]) -> str:
    """
    Return the name of the file that has what a shell runs, which no file of the script's has.

    :param files: paths of those, where they are known.
    """
    taken = {task.script.removeprefix("./"), *files}
    return next(name for name in _SHELLS if name not in taken)


def _command(dag: DagFile) -> tuple[str, ...]:
    return (dag.shell_file,) if _by_shell(dag) else dag.task.command


def _by_shell(dag: DagFile) -> bool:
    """Say whether a shell runs it: where it is more than words, is mailed, or has what Airflow would take for a template."""
    if dag.task.container is not None:
        return False
    braces = any("{{" in word or "{%" in word for word in dag.task.command)
    return not dag.task.command or bool(dag.mails_output) or braces


def _literal(text: str) -> str:
    """Return a text so that Airflow, which takes braces for a template, makes the same text of it."""
    return re.sub(r"\{[{%#]", lambda braces: f"{{{{ '{braces[0]}' }}}}", text)


def _timed(dag: DagFile) -> dict[str, object]:
    if dag.task.timeout is None:
        return {}
    seconds = dag.task.timeout.total_seconds()
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds % size == 0:
            return {"execution_timeout": _Name(f"timedelta({unit}={int(seconds // size)})")}
    return {"execution_timeout": _Name(f"timedelta(seconds={seconds:g})")}


def _container(dag: DagFile, container: Container) -> Iterator[str]:
    run: dict[str, object] = {"task_id": "run_container", "image": _literal(container.image)}
    run |= {"command": [*map(_literal, container.command)]} if container.command else {}
    variables = {name: _literal(value) for name, value in container.environment.items()}
    run |= {"environment": variables} if variables else {}
    run |= {"env_file": _Name('str(Path(__file__).parent / NAME / ".env")')} if dag.env_file else {}
    run |= dict(container.options)
    run |= {"network_mode": "bridge"} if "network_mode" not in container.options else {}
    run |= {"clock": "report_date"} if dag.clock else {}
    yield from _call("    ScriptDockerOperator", {**run, **_timed(dag)})


def _call(head: str, arguments: Mapping[str, object], end: str = "") -> Iterator[str]:
    """Yield a call: on one line where it has room, else each argument on its own."""
    indent = " " * (len(head) - len(head.lstrip()))
    inline = f"{head}({', '.join(f'{name}={_value(value)}' for name, value in arguments.items())}){end}"
    if len(inline) <= _WIDTH:
        yield inline
        return
    yield f"{head}("
    for name, value in arguments.items():
        yield from _argument(f"{indent}    {name}=", value)
    yield f"{indent}){end}"


def _argument(head: str, value: object) -> Iterator[str]:
    line = f"{head}{_value(value)},"
    indent = " " * (len(head) - len(head.lstrip()))
    if len(line) <= _WIDTH or not isinstance(value, (list, dict)) or not value:
        yield line
    elif isinstance(value, list):
        yield f"{head}["
        yield from (f"{indent}    {_value(each)}," for each in value)
        yield f"{indent}],"
    else:
        yield f"{head}{{"
        yield from (f"{indent}    {_quoted(str(name))}: {_value(each)}," for name, each in value.items())
        yield f"{indent}}},"


def _value(value: object) -> str:
    if isinstance(value, _Name):
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(str(name))}: {_value(each)}" for name, each in value.items()) + "}"
    return repr(value)


def _quoted(text: str) -> str:
    """Return a text as Python's formatters write it: in double quotes, unless that needs more backslashes."""
    plain = repr(text)
    if plain[0] == '"':
        return plain
    inner = plain[1:-1]
    if '"' in inner:
        return plain if "\\'" not in inner else '"' + inner.replace("\\'", "'").replace('"', '\\"') + '"'
    return '"' + inner.replace("\\'", "'") + '"'


def shell_of(dag: DagFile) -> str:
    """Return the text of the shell's file that a task runs, or nothing where it needs none."""
    if not _by_shell(dag):
        return ""
    body = dag.task.shell or " ".join(map(shlex.quote, dag.task.as_program()))
    head = "#!/bin/sh\n# What the old line ran, without what Airflow does around it.\n"
    if not dag.mails_output:
        return f"{head}set -e\n{body}\n"
    to = " ".join(map(shlex.quote, dag.mails_output))
    return (
        f"{head}# What it prints is mailed, as cron did.\n"
        "output=$(mktemp)\ntrap 'rm -f \"$output\"' EXIT\nstatus=0\n"
        f'{{\n{body}\n}} >"$output" 2>&1 || status=$?\ncat "$output"\n'
        f'[ ! -s "$output" ] || mail -s {shlex.quote("Cron: " + dag.name)} {to} <"$output"\n'
        'exit "$status"\n'
    )
