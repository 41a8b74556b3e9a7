"""
What stands right before a program, in its own command: a lock, a time limit, another user, a runner of a project.

Each is taken off with a note, and the Dag has it in another way.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_daybreak.jobs.task import Task

    _Taken = tuple[Task, int, str | None] | None

_DURATION = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>[smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

# Each returns the task with what it means, and how many words it was; or a line of a shell in place of all of them.


def _options(words: tuple[str, ...], *, with_value: tuple[str, ...] = ()) -> int:
    """Return how many words a program's own name and options are."""
    position = 1
    while position < len(words) and words[position].startswith("-") and words[position] != "-":
        word = words[position]
        position += 1
        if word == "--":
            break
        if word in with_value:
            position += 1
    return position


def _pairs(options: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Return each word of a program's options with the one after it, which may be its value."""
    return zip(options, (*options[1:], ""), strict=False)


def _flock(task: Task, words: tuple[str, ...]) -> _Taken:
    position = _options(words, with_value=("-w", "--timeout", "-E", "--conflict-exit-code"))
    task = replace(task, overlaps=False).noted(
        Fate.ADAPTED, " ".join(words[: position + 1]), "max_active_runs=1: a run waits for the one before"
    )
    rest = words[position + 1 :]
    if len(rest) == 2 and rest[0] in ("-c", "--command"):  # noqa: PLR2004 - the option and its line
        return task, 0, rest[1]
    return task, position + 1, None


def _once(task: Task, words: tuple[str, ...]) -> _Taken:
    return (
        replace(task, overlaps=False).noted(
            Fate.ADAPTED, words[0], "max_active_runs=1: a run waits for the one before"
        ),
        1,
        None,
    )


def _priority(task: Task, words: tuple[str, ...]) -> _Taken:
    position = _options(words, with_value=("-n", "-c", "-p", "--adjustment", "--class", "--classdata"))
    if words[0].endswith("chrt"):
        position += 1
    return (
        task.noted(
            Fate.ADAPTED, " ".join(words[:position]), "left out: limits= of the task bounds what it uses"
        ),
        position,
        None,
    )


def _timeout(task: Task, words: tuple[str, ...]) -> _Taken:
    position = _options(words, with_value=("-s", "--signal", "-k", "--kill-after"))
    match = _DURATION.fullmatch(words[position]) if position < len(words) else None
    if match is None:
        return None
    seconds = float(match["number"]) * _UNITS[match["unit"]]
    task = replace(task, timeout=timedelta(seconds=seconds)) if seconds else task
    return (
        task.noted(
            Fate.KEPT, " ".join(words[: position + 1]), "execution_timeout ends the script, and what it started"
        ),
        position + 1,
        None,
    )


def _sudo(task: Task, words: tuple[str, ...]) -> _Taken:
    user, position = "root", 1
    while position < len(words) and words[position].startswith("-"):
        word = words[position]
        position += 1
        if word in ("-u", "--user", "-g", "--group"):
            user = words[position] if word in ("-u", "--user") and position < len(words) else user
            position += 1
        elif word.startswith("--user="):
            user = word.partition("=")[2]
        elif word.startswith("-u"):
            user = word[2:]
    return replace(task, run_as=user), position, None


def _env(task: Task, words: tuple[str, ...]) -> _Taken:
    position = _options(words, with_value=("-u", "--unset", "-C", "--chdir"))
    return task, position, None


def _plainly(task: Task, words: tuple[str, ...]) -> _Taken:
    position = _options(words, with_value=("-t", "--identifier", "-p", "--priority", "-o", "-f"))
    return (
        task.noted(
            Fate.ADAPTED,
            " ".join(words[:position]),
            "left out: Airflow starts it, keeps its log and says how it ended",
        ),
        position,
        None,
    )


def _shell(task: Task, words: tuple[str, ...]) -> _Taken:
    position = next((index for index, word in enumerate(words) if re.fullmatch(r"-[a-z]*c", word)), 0)
    if (
        not position
        or len(words) != position + 2
        or any(not word.startswith("-") for word in words[1:position])
    ):
        return None
    return task, 0, words[position + 1]


def _runner(task: Task, words: tuple[str, ...]) -> _Taken:
    """Take off ``uv run`` and its like: a deploy makes the environment of the same project."""
    if len(words) < 2 or words[1] != "run":  # noqa: PLR2004 - the program, and run
        return None
    with_value = (
        "-p",
        "--python",
        "--project",
        "--directory",
        "-C",
        "--with",
        "--extra",
        "--group",
        "-e",
        "--env",
        "--env-file",
    )
    position = 1 + _options(words[1:], with_value=with_value)
    options = words[2:position]
    for option, value in _pairs(options):
        if option in ("--project", "--directory", "-C"):
            task = replace(task, folder=posixpath.normpath(posixpath.join(task.folder, value)))
        elif option in ("-p", "--python") and words[0].endswith("uv"):
            task = replace(task, python=value)
        elif option == "--env-file":
            task = replace(task, env_files=(*task.env_files, posixpath.join(task.folder, value)))
        elif option in ("--with", "--extra", "--group"):
            task = task.noted(
                Fate.ADAPTED,
                f"{option} {value}",
                "left out: name it in the project's requirements, or by requirements= of the deploy",
            )
    return (
        task.noted(
            Fate.ADAPTED,
            " ".join(words[:position]),
            "the deploy installs what the project's own files and lock say",
        ),
        position,
        None,
    )


def _conda_run(task: Task, words: tuple[str, ...]) -> _Taken:
    if len(words) < 2 or words[1] != "run":  # noqa: PLR2004 - the program, and run
        return None
    position = 1 + _options(words[1:], with_value=("-n", "--name", "-p", "--prefix", "--cwd"))
    options = words[2:position]
    for option, value in _pairs(options):
        if option in ("-n", "--name", "-p", "--prefix"):
            task = replace(task, python=f"conda:{value}")
        elif option == "--cwd":
            task = replace(task, folder=posixpath.normpath(posixpath.join(task.folder, value)))
    return (
        task.noted(
            Fate.ADAPTED, " ".join(words[:position]), "the deploy takes the packages that the environment has"
        ),
        position,
        None,
    )


PREFIXES: dict[str, Callable[[Task, tuple[str, ...]], _Taken]] = {
    "flock": _flock,
    "run-one": _once,
    "solo": _once,
    "nice": _priority,
    "ionice": _priority,
    "chrt": _priority,
    "timeout": _timeout,
    "sudo": _sudo,
    "doas": _sudo,
    "env": _env,
    "nohup": _plainly,
    "setsid": _plainly,
    "time": _plainly,
    "exec": _plainly,
    "command": _plainly,
    "chronic": _plainly,
    "cronic": _plainly,
    "systemd-cat": _plainly,
    "sh": _shell,
    "bash": _shell,
    "dash": _shell,
    "zsh": _shell,
    "uv": _runner,
    "poetry": _runner,
    "pipenv": _runner,
    "pdm": _runner,
    "rye": _runner,
    "hatch": _runner,
    "conda": _conda_run,
    "mamba": _conda_run,
    "micromamba": _conda_run,
}
