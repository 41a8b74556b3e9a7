"""Waiting for what processes and engines do in their own time."""

from __future__ import annotations

import time
from pathlib import Path

SECONDS = 500  # of what hangs: far more than a busy machine takes, and less than pytest gives a test


def until(condition, seconds=SECONDS, *, told=lambda: "waited in vain"):
    """Wait until it holds, asking less often the longer it takes; return what it says then, or fail with what is told."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not (value := condition()):
        assert time.monotonic() < deadline, told()
        time.sleep(pause)
        pause = min(1.2 * pause, 0.5)
    return value


def is_running(process):
    """Return whether a process runs; one that nobody reaped doesn't."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
