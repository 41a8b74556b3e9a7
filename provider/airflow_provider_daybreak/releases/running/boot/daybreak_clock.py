"""
Starts a Python's clock at the run's instant: what a script reads as now, from its first line on, and ticking.

Imported by ``sitecustomize`` in each Python of a run that has a clock of its own.
DAYBREAK_CLOCK is the instant as ISO text with its offset, and DAYBREAK_CLOCK_PATH the folder of the time-machine package that
does it. DAYBREAK_STARTED says when the run began, in seconds since the machine was started, which no clock that somebody sets
changes; or that it began with the container's first process. Needs no more than Python 3.8, and nothing installed.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from importlib.machinery import EXTENSION_SUFFIXES

TYPE_CHECKING = False  # typing takes longer to import than all else here
if TYPE_CHECKING:
    from typing import Any


def begin() -> None:
    """Start the clock, in a Python that the package was installed for; any other keeps the true time, and says so."""
    folder = os.environ["DAYBREAK_CLOCK_PATH"]
    made_for = [os.path.join(folder, "_time_machine" + suffix) for suffix in EXTENSION_SUFFIXES]
    if not any(map(os.path.exists, made_for)):
        sys.stderr.write(
            f"Daybreak: {sys.executable} keeps the true time: it is another Python than the release's\n"
        )
        return
    travel = _time_machine(folder)
    instant = datetime.fromisoformat(os.environ["DAYBREAK_CLOCK"])
    travel(instant.timestamp() + _passed()).start()
    time.time()  # from here on it ticks
    _follow()


def _passed() -> float:
    """Return for how long the run has gone: what another Python that it started shows by now."""
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    started = os.environ.setdefault("DAYBREAK_STARTED", repr(now))
    if started != "container":
        return now - float(started)
    with open("/proc/1/stat") as file:  # proc(5): field 22, in ticks since the machine was started
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return max(now - ticks / os.sysconf("SC_CLK_TCK"), 0.0)


def _time_machine(folder: str) -> Any:
    """Import the package past all others: the script's path and modules stay as they would be."""
    modules: dict[str, Any] = sys.modules
    # It looks for pytest, which takes half a second where there is one.
    hidden = modules.setdefault("pytest", None) is None
    sys.path.insert(0, folder)
    try:
        from time_machine import travel
    finally:
        sys.path.remove(folder)
        if hidden:
            del modules["pytest"]
    return travel


def _follow() -> None:
    """Let what the package leaves out, since it reads the true time in C, follow the others."""
    ctime, asctime = time.ctime, time.asctime

    def follow_ctime(seconds: float | None = None, /) -> str:
        return ctime(time.time() if seconds is None else seconds)

    def follow_asctime(*t: Any) -> str:
        return asctime(*(t or (time.localtime(),)))

    for function, name in ((follow_ctime, "ctime"), (follow_asctime, "asctime")):
        function.__name__ = function.__qualname__ = name
        setattr(time, name, function)


begin()
