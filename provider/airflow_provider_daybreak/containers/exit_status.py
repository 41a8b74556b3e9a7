"""How a container ended, in words."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_CANNOT_RUN, _NOT_FOUND, _SIGNALLED = 126, 127, 128  # POSIX shells' exit codes (XCU 2.8.2)


@dataclass(frozen=True)
class ExitStatus:
    """
    How a container ended.

    :param exit_code: 0 to 255; 128 + n where signal n ended it.
    :param out_of_memory: whether the kernel killed a process of it at its memory limit.
    :param memory_limit: bytes, or 0 where there is none.
    :param engine_error: what the engine says went wrong, or nothing.
    """

    exit_code: int
    out_of_memory: bool = False
    memory_limit: int = 0
    engine_error: str = ""

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> ExitStatus:
        """Return the outcome of an ended container, from what the engine's inspection says."""
        state = inspected["State"]
        return cls(
            exit_code=int(state["ExitCode"]),
            out_of_memory=bool(state.get("OOMKilled")),
            memory_limit=int(inspected.get("HostConfig", {}).get("Memory") or 0),
            engine_error=str(state.get("Error") or ""),
        )

    @property
    def signal(self) -> str | None:
        """Name of the signal that ended it, such as ``SIGKILL``, or None."""
        try:
            return signal.Signals(self.exit_code - _SIGNALLED).name
        except ValueError:
            return None

    def __str__(self) -> str:
        """Say how it ended and, where one is known, the next step."""
        if self.engine_error:
            return f"exit code {self.exit_code}, and the engine says: {self.engine_error}"
        if self.out_of_memory:
            ended = "it was killed" if self.signal == "SIGKILL" else f"exit code {self.exit_code}, after a kill"
            return (
                f"{ended} for using more memory than its limit of {_mebibytes(self.memory_limit)}. "
                "Raise mem_limit, or let it work on less at a time"
            )
        if self.exit_code == _NOT_FOUND:
            return "exit code 127: its shell did not find a command"
        if self.exit_code == _CANNOT_RUN:
            return "exit code 126: a command of it is there, but can't be executed"
        if self.signal:
            return f"{self.signal} ended it (exit code {self.exit_code})"
        return f"exit code {self.exit_code}"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB" if count else "the machine"
