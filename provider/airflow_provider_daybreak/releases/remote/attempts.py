"""What a host was asked to do: each attempt once, whoever asks again, and its outcome until somebody has taken it for good."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.releases.files import read_json
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEY = re.compile(r"[0-9a-f]{32}")
_KEPT_SECONDS = 30 * 86400  # of what nobody has taken
_TAKEN_SECONDS = 86400
_FILES_SECONDS = 3600  # of what was taken: whoever took it may be lost before Airflow has heard of it
_RESERVE = "reserve"
_RESERVED = 1 << 20  # bytes
_BEGIN = "import sys;sys.path.insert(0,sys.argv[1]);from airflow_provider_daybreak.releases.remote.supervisor import main;main(*sys.argv[1:])"


@dataclass(frozen=True)
class Attempt:
    """
    One try of one task.

    ::

        <folder>/alive           locked while it goes on; whatever it started holds that too
                 pid             the supervisor's; written once it begins
                 events.jsonl    what it logs, a JSON line each, to be followed from any place
                 files/          what it left, and what it mailed where that is kept
                 reserve         room for the outcome
                 outcome.json    how it ended
                 taken           in which round of its tries somebody has the outcome

    :param folder: its own.
    """

    folder: Path

    @property
    def events(self) -> Path:
        """What it logs."""
        return self.folder / "events.jsonl"

    @property
    def files(self) -> Path:
        """What it left."""
        return self.folder / "files"

    @property
    def outcome(self) -> dict[str, Any] | None:
        """How it ended, or None while it goes on or where that is lost."""
        return read_json(self.folder / "outcome.json")

    @property
    def has_begun(self) -> bool:
        """Whether its supervisor took the request."""
        return (self.folder / "pid").exists()

    @property
    def taken(self) -> str | None:
        """In which round of its tries whoever asked has the outcome; None where nobody has it."""
        path = self.folder / "taken"
        return path.read_text() if path.exists() else None

    @property
    def is_alive(self) -> bool:
        """Whether anything of it goes on."""
        try:
            descriptor = os.open(self.folder / "alive", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def reserve(self) -> None:
        """
        Keep room for how it ends: on a disk that gets full meanwhile nobody would know.

        :raises OSError: there is none.
        """
        with (self.folder / _RESERVE).open("wb") as file:
            file.write(b"\0" * _RESERVED)

    def free(self) -> None:
        """Give the room back."""
        (self.folder / _RESERVE).unlink(missing_ok=True)

    def end_with(self, outcome: Mapping[str, Any]) -> None:
        """Write down how it ended, once and for all."""
        local.write(self.folder / "outcome.json", json.dumps(outcome).encode(), mode=0o600)

    def take(self, round_: str) -> None:
        """Note that whoever asked has the outcome, and remove what it is no longer needed for by anybody."""
        local.write(self.folder / "taken", round_.encode(), mode=0o600)
        for name in ("mail", "source"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def stop(self, seconds: float) -> bool:
        """
        End it and whatever it started.

        :param seconds: to wait for that.
        :return: whether nothing of it goes on.
        """
        deadline = time.monotonic() + seconds
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            pid = int((self.folder / "pid").read_text())
            if self.is_alive:
                os.kill(pid, signal.SIGTERM)
        while self.is_alive and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.is_alive

    def start(self, program: str, request: Mapping[str, Any]) -> None:
        """Have a process of its own do it, which outlives this one and its connection."""
        descriptor = os.open(self.folder / "alive", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with (self.folder / "stderr").open("wb") as stderr:
                process = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-X", "utf8", "-c", _BEGIN, program),
                        *(str(self.folder), str(descriptor)),
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                    cwd=self.folder,
                    start_new_session=True,
                    pass_fds=(descriptor,),
                )
            with process.stdin as stdin:  # type: ignore[union-attr]  # it is a pipe
                stdin.write(json.dumps(request).encode())
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class Attempts:
    """
    The tries of one task of one run.

    :param folder: holds one for each.
    """

    folder: Path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from beginning one."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def current(self, attempt: str, round_: str) -> Attempt | None:
        """
        Return the attempt that stands for the one that is asked for, or None where a new one must begin.

        That is the attempt itself if it was begun, and an earlier one that still goes on, or ended well in the same round. Who took its
        outcome in that round was lost with it; after a later round's beginning, as by a clear, it is to be done anew.

        :param round_: changes where the task's tries begin to be counted anew.
        """
        there = sorted(path for path in self.folder.iterdir() if path.is_dir())
        for path in reversed(there):
            found = Attempt(path)
            outcome = found.outcome  # read before it is asked whether it is alive: else it could end in between
            if not (found.has_begun or outcome or found.is_alive):
                continue  # who began it was cut off before the request was there
            mine = path.name.partition("-")[2] == attempt
            ended_well = (found.outcome or {}).get("ok") and found.taken in (None, round_)
            return found if mine or found.is_alive or ended_well else None
        return None

    def new(self, attempt: str) -> Attempt:
        """Make room for a new one."""
        number = max((int(path.name[:6]) for path in self.folder.iterdir() if path.is_dir()), default=0) + 1
        made = self.folder / f"{number:06}-{attempt}"
        made.mkdir(mode=0o700)
        return Attempt(made)


def sweep(runs: Path, incoming: Path) -> None:
    """Remove what is long over, and what was cut off on its way here."""
    now = time.time()
    for folder in incoming.iterdir():
        if now - folder.stat().st_mtime > _TAKEN_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
    for key in runs.iterdir():
        attempts = [Attempt(path) for path in key.iterdir() if path.is_dir()]
        for one in attempts:
            if one.taken is not None and now - (one.folder / "taken").stat().st_mtime > _FILES_SECONDS:
                shutil.rmtree(one.files, ignore_errors=True)
        over = all(
            not one.is_alive
            and now - one.folder.stat().st_mtime > (_KEPT_SECONDS if one.taken is None else _TAKEN_SECONDS)
            for one in attempts
        )
        if over and now - key.stat().st_mtime > _TAKEN_SECONDS:
            shutil.rmtree(key, ignore_errors=True)
