"""
What the command line of a job does: which script it runs, with what, where, and what a Dag does in its place.

Around the one command of a line stands what cron lacks and Airflow has: a folder, an environment, a lock, a time limit, a log
file, a ping. Each is taken off, from both ends, with a note. What is left over is one script with its arguments, a container,
or, where it is more than that, a line for a shell.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs import docker
from airflow_provider_daybreak.jobs.around import LOG, leading, trailing
from airflow_provider_daybreak.jobs.job import Fate, LineError, Note
from airflow_provider_daybreak.jobs.prefixes import PREFIXES
from airflow_provider_daybreak.jobs.shell import assignment, read_line, with_report_date
from airflow_provider_daybreak.jobs.task import Task

if TYPE_CHECKING:
    from airflow_provider_daybreak.jobs.job import Job
    from airflow_provider_daybreak.jobs.shell import Command, Redirection

_PYTHON = re.compile(r"(?:.*/)?python(?P<version>\d(?:\.\d+)?)?")
_SCRIPTS = (".py", ".ipynb", ".sh", ".bash", ".R", ".pl", ".rb")
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
_INTERPRETERS = (*_SHELLS, "python", "Rscript", "perl", "ruby", "node", "php", "papermill", "jupyter", "quarto")
# The folder of the script itself, as a wrapper goes there.
_HERE = re.compile(r"\$\(\s*dirname\s+(?:--\s+)?\"?\$(?:0|\{?BASH_SOURCE(?:\[0\])?\}?)\"?\s*\)|\$\{0%/\*\}")
# All arguments of a wrapper, as it hands them on.
_ARGUMENTS = re.compile(r'"\$[@*]"|"\$\{[@*]\}"|"?\$\{1\+"\$@"\}"?')
# What a machine has for everybody. What is in /usr/local is as often somebody's own script.
_IN_VENV = re.compile(r"(?P<venv>.*/(?P<name>[^/]+))/bin/(?P<program>[^/]+)")
_VENV = re.compile(r"\.?v?env\w*|.*venv.*")
_PROGRAM = re.compile(r"(/usr)?/s?bin/[^/]+|/snap/bin/[^/]+|/opt/homebrew/bin/[^/]+")
_ENGINES = ("docker", "podman")
_NO_SHELL = (
    "runs as it is, where the worker has that program and may use its engine: a ScriptDockerOperator takes no shell's words. "
    "With clock='report_date' its script finds the day by itself; import the line without them, and it becomes one"
)
_ENDLESS = 20  # prefixes of one command: more is no line that somebody wrote


def understand(job: Job) -> Task:
    """
    Return what a job's command comes to.

    :raises LineError: a quote of it is never closed.
    """
    task = Task(
        folder=job.folder,
        environment=dict(job.environment),
        env_files=job.env_files,
        overlaps=job.overlaps,
        timeout=job.timeout,
    )
    if job.stdin:
        return _as_shell(task, job.command, stdin=job.stdin)
    return _read(task, job.command)


def _read(task: Task, text: str) -> Task:
    commands = list(read_line(_ungrouped(text), task.environment).commands)
    if not commands:
        return _as_shell(task, text.strip())
    known = task.environment
    task, commands = leading(task, commands)
    if task.environment != known:  # what was exported is known in what comes after it
        commands = list(read_line(_joined(commands), task.environment).commands)
    task, commands = trailing(task, commands)
    if len(commands) != 1:
        return _as_shell(task, _joined(commands))
    return _one(task, commands[0])


def _ungrouped(text: str) -> str:
    """Return a line without the parentheses that are around all of it."""
    stripped = text.strip()
    inner = stripped[1:-1]
    if stripped[:1] + stripped[-1:] != "()" or "(" in inner or ")" in inner:
        return text
    return inner


def _joined(commands: list[Command]) -> str:
    """Return commands as a shell takes them, without what joined the first to one before it."""
    said = [f"{'' if one.before == ';' else ' '}{one.before} {one.raw}" for one in commands[1:]]
    return "".join([commands[0].raw, *said])


def _one(task: Task, command: Command) -> Task:
    """Take off what stands before the program, one after another, and say what is left."""
    task, kept = _redirected(task, command)
    if kept:
        return _as_shell(task, replace(command, redirections=tuple(kept)).raw)
    command = replace(command, redirections=())
    for _ in range(_ENDLESS):
        words = command.words
        said = assignment(words[0]) if words else None
        if said and said[1] is not None and len(words) > 1:
            task = replace(task, environment={**task.environment, said[0]: said[1]})
            command = replace(command, words=words[1:])
            continue
        prefix = PREFIXES.get(posixpath.basename(command.values[0])) if words else None
        done = prefix(task, command.values) if prefix and words[0].value is not None else None
        if done is None:
            break
        task, count, inner = done
        if inner is not None:
            return _read(task, inner)
        command = replace(command, words=words[count:])
        if not command.words:
            return _as_shell(task, command.raw)
    if not command.plain:
        task = _as_shell(task, command.raw)
        name = posixpath.basename(command.values[0]) if command.words and command.words[0].value else ""
        return task.noted(Fate.ADAPTED, f"{name} run", _NO_SHELL) if name in _ENGINES else task
    return _program(task, command.values)


def _redirected(task: Task, command: Command) -> tuple[Task, list[Redirection]]:
    """Take off what only leads to a log; return what else there is."""
    kept: list[Redirection] = []
    logs: list[str] = []
    for each in command.redirections:
        target = each.target.value or each.target.raw
        to_stream = each.operator.endswith(">&") and target.isdigit()
        if each.operator.endswith("<") and target == "/dev/null":
            continue
        if "<" not in each.operator and (to_stream or LOG.fullmatch(target) or each.operator.startswith("2")):
            logs.append(each.raw)
        else:
            kept.append(each)
    if kept:
        return task, list(command.redirections)
    if logs:
        quiet = all("/dev/null" in one or "&" in one for one in logs)
        why = "left out: what it prints is the task's log in Airflow"
        task = replace(task, logged=True).noted(
            Fate.ADAPTED, " ".join(logs), f"{why}, where it can be read" if quiet else why
        )
    return task, kept


def _program(task: Task, words: tuple[str, ...]) -> Task:
    """Say what a command's words come to, without anything before or after it."""
    name = posixpath.basename(words[0])
    if name in _ENGINES and len(words) > 1:
        return _docker(task, words)
    match = _PYTHON.fullmatch(words[0])
    if name in _SHELLS and len(words) > 1:
        return _with_script(task, name, words[1:])
    if match is None:
        return _script(task, words[0], words[1:])
    if "/" in words[0]:
        venv = posixpath.dirname(posixpath.dirname(posixpath.join(task.folder, words[0])))
        if venv in ("/usr", "/usr/local", "/", "/opt") or venv.startswith(("/usr/lib", "/opt/homebrew")):
            task = replace(
                task, python=words[0] if match["version"] and "." in match["version"] else task.python
            )
        else:
            task = task.in_venv(venv, words[0])
    elif match["version"] and "." in match["version"]:
        task = replace(task, python=match["version"])
    position = 1
    while position < len(words) and re.fullmatch(r"-[uBsEIO]+", words[position]):
        position += 1
    rest = words[position:]
    if rest and not rest[0].startswith("-"):
        return _script(task, rest[0], rest[1:])
    if len(rest) > 1 and rest[0] == "-m":
        return replace(task, command=rest, script=rest[1], folder=_at(task))
    return _with_script(task, "python", rest)


