"""
Stands between a worker's task and its script, so that nothing the script started outlives either of them.

It adopts whatever of the script's loses its parent (``PR_SET_CHILD_SUBREAPER``), whether that left its session or not. When the script
has ended, when the task asks, and when the task is gone, which a closed pipe tells even after SIGKILL, it ends all
of them. Runs as the worker's user, with nothing of the script's environment, and needs nothing installed: the
``/proc`` that it reads stands in for psutil, which its Python would take longer to import than it takes to start.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time

_PR_SET_CHILD_SUBREAPER = 36
_GRACE = 3.0  # seconds to clean up after SIGTERM, where the task can't say
_PATIENCE = 10.0  # seconds for what does not even die of SIGKILL, such as a program that waits for a lost disk
_FOR_THE_SCRIPT = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(control: int, status: int, arguments: list[str]) -> None:
    """
    Run the script to its end or the task's, then end what is left, and report.

    :param control: pipe that brings the script's variables as a line of JSON, then seconds of grace if it is to end.
    :param status: pipe that takes ``{"script": pid}`` and ``{"code", "left"}``, or ``{"errno"}``, each a line of JSON.
    """
    for descriptor in (control, status):
        os.set_inheritable(descriptor, False)
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the pipe says when to end
    woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    task = os.getppid()
    variables = json.loads(_line(control))
    try:
        script = os.posix_spawn(arguments[0], arguments, variables, setsid=True, setsigdef=_FOR_THE_SCRIPT)
    except OSError as error:
        _say(status, {"errno": error.errno})
        return
    _say(status, {"script": script})
    _Guard(script, control, woken, task).watch(status)


class _Guard:
    def __init__(self, script: int, control: int, woken: int, task: int) -> None:
        self._script = script
        self._control = control
        self._woken = woken
        self._task = task
        self._code: int | None = None

    def watch(self, status: int) -> None:
        grace = None
        while self._code is None and grace is None:
            grace = self._asked(self._wait(1.0))
            self._reap()
        if grace is not None:
            self._ask_to_end(grace)
        left = [f"{name} ({pid})" for pid, name, state in _below() if state not in "ZX"]
        stubborn = self._end()
        _say(status, {"code": self._code, "left": left, "stubborn": stubborn})

    def _asked(self, ready: list[int]) -> float | None:
        """Return the seconds of grace if the script is to end, or None while it may go on."""
        if self._control in ready:
            said = os.read(self._control, 64)
            return float(said) if said else _GRACE
        return _GRACE if os.getppid() != self._task else None  # a fork of the task may hold its pipe open

    def _ask_to_end(self, grace: float) -> None:
        _send(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self._reap() and (rest := deadline - time.monotonic()) > 0:
            self._wait_for_children(rest)

    def _end(self) -> list[str]:
        """End all that is left, also what they start meanwhile, and return what can't be ended."""
        deadline = time.monotonic() + _PATIENCE
        while self._reap():
            if time.monotonic() > deadline:
                return [f"{name} ({pid})" for pid, name, _ in _below()]
            _send(signal.SIGKILL)
            self._wait_for_children(0.02)
        return []

    def _reap(self) -> bool:
        """Take the exit codes of what has ended, and return whether anything still runs."""
        while True:
            try:
                pid, ended = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if not pid:
                return True
            if pid == self._script:
                self._code = os.waitstatus_to_exitcode(ended)

    def _wait(self, seconds: float) -> list[int]:
        ready, _, _ = select.select([self._control, self._woken], [], [], seconds)
        self._rest(ready)
        return ready

    def _wait_for_children(self, seconds: float) -> None:
        self._rest(select.select([self._woken], [], [], seconds)[0])

    def _rest(self, ready: list[int]) -> None:
        if self._woken in ready:
            os.read(self._woken, 4096)


def _send(number: int) -> None:
    for pid, _, _ in _below():
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # it has ended meanwhile, or has become another user: then it is named as what can't be ended


def _below() -> list[tuple[int, str, str]]:
    """Return id, name and state of each process that came of this one."""
    children: dict[int, list[tuple[int, str, str]]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    name, _, rest = file.read().partition("(")[2].rpartition(")")
            except OSError:
                continue  # it has ended meanwhile
            state, parent = rest.split()[:2]
            children.setdefault(int(parent), []).append((int(entry), name, state))
    found: list[tuple[int, str, str]] = []
    waiting = [os.getpid()]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [pid for pid, _, _ in below]
    return found


def _line(descriptor: int) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            sys.exit(1)  # the task is gone before the script began
        data += chunk
    return data


def _say(status: int, value: object) -> None:
    try:
        os.write(status, json.dumps(value).encode() + b"\n")
    except BrokenPipeError:
        pass  # the task is gone


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
