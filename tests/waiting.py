"""Waiting for what processes and engines do in their own time."""

from __future__ import annotations

import time
from pathlib import Path

SECONDS = 60  # far more than it takes


def until(done, seconds=SECONDS):
    """Wait until it is done; return the seconds that it took."""
    started = time.monotonic()
    while not done():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
    return time.monotonic() - started


def is_running(process):
    """Return whether a process runs; one that nobody reaped doesn't."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
