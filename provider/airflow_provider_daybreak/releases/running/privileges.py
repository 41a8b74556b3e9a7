"""Running a script as another user and within limits, and saying beforehand where that can't work."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_daybreak.exceptions import InvalidValueError, RunAsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Limits(TypedDict, total=False):
    """
    What a script may use at most.

    ``memory`` is the address space of each process, in bytes or as ``512M`` or ``2G``; ``cpu_seconds`` the
    time on a processor; ``open_files`` and ``processes`` are numbers, the latter of all processes of the user.
    """

    memory: int | str
    cpu_seconds: int
    open_files: int
    processes: int


_RESOURCES = {
    "memory": "RLIMIT_AS",
    "cpu_seconds": "RLIMIT_CPU",
    "open_files": "RLIMIT_NOFILE",
    "processes": "RLIMIT_NPROC",
}
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}

_OTHER_PYTHON = "Deploy with python set to an interpreter that every user may run, such as /usr/bin/python3.12."
_OTHER_ROOT = "Set [daybreak] releases to a folder that every user may pass, and deploy again."

_LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclass(frozen=True)
class User:
    """Whom a script runs as."""

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...]


@dataclass(frozen=True)
class Privileges:
    """
    With which rights and limits a script runs.

    :param user: whom it runs as; the worker's own user when None.
    :param limits: by the name of the resource, as ``setrlimit`` takes them.
    """

    user: User | None = None
    limits: Mapping[str, int] = field(default_factory=dict)

    def wrap(self, arguments: Sequence[str], python: Path) -> list[str]:
        """Return the arguments that run these with the rights and limits, by way of that Python."""
        if self.user is None and not self.limits:
            return list(arguments)
        user = None if self.user is None else [self.user.uid, self.user.gid, self.user.groups]
        facts = json.dumps({"user": user, "limits": dict(self.limits)})
        return [str(python), "-I", "-S", _LAUNCH, facts, *arguments]


def find_user(name: str) -> User:
    """
    Return the user of that name.

    :raises RunAsError: there is none, or this process may not become that user.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise RunAsError(name, "this worker has no such user. Create it on every worker.") from error
    if os.geteuid() not in (0, entry.pw_uid):
        worker = pwd.getpwuid(os.geteuid()).pw_name
        problem = f"the worker runs as {worker!r}, and only root may change to another user. Leave it out, or run the worker as root."
        raise RunAsError(name, problem)
    groups = tuple(os.getgrouplist(name, entry.pw_gid)) if os.geteuid() == 0 else tuple(os.getgroups())
    return User(name, entry.pw_uid, entry.pw_gid, entry.pw_dir, groups)


def read_limits(limits: Mapping[str, int | str]) -> dict[str, int]:
    """
    Return limits as ``setrlimit`` takes them.

    :raises InvalidValueError: there is no such limit, or its value is no number above 0.
    """
    read = {}
    for name, value in limits.items():
        if name not in _RESOURCES:
            raise InvalidValueError("limit", name, "one of " + ", ".join(_RESOURCES))
        read[_RESOURCES[name]] = _number(name, value)
    return read


def check_access(python: Path, user: User) -> None:
    """
    Make sure that the user may run an environment's Python.

    :raises RunAsError: it is missing, or a folder on the way, or the file itself, keeps the user out.
    """
    for part in _way_to(python):
        try:
            status = part.stat()
        except FileNotFoundError as error:
            raise RunAsError(user.name, f"the Python {str(part)!r} is missing. {_OTHER_PYTHON}") from error
        wanted = stat.S_IXOTH if user.uid != 0 else 0
        if status.st_uid == user.uid:
            wanted = stat.S_IXUSR
        elif status.st_gid in user.groups:
            wanted = stat.S_IXGRP
        if wanted and not status.st_mode & wanted:
            owner = f"{pwd.getpwuid(status.st_uid).pw_name}:{grp.getgrgid(status.st_gid).gr_name}"
            barrier = f"{str(part)!r} (mode {stat.S_IMODE(status.st_mode):04o}, {owner})"
            remedy = _OTHER_ROOT if part in python.parents else _OTHER_PYTHON
            raise RunAsError(user.name, f"it may not pass {barrier} on the way to {str(python)!r}. {remedy}")


def _way_to(path: Path) -> list[Path]:
    """Return every folder on the way to the file, through links, and the file."""
    real = Path(os.path.realpath(path))
    return [*reversed(path.parents), *reversed(real.parents), real]


def _number(name: str, value: int | str) -> int:
    expected = "a whole number above 0" + (
        ", or one with a unit, such as 512M or 2G" if name == "memory" else ""
    )
    match = re.fullmatch(r"\s*(\d+)\s*([KMG]?)i?B?\s*", str(value))
    if isinstance(value, bool) or match is None or not int(match[1]) or (match[2] and name != "memory"):
        raise InvalidValueError(f"limit {name}", value, expected)
    return min(int(match[1]) * _UNITS[match[2]], sys.maxsize)
