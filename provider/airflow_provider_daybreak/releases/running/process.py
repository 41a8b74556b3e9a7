"""A script's processes: followed to the end of the script, and ended with it."""

from __future__ import annotations

import os
import selectors
import signal
import time
from contextlib import suppress
from itertools import chain
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping

    from airflow_provider_daybreak.releases.running.output import Stream

TERMINATION_SECONDS = 3.0
"""How long a script may clean up after SIGTERM. With the kill that follows it stays under the 5 s Airflow gives."""
_PIPE_BYTES = 1 << 20  # the most that a pipe holds, unless root set more (pipe(7))


class Running:
    """The process group of a script, for whoever has to end it early."""

    def __init__(self) -> None:
        self._group: int | None = None

    def started(self, group: int) -> None:
        """Remember the group."""
        self._group = group

    def ended(self) -> None:
        """Forget the group: its number may be given to others now."""
        self._group = None

    def kill(self, *, grace: float = TERMINATION_SECONDS) -> None:
        """
        End every process of the group: asked first, then made to.

        :param grace: seconds between the two.
        """
        group = self._group
        if group is None or not _signal(group, signal.SIGTERM):
            return
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            if not _alive(group):
                return
            time.sleep(0.02)
        _signal(group, signal.SIGKILL)


def watch(
    process: subprocess.Popen[bytes],
    stdout: tuple[Stream, ...],
    stderr: tuple[Stream, ...],
    running: Running,
) -> int:
    """Read what the script writes until it has ended, end what it left running, and return its exit code."""
    running.started(process.pid)
    try:
        _read(process, {process.stdout: stdout, process.stderr: stderr})
        _wait(process)
    finally:
        # What it left running ends with it. It is reaped after that, since its number is that of the group.
        running.kill(grace=0.0 if _has_ended(process) else TERMINATION_SECONDS)
        running.ended()
        code = process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    return code


def _read(process: subprocess.Popen[bytes], streams: Mapping[IO[bytes] | None, tuple[Stream, ...]]) -> None:
    """Read both pipes until they close, or until the script has ended and only what it left behind holds them."""
    with selectors.DefaultSelector() as selector:
        for pipe, readers in streams.items():
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, readers)
        left = _PIPE_BYTES * len(streams)
        while selector.get_map() and left > 0:
            ended = _has_ended(process)
            ready = selector.select(timeout=0 if ended else 0.5)
            if ended and not ready:
                break
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                # What a script that has ended wrote itself is in the pipe. What goes on writing is not waited for.
                left -= len(chunk) if ended else 0
                for reader in key.data:
                    reader.feed(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    for reader in chain.from_iterable(streams.values()):
        reader.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the script has ended, without reaping it."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wait(process: subprocess.Popen[bytes]) -> None:
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def _signal(group: int, number: signal.Signals) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _alive(group: int) -> bool:
    """Return whether a process of the group still runs. One that only waits to be reaped doesn't."""
    import psutil

    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() not in (
                psutil.STATUS_ZOMBIE,
                psutil.STATUS_DEAD,
            ):
                return True
    return False
