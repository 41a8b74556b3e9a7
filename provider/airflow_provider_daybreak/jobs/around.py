"""
What stands before and after the one command of a line: a folder, an environment, a ping, a log.

Each is taken off with a note, and the Dag has it in another way. What is not known here stays, and a shell runs it.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import Fate
from airflow_provider_daybreak.jobs.shell import assignment

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_daybreak.jobs.shell import Command
    from airflow_provider_daybreak.jobs.task import Task

_ACTIVATE = re.compile(r"(?P<venv>.*)/bin/activate")
LOG = re.compile(
    r"/dev/(null|stdout|stderr|tty)|/proc/(1|self|\$\$)/fd/\d|.*\.(log|out|err)(\.\d+)?|.*(^|[/_.-])logs?([/_.-]|$).*",
    re.IGNORECASE,
)


def leading(task: Task, commands: list[Command]) -> tuple[Task, list[Command]]:
    """Take off the commands that only prepare for the one that follows, and return what is left."""
    while len(commands) > 1 and commands[1].before in ("&&", ";"):
        step = _LEADING.get(commands[0].values[0]) if commands[0].words else None
        done = step(task, commands[0]) if step and (commands[0].plain or step is _sleep) else None
        if done is None:
            break
        task, commands = done, commands[1:]
    return task, commands


def _cd(task: Task, command: Command) -> Task | None:
    words = [word for word in command.values[1:] if word != "--"]
    if len(words) != 1 or command.redirections:
        return None
    return replace(
        task,
        folder=posixpath.normpath(posixpath.join(task.folder or task.environment.get("HOME", ""), words[0])),
    ).noted(Fate.ADAPTED, command.raw, "the script runs in a working copy of its release, made of that folder")


def _source(task: Task, command: Command) -> Task | None:
    if len(command.words) != 2:  # noqa: PLR2004 - the command and a file
        return None
    path = posixpath.normpath(posixpath.join(task.folder, command.values[1]))
    if match := _ACTIVATE.fullmatch(path):
        return task.in_venv(match["venv"], command.raw)
    if posixpath.basename(path) in (
        ".profile",
        ".bashrc",
        ".bash_profile",
        ".zshrc",
        "profile",
        "conda.sh",
        "nvm.sh",
    ):
        return task.noted(
            Fate.ADAPTED, command.raw, "left out: what it sets and a script needs, put into the .env"
        )
    return replace(task, env_files=(*task.env_files, path)).noted(
        Fate.ADAPTED, command.raw, "its variables are given to the script alone, as env_file"
    )


def _conda(task: Task, command: Command) -> Task | None:
    words = command.values[1:]
    if len(words) == 2 and words[0] == "activate":  # noqa: PLR2004 - activate, and a name
        return replace(task, python=f"conda:{words[1]}").noted(
            Fate.ADAPTED, command.raw, "the deploy takes the packages that the environment has"
        )
    return None


def _export(task: Task, command: Command) -> Task | None:
    set_to: dict[str, str] = {}
    for word in command.words[1:]:
        said = assignment(word)
        if said is None or said[1] is None:
            return None
        set_to[said[0]] = said[1]
    return replace(task, environment={**task.environment, **set_to}) if set_to else None


def _sleep(task: Task, command: Command) -> Task | None:
    return task.noted(
        Fate.ADAPTED, command.raw, "left out: Airflow begins runs one after another, and has pools for more"
    )


def _nothing(task: Task, command: Command) -> Task | None:
    return task.noted(Fate.KEPT, command.raw, "a task ends where its command fails, whatever a shell is set to")


def _exported(task: Task, command: Command) -> Task | None:
    return task.noted(Fate.ADAPTED, command.raw, "left out: a release's files are its owner's alone")


def _install(task: Task, command: Command) -> Task | None:
    words = command.values
    if words[1:2] in (("install",), ("sync",), ("pip",), ("ci",)):
        return task.noted(Fate.ADAPTED, command.raw, "left out: the deploy installs what the requirements say")
    return None


def _pull(task: Task, command: Command) -> Task | None:
    if command.values[1:2] in (("pull",), ("fetch",), ("checkout",), ("reset",)):
        return task.noted(
            Fate.ADAPTED,
            command.raw,
            "left out: a deploy takes the files as they are; let Git bring them there",
        )
    return None


_LEADING: dict[str, Callable[[Task, Command], Task | None]] = {
    "cd": _cd,
    "pushd": _cd,
    ".": _source,
    "source": _source,
    "conda": _conda,
    "mamba": _conda,
    "micromamba": _conda,
    "export": _export,
    "sleep": _sleep,
    "set": _nothing,
    "umask": _exported,
    "git": _pull,
    **dict.fromkeys(("pip", "pip3", "uv", "poetry", "pipenv", "pdm", "npm"), _install),
}


def trailing(task: Task, commands: list[Command]) -> tuple[Task, list[Command]]:
    """Take off the commands that only log or tell what the one before did, and return what is left."""
    while len(commands) > 1:
        last = commands[-1]
        name = posixpath.basename(last.values[0]) if last.words else ""
        if (
            last.before in ("|", "|&")
            and name in ("logger", "systemd-cat", "ts", "tee")
            and _only_logs(name, last)
        ):
            task = replace(task, logged=True).noted(
                Fate.ADAPTED,
                f"{last.before} {last.raw}",
                "left out: what it prints is the task's log in Airflow",
            )
        elif last.before in ("&&", "||", ";") and name in ("curl", "wget", "echo", "true", ":", "logger"):
            after = _after(task, last, name)
            if after is None:
                break
            task = after
        else:
            break
        commands = commands[:-1]
    return task, commands


def _only_logs(name: str, command: Command) -> bool:
    return name != "tee" or all(LOG.fullmatch(word) for word in command.values[1:] if not word.startswith("-"))


def _after(task: Task, command: Command, name: str) -> Task | None:
    text = f"{command.before} {command.raw}"
    if name in ("echo", "true", ":", "logger"):
        if command.before == "||":
            return task.noted(
                Fate.ADAPTED,
                text,
                "left out: here a script that fails is a task that fails, and is tried again",
            )
        return (
            None
            if name in ("true", ":")
            else task.noted(Fate.ADAPTED, text, "left out: Airflow shows when a run has ended")
        )
    addresses = [word for word in command.values[1:] if re.match(r"https?://", word)]
    if len(addresses) != 1 or not command.plain:
        return None
    if command.before == "||":
        return task.noted(
            Fate.ADAPTED, text, "left out: who is told of a failure stands in the Dag, as on_failure_callback"
        )
    if task.ping:
        return None
    return replace(task, ping=addresses[0]).noted(
        Fate.ADAPTED, text, "a PingNotifier of the Dag calls it when a run has succeeded"
    )
