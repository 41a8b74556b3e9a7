"""Which process claimed something, so that another can tell whether it is still at work."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def _machine() -> str:
    """Return what tells this boot of this machine, and the view of processes from here, from any other."""
    try:
        return (
            Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            + " "
            + str(Path("/proc/self/ns/pid").readlink())
        )
    except OSError:
        return ""


@cache
def uptime_clock() -> str:
    """Return what tells the clock that :func:`~.claims.now` reads from any other; empty where nothing does."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
    try:
        return f"{boot} {Path('/proc/self/ns/time').readlink()}"
    except OSError:  # before Linux 5.6 a machine has one
        return boot


def _started(pid: int) -> str:
    """Return when the process began, in clock ticks since boot (proc(5), field 22)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def identity() -> dict[str, object]:
    """Return what :func:`has_ended` needs to know of this process, as plain JSON."""
    return _identity(os.getpid())


@cache
def _identity(pid: int) -> dict[str, object]:
    try:
        return {"machine": _machine(), "pid": pid, "started": _started(pid)}
    except (OSError, IndexError):
        return {"machine": "", "pid": pid, "started": ""}


def has_ended(owner: object) -> bool:
    """Return whether the process is known to have ended: it was one of this machine, and is gone."""
    if not isinstance(owner, dict) or not owner.get("machine") or owner["machine"] != _machine():
        return False
    try:
        return _started(int(owner["pid"])) != str(owner["started"])
    except (FileNotFoundError, ProcessLookupError):
        return True
    except (OSError, ValueError, KeyError, IndexError):
        return False
