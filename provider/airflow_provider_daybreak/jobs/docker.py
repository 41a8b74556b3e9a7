"""What ``docker run`` says, as a container of ours: its image, command and variables, and a word on each other option."""

from __future__ import annotations

import posixpath
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import Container, Fate, Note

if TYPE_CHECKING:
    from collections.abc import Iterator

_SWITCHES = frozenset(
    [
        "--rm",
        "-d",
        "--detach",
        "-i",
        "--interactive",
        "-t",
        "--tty",
        "-it",
        "-ti",
        "--init",
        "--privileged",
        "--read-only",
        "--no-healthcheck",
        "-P",
        "--publish-all",
        "-q",
        "--quiet",
    ]
)
_DROPPED = {
    "--rm": "the operator removes its container itself",
    "--name": "the operator names its container, and takes it up again under that name after a lost worker",
    "-i": "nobody answers a task",
    "--interactive": "nobody answers a task",
    "-t": "nobody looks at a task's terminal",
    "--tty": "nobody looks at a task's terminal",
    "-it": "nobody answers a task",
    "-ti": "nobody answers a task",
    "--init": "the operator ends all that its container started",
    "--read-only": "the operator's own default",
    "--restart": "a task that fails is tried again by Airflow",
    "--log-driver": "what it prints is the task's log in Airflow",
    "--log-opt": "what it prints is the task's log in Airflow",
    "--pull": "an image that is not there is pulled",
}
_REFUSED = {
    "-v": "is not mounted: name the files that go in by inputs=, and those that come out by outputs=",
    "--volume": "is not mounted: name the files that go in by inputs=, and those that come out by outputs=",
    "--mount": "is not mounted: name the files that go in by inputs=, and those that come out by outputs=",
    "--volumes-from": "is not mounted: name the files that go in by inputs=, and those that come out by outputs=",
    "--privileged": "is not given: a report needs no rights over the machine",
    "-d": "is not kept: the task waits for its container",
    "--detach": "is not kept: the task waits for its container",
    "-p": "is not opened: nothing calls a report",
    "--publish": "is not opened: nothing calls a report",
}


def read(words: tuple[str, ...], *, folder: str) -> Container | None:
    """
    Return what ``docker run`` says; None for any other of its commands.

    :param folder: the folder that it is run in.
    """
    rest = list(words[1:])
    if rest[:2] == ["container", "run"]:
        rest = rest[1:]
    if not rest or rest[0] != "run":
        return None
    run = Container(image="")
    position = 1
    while position < len(rest) and rest[position].startswith("-"):
        option, found, value = rest[position].partition("=")
        position += 1
        if option in _SWITCHES:
            run = _with(run, option, "")
            continue
        if (
            not option.startswith("--")
            and option[:2] != option
            and option[:2] in ("-e", "-v", "-p", "-u", "-w", "-m")
        ):
            option, value, found = option[:2], rest[position - 1][2:], "="
        if not found:
            value = rest[position] if position < len(rest) else ""
            position += 1
        run = _with(run, option, value, folder)
    if position >= len(rest):
        return None
    return replace(run, image=rest[position], command=tuple(rest[position + 1 :]))


def _with(run: Container, option: str, value: str, folder: str = "") -> Container:
    """Return the container with one more option, or a note why not."""
    said = f"{option} {shlex.quote(value)}" if value else option
    if option in ("-e", "--env"):
        name, found, text = value.partition("=")
        if not found:
            note = Note(
                Fate.REFUSED,
                said,
                "comes from the machine's own environment: give it by environment= or private_environment=",
            )
            return replace(run, notes=(*run.notes, note))
        return replace(run, environment={**run.environment, name: text})
    if option == "--env-file":
        return replace(run, env_files=(*run.env_files, posixpath.normpath(posixpath.join(folder, value))))
    kept = dict(_kept(option, value))
    if kept:
        return replace(run, options={**run.options, **kept})
    if option in _REFUSED:
        return replace(run, notes=(*run.notes, Note(Fate.REFUSED, said, _REFUSED[option])))
    why = _DROPPED.get(option)
    note = (
        Note(Fate.ADAPTED, said, f"left out: {why}")
        if why
        else Note(
            Fate.REFUSED,
            said,
            "is not known here: see what a ScriptDockerOperator takes, which is all that a DockerOperator does",
        )
    )
    return replace(run, notes=(*run.notes, note))


def _kept(option: str, value: str) -> Iterator[tuple[str, str | float]]:
    """Yield the argument of the operator that an option is."""
    names = {
        "--network": "network_mode",
        "--net": "network_mode",
        "-u": "user",
        "--user": "user",
        "-w": "working_dir",
        "--workdir": "working_dir",
        "-m": "mem_limit",
        "--memory": "mem_limit",
        "--entrypoint": "entrypoint",
        "-h": "hostname",
        "--hostname": "hostname",
        "--platform": "platform",
    }
    if option in names:
        yield names[option], value
    elif option == "--cpus":
        try:
            yield "cpus", float(value)
        except ValueError:
            return
