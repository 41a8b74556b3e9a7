"""What every part of the benchmark shares: taking turns, medians, and one line a figure."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Figure:
    """
    One measured comparison.

    :param name: ``part.what``.
    :param ours: our median, in the unit.
    :param peer: the peer's median in the same run, or None where the target is absolute.
    :param target: what the ratio (or, without a peer, our figure) should be.
    :param higher_is_better: whether the target is a lower bound; an upper bound otherwise.
    :param floor: what whoever does the same can't be better than, measured in the same run, in the unit.
    """

    name: str
    ours: float
    peer: float | None
    target: float
    unit: str
    peer_name: str = ""
    higher_is_better: bool = False
    floor: float | None = None
    floor_name: str = ""

    @property
    def ratio(self) -> float | None:
        return None if self.peer is None else self.ours / self.peer

    @property
    def ok(self) -> bool:
        measured = self.ours if self.ratio is None else self.ratio
        return measured >= self.target if self.higher_is_better else measured <= self.target

    def line(self) -> str:
        sign = "≥" if self.higher_is_better else "≤"
        peer = (
            ""
            if self.peer is None
            else f"  {self.peer_name} {self.peer:.4g} {self.unit}  ratio {self.ratio:.3g}"
        )
        floor = "" if self.floor is None else f"  floor {self.floor_name} {self.floor:.4g} {self.unit}"
        verdict = "ok" if self.ok else "MISSED"
        return f"{self.name:<40} {self.ours:.4g} {self.unit}{peer}{floor}  target {sign} {self.target:.4g}  {verdict}"


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def cpu_seconds(command: Sequence[str | Path], env: Mapping[str, str] | None = None) -> float:
    """Return what a program and all that it waited for took of processors, which another program's load changes little."""
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime


def own_cpu_seconds(function: Callable[[], object]) -> float:
    """Return what one call took of processors, in this process and in those that it waited for."""

    def used() -> float:
        both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(one.ru_utime + one.ru_stime for one in both)

    before = used()
    function()
    return used() - before


def in_turn(*sides: Callable[[], float], rounds: int = 5) -> tuple[float, ...]:
    """Return the median of each of that many rounds, in which ours, the peer's and whatever else are measured in turn."""
    measured = [tuple(side() for side in sides) for _ in range(rounds)]
    return tuple(statistics.median(of_one) for of_one in zip(*measured, strict=True))


def kilobytes(field: str) -> int:
    """
    Return what the kernel says of this process's memory, in KiB.

    :param field: ``VmRSS`` now, ``VmHWM`` at most; ru_maxrss of a new process begins at what its parent had.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