def _at(task: Task) -> str:
    """Return the folder that a relative path is below: where nothing else is said, cron starts in the user's home."""
    return task.folder or task.environment.get("HOME", "")


def _script(task: Task, path: str, arguments: tuple[str, ...]) -> Task:
    """Return a task whose program is a file, or a program that is on the path or that the project installs."""
    if _PROGRAM.fullmatch(path) or (not path.endswith(_SCRIPTS) and "/" not in path):
        return _with_script(task, path, arguments)
    if (installed := _installed(task, path)) is not None:
        task, name = installed
        return replace(task, command=(name, *arguments))
    task, relative = _placed(task, path)
    if not relative.endswith(_SCRIPTS) and "/" not in relative:
        relative = f"./{relative}"
    return _opened(replace(task, script=relative.removeprefix("./"), command=(relative, *arguments)))


def _installed(task: Task, path: str) -> tuple[Task, str] | None:
    """Return a program that a virtual environment has, in which nothing is written by hand: its project installs it."""
    match = _IN_VENV.fullmatch(posixpath.normpath(posixpath.join(_at(task), path)))
    if match is None or not (_VENV.fullmatch(match["name"]) or Path(match["venv"], "pyvenv.cfg").is_file()):
        return None
    task = task.in_venv(match["venv"], path)
    return replace(task, folder=task.folder or posixpath.dirname(match["venv"])), match["program"]


def _opened(script: Task) -> Task:
    """Return what a script is around, where it is a wrapper; else itself, with all of its folder where it goes there."""
    text = _wrapper(script)
    return _unwrapped(script, text) or replace(script, alone=script.alone and _HERE.search(text) is None)


