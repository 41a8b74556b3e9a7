"""Watching a script to its end, by a guard that lets nothing of it outlive the run: see ``guard.py``."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_daybreak.releases.running.output import Stream

TERMINATION_SECONDS = 3.0
"""How long a script may clean up after SIGTERM. With the kill that follows it stays under the 5 s Airflow gives."""
_GUARD = str(Path(__file__).with_name("guard.py"))
_LARGEST_PIPE = 1 << 20
_LONGER_THAN_IT_TAKES = 15.0  # seconds for the guard to end what is left, and itself


@dataclass(frozen=True)
class Ended:
    """
    How a script ended.

    :param code: its exit code, or the negative number of the signal that ended it.
    :param left: what it left running and had to be ended, such as ``sleep (4711)``.
    :param stubborn: what of that could not be ended.
    :param watched: whether the guard was there to its end. If not, nobody knows what may still run.
    """

    code: int
    left: Sequence[str] = ()
    stubborn: Sequence[str] = ()
    watched: bool = True

    @property
    def is_over(self) -> bool:
        """Whether nothing of the script runs any more."""
        return self.watched and not self.stubborn


class Running:
    """All processes of a script, for whoever has to end them early."""

    def __init__(self) -> None:
        self._guard: int | None = None
        self._control: int | None = None

    def started(self, guard: int, control: int) -> None:
        """Remember the guard's process and the pipe to it."""
        self._guard, self._control = guard, control

    def ended(self) -> None:
        """Forget the guard: its number may be given to others now."""
        self._guard = self._control = None

    def kill(self, *, grace: float = TERMINATION_SECONDS) -> None:
        """
        End every process that the script started: asked first, then made to.

        :param grace: seconds between the two.
        """
        guard, control = self._guard, self._control
        if guard is None or control is None:
            return
        with suppress(BrokenPipeError):  # it has ended meanwhile
            os.write(control, f"{grace}".encode())
        deadline = time.monotonic() + grace + _LONGER_THAN_IT_TAKES
        while not _has_ended(guard) and time.monotonic() < deadline:
            time.sleep(0.02)


def watch(
    arguments: Sequence[str],
    *,
    folder: Path,
    variables: Mapping[str, str],
    inherited: Sequence[int],
    stdout: Sequence[Stream],
    stderr: Sequence[Stream],
    running: Running,
) -> Ended:
    """
    Run a program to its end, and end what it left running.

    :param inherited: descriptors that it and its children keep open.
    :raises OSError: it can't be executed.
    """
    control, controlling = os.pipe()
    reporting, status = os.pipe()
    try:
        try:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-X", "utf8", _GUARD),
                    *(str(control), str(status)),
                    *arguments,
                ],
                cwd=folder,
                env={key: os.environ[key] for key in ("LD_LIBRARY_PATH",) if key in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(*inherited, control, status),
                start_new_session=True,
            )
        finally:
            os.close(control)
            os.close(status)
        running.started(process.pid, controlling)
        try:
            _write(controlling, json.dumps(dict(variables)).encode() + b"\n")
            _read(process, {process.stdout: stdout, process.stderr: stderr})
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            if not _has_ended(process.pid):
                running.kill()
            running.ended()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
        return _reported(reporting, process.returncode)
    finally:
        os.close(controlling)
        os.close(reporting)


def _write(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError):  # the guard was killed: there is no report then, which says so
        while data:
            data = data[os.write(descriptor, data) :]


def _reported(descriptor: int, code: int) -> Ended:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        said: dict[str, Any] = {}
        for line in file:
            said |= json.loads(line)
    if "errno" in said:
        raise OSError(said["errno"], os.strerror(said["errno"]))
    if "left" not in said:  # somebody killed the guard
        if "script" in said:
            with suppress(ProcessLookupError):
                os.killpg(said["script"], signal.SIGKILL)
        return Ended(code or -signal.SIGKILL, watched=False)
    known = -signal.SIGKILL if said["code"] is None else said["code"]
    return Ended(known, tuple(said["left"]), tuple(said["stubborn"]))


def _read(process: subprocess.Popen[bytes], streams: Mapping[IO[bytes] | None, Sequence[Stream]]) -> None:
    """Read both pipes until they close, or until the guard has ended and only what nobody can end holds them."""
    rest = _LARGEST_PIPE
    with selectors.DefaultSelector() as selector:
        for pipe, readers in streams.items():
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, readers)
        while selector.get_map() and rest > 0:
            ended = _has_ended(process.pid)
            ready = selector.select(timeout=0 if ended else 0.5)
            if not ready and ended:
                break
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                rest -= len(chunk) if ended else 0
                for reader in key.data:
                    reader.feed(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    for reader in chain.from_iterable(streams.values()):
        reader.close()


def _has_ended(process: int) -> bool:
    """Return whether a child has ended, without reaping it. One that another thread has reaped has."""
    try:
        return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
