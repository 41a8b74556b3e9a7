"""What every part of the benchmark shares: taking turns, medians, and one line a figure."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """
    One measured comparison.

    :param name: ``part.what``.
    :param ours: our median, in the unit.
    :param peer: the peer's median in the same run, or None where the target is absolute.
    :param target: what the ratio (or, without a peer, our figure) should be.
    :param higher_is_better: whether the target is a lower bound; an upper bound otherwise.
    """

    name: str
    ours: float
    peer: float | None
    target: float
    unit: str
    peer_name: str = ""
    higher_is_better: bool = False

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
        verdict = "ok" if self.ok else "MISSED"
        return f"{self.name:<40} {self.ours:.4g} {self.unit}{peer}  target {sign} {self.target:g}  {verdict}"


def seconds(function: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def in_turn(ours: Callable[[], float], peer: Callable[[], float], *, rounds: int = 5) -> tuple[float, float]:
    """Return both medians of that many rounds, in which ours and the peer's are measured in turn."""
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def kilobytes(field: str) -> int:
    """
    Return what the kernel says of this process's memory, in KiB.

    :param field: ``VmRSS`` now, ``VmHWM`` at most; ru_maxrss of a new process begins at what its parent had.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