def _wrapper(task: Task) -> str:
    """Return the text of a script of a shell; empty where it is none, or is not here."""
    path = Path(task.folder, task.script)
    try:
        return path.read_text(encoding="utf-8") if path.suffix in (".sh", ".bash") else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _unwrapped(task: Task, text: str) -> Task | None:
    """
    Return the one command that a wrapper of a shell is around; None where it is more.

    :param text: the wrapper's.
    """
    path = Path(task.folder, task.script)
    arguments = task.command[1:]
    if not text or (arguments and not _ARGUMENTS.search(text)):
        return None
    said = shlex.join(arguments)
    text = _ARGUMENTS.sub(lambda _: said, text)
    text = _HERE.sub(lambda _: shlex.quote(task.folder), text)
    try:
        inner = _read(replace(task, command=(), script="", notes=()), text)
    except (LineError, RecursionError):
        return None
    if inner.shell or not inner.command or inner.script.endswith((".sh", ".bash")):
        return None
    what = f"is read, one level deep: {shlex.join(inner.command)} is what it is around"
    return replace(inner, notes=(*task.notes, Note(Fate.ADAPTED, str(path), what), *inner.notes))


def _with_script(task: Task, program: str, arguments: tuple[str, ...]) -> Task:
    """Return a task whose program is given a script, as Rscript, papermill and python with an option are."""
    name = posixpath.basename(program)
    for index, argument in enumerate(arguments if name in _INTERPRETERS else ()):
        if argument.endswith(_SCRIPTS) and not argument.startswith("-"):
            task, relative = _placed(task, argument)
            words = (*arguments[:index], relative, *arguments[index + 1 :])
            if name in _SHELLS:
                found = replace(task, script=relative, command=words)
                return _opened(found) if index == 0 else found
            return replace(task, script=relative, command=(program, *words))
    return replace(task, command=(program, *arguments))


def _placed(task: Task, path: str) -> tuple[Task, str]:
    """Return a task with the folder that holds a script, and the script's path in it."""
    path = posixpath.normpath(path)
    folder = _at(task)
    if path.startswith("/"):
        inside = (
            folder not in ("", "/") and posixpath.commonpath([folder, path]) == folder and task.folder != ""
        )
        folder = folder if inside else posixpath.dirname(path)
        relative = posixpath.relpath(path, folder)
    elif path.startswith(".."):
        folder = posixpath.normpath(posixpath.join(folder, posixpath.dirname(path)))
        relative = posixpath.basename(path)
    else:
        relative = path
    if task.folder and folder != task.folder:
        task = task.noted(
            Fate.ADAPTED,
            task.folder,
            f"the release is made of the script's own folder, {folder}: copy what it reads of the other",
        )
    return replace(task, folder=folder, alone=not task.folder), relative


def _docker(task: Task, words: tuple[str, ...]) -> Task:
    run = docker.read(words, folder=task.folder)
    if run is None:
        return _as_shell(task, shlex.join(words)).noted(
            Fate.ADAPTED,
            shlex.join(words[:2]),
            "runs as it is, where the worker has that program and may use its engine: a ScriptDockerOperator needs an image "
            "of its own, by docker run",
        )
    return replace(task, container=run, notes=(*task.notes, *run.notes))


def _as_shell(task: Task, text: str, *, stdin: str = "") -> Task:
    """Leave a line to a shell, with the report date in the place of today's."""
    said, left = with_report_date(text)
    task = task.noted(Fate.ADAPTED, text, "a shell runs it, as a script of the Dag's folder")
    if said != text:
        task = task.noted(
            Fate.ADAPTED, "$(date …)", "the report date in its place: a run for a past day is of that day"
        )
    for each in left:
        task = task.noted(Fate.ADAPTED, each, "is the true time: a report date has no time of day")
    if stdin:
        task = task.noted(Fate.KEPT, "%", "what comes after it is what the command reads, as cron has it")
        said = f"{said} <<'END_OF_INPUT'\n{stdin}\nEND_OF_INPUT"
    mails = re.search(r"(^|[\s|/;&])(mail|mailx|sendmail|mutt|msmtp|swaks)\s", said) is not None
    script = re.search(r"(?:^|[\s'\"=(])([\w./~-]+\.(?:py|sh|ipynb|R))\b", said)
    inside = re.findall(r"(?:^|[({;&|]\s*)cd\s+(/[\w./~-]+)(?=\s*(?:;|&&))", said)
    if len(inside) == 1 and not task.folder:
        task = replace(task, folder=posixpath.normpath(inside[0]))
        said = said.replace(f"cd {inside[0]}", "cd .", 1)
    elsewhere = re.search(r"(^|[\s;&|/])(docker|podman|ssh)\s", said) is not None  # no file of this machine
    path = script[1] if script else ""
    if path.startswith("/") and not elsewhere:
        task, _ = _placed(task, path)
        said = said.replace(f"{task.folder}/", "./")
        path = posixpath.relpath(path, task.folder)
    return replace(task, command=(), shell=said, mails=mails, script=path)  # nothing is run  # nosec B604
