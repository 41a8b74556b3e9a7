"""A clock for some processes, which can be set while they run: this machine's own stays as it is."""

from __future__ import annotations

import mmap
import shutil
import struct
import subprocess
import time
from pathlib import Path

_MOST = 4095  # steps that the file holds, as in clock.c
_STEP = struct.Struct("qq")


class Clock:
    """
    A clock that its steps move away from the true time, for processes that run with its variables.

    :param folder: for its files; whoever is to follow it must be able to read them.
    :ivar offset: seconds that it shows beyond the true time.
    :ivar latest: the furthest that it was ahead.
    """

    def __init__(self, folder: Path) -> None:
        self.offset = self.latest = 0.0
        self._steps = 0
        library, steps = folder / "clock.so", folder / "clock.steps"
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", library, source], check=True)
        steps.write_bytes(bytes(8 + _MOST * _STEP.size))
        with steps.open("r+b") as file:
            self._file = mmap.mmap(file.fileno(), 0)
        self.variables = {"LD_PRELOAD": str(library), "SOAK_CLOCK": str(steps)}

    @staticmethod
    def can_be_made() -> bool:
        """Return whether there is what compiles it."""
        return shutil.which("gcc") is not None

    def step(self, seconds: float) -> None:
        """Move it by so many seconds, at once for all that follow it."""
        self.offset += seconds
        self.latest = max(self.latest, self.offset)
        _STEP.pack_into(self._file, 8 + self._steps * _STEP.size, time.time_ns(), round(self.offset * 1e9))
        self._steps += 1
        struct.pack_into("q", self._file, 0, self._steps)  # last: from here on it counts

    def catch_up(self) -> None:
        """Move it beyond all that it has ever shown."""
        self.step(max(self.latest - self.offset, 0) + 1)
