"""Does what a host was asked to, in a process of its own that no lost connection ends."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import signal
import sys
import traceback
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_daybreak.exceptions import ClockError, DaybreakError, DiskFullError, ReleaseError
from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.clock import start_at
from airflow_provider_daybreak.releases.deploy import deploy, roll_back
from airflow_provider_daybreak.releases.info import info_of
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release
from airflow_provider_daybreak.releases.remote.attempts import Attempt
from airflow_provider_daybreak.releases.remote.beside import beside
from airflow_provider_daybreak.releases.remote.messages import ending_of, plan_of, said_of_error
from airflow_provider_daybreak.releases.running.booting import RELAY
from airflow_provider_daybreak.releases.running.left import all_like
from airflow_provider_daybreak.releases.running.privileges import Privileges, find_user, read_limits
from airflow_provider_daybreak.releases.running.process import Running
from airflow_provider_daybreak.releases.running.run import Job, dotenv_of, run
from airflow_provider_daybreak.releases.running.state import State
from airflow_provider_daybreak.releases.running.workspace import files_like, opened, workspace
from airflow_provider_daybreak.releases.scan import warn_of
from airflow_provider_daybreak.releases.uv import Index

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from airflow_provider_daybreak.releases.conditions import Ending
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.running.privileges import User
    from airflow_provider_daybreak.releases.running.workspace import Left, Workspace

log = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
MOST_LOGGED = 64 * 1024**2  # bytes of an attempt's events: they lie on the host until somebody has them


class _Stopped(BaseException):
    """Somebody ended it before its script ran."""


class _Running(Running):
    """A script that is ended as soon as it runs, if it was to be ended before."""

    def __init__(self) -> None:
        super().__init__()
        self.is_stopped = self.is_going = False

    def started(self, guard: int, control: int) -> None:
        super().started(guard, control)
        self.is_going = True
        if self.is_stopped:
            self.kill()

    def ended(self) -> None:
        super().ended()
        self.is_going = False

    def stop(self, *_: object) -> None:
        self.is_stopped = True
        if not self.is_going:
            raise _Stopped
        self.kill()


class _Events(logging.Handler):
    """Writes down what is logged, for whoever follows."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.INFO)
        self._file = path.open("ab", buffering=0)
        self._end = self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.say({"log": record.levelno, "text": record.getMessage()})

    def say(self, event: Mapping[str, Any]) -> None:
        if self._end > MOST_LOGGED or not self._write(event):
            self._left_out += 1

    def end(self) -> None:
        if self._left_out:
            text = (
                f"{self._left_out:,} lines are left out here: the host's disk was full, or there were more than the "
                f"{MOST_LOGGED >> 20} MiB that are brought back"
            )
            self._write({"log": logging.WARNING, "text": text})

    def _write(self, event: Mapping[str, Any]) -> bool:
        """Write all of a line, or nothing where the disk is full: a part of one would spoil the next."""
        line = json.dumps(event).encode() + b"\n"
        try:
            is_whole = self._file.write(line) == len(line)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            is_whole = False
        if is_whole:
            self._end += len(line)
        else:
            self._file.truncate(self._end)
        return is_whole


def main(program: str, folder: str, alive: str) -> None:
    """
    Do what stdin says, as JSON, and leave the outcome in the attempt's folder.

    :param program: the folder that this is imported from.
    :param alive: the descriptor that says that it goes on.
    """
    attempt, held = Attempt(Path(folder)), int(alive)
    os.set_inheritable(held, False)
    os.umask(0o022)
    request = json.load(sys.stdin.buffer)
    running = _Running()
    signal.signal(signal.SIGTERM, running.stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    (attempt.folder / "pid").write_text(str(os.getpid()))
    events = _Events(attempt.events)
    logging.getLogger().addHandler(events)
    logging.getLogger().setLevel(logging.INFO)
    work = _Work(attempt, request, events, running, held, program)
    source = str(attempt.folder / "source")
    try:
        outcome = {"ok": True, "value": work.do()}
    except _Stopped:
        outcome = {"stopped": True}
    except DaybreakError as error:
        outcome = (
            {"stopped": True}
            if running.is_stopped
            else {"error": said_of_error(error, source, request.get("source", ""))}
        )
    except OSError as error:
        if error.errno not in _FULL:
            outcome = {"crash": traceback.format_exc()}
        else:
            outcome = _full(str(error.filename or folder), error)
    except Exception:  # noqa: BLE001 - it is told to who asked
        outcome = {"crash": traceback.format_exc()}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    attempt.free()
    events.end()
    try:
        attempt.end_with({"ok": False, "files": work.left, "mails": work.mails, **outcome})
    except OSError as error:  # what it returned has no room: that it has none still has
        attempt.end_with({"ok": False, **_full(folder, error)})


def _full(path: str, error: OSError) -> dict[str, Any]:
    return {"error": said_of_error(DiskFullError(path, error.strerror or str(error)))}


class _Work:
    def __init__(
        self,
        attempt: Attempt,
        request: Mapping[str, Any],
        events: _Events,
        running: _Running,
        held: int,
        program: str,
    ) -> None:
        self._attempt = attempt
        self._request = request
        self._events = events
        self._running = running
        self._held = held
        self._layout = Layout(Path(request["releases"]), request["name"])
        self._program = program
        self.left: dict[str, dict[str, Any]] = {}
        self.mails: dict[str, dict[str, Any]] = {}

    def do(self) -> Any:
        uv.bring(*self._request["uv"])
        return {"deploy": self._deploy, "rollback": self._roll_back, "run": self._run}[self._request["what"]]()

    def _deploy(self) -> Any:
        source = self._attempt.folder / "source" / self._request["script"]
        dotenv = None
        if self._request["dotenv"] is not None:
            dotenv = self._attempt.folder / "dotenv"
            descriptor = os.open(dotenv, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._request["dotenv"].encode("utf-8", "surrogateescape"))
        try:
            deployed = deploy(self._layout, plan_of(self._request["plan"], source, dotenv))
        finally:
            if dotenv:
                dotenv.unlink()
        if deployed.changed and deployed.findings is not None:
            warn_of(deployed.findings, self._layout.name)
        return info_of(deployed)

    def _roll_back(self) -> Any:
        return info_of(roll_back(self._layout, self._request["to"]))

    def _run(self) -> Any:
        asked = self._request
        found = get_release(self._layout, asked["release"])
        ending = ending_of(asked["ending"])
        user = find_user(asked["run_as"]) if asked["run_as"] else None
        boot = self._clock(found, asked["clock"]) if asked["clock"] else {}
        job = Job(
            tuple(asked["command"]),
            asked["env"],
            Privileges(user, read_limits(asked["limits"])),
            boot,
            encoding=asked["encoding"],
            patterns=ending.patterns,
            state=State(self._layout, tuple(asked["state"]), None) if asked["state"] else None,
            held=(self._held,),
        )
        if not asked["mail"]:
            return self._run_job(found, job, ending)
        own = asked["own"]
        given, spool = {**dotenv_of(found, user, own), **own}, self._attempt.folder / "mail"
        users = {os.geteuid(), *([user.uid] if user else [])}
        try:
            with beside(asked["mail"], self._program, spool, given=given, users=users) as (variables, address):
                kept = replace(job, env={**job.env, **variables}, boot={**boot, RELAY: address})
                return self._run_job(found, kept, ending)
        finally:
            if spool.exists():
                for file in spool.iterdir():
                    with file.open("rb") as content:
                        self.mails[file.name] = self._copied(file.name, content)

    def _clock(self, release: Release, asked: Mapping[str, str]) -> dict[str, str]:
        """Return what starts the clocks of its Pythons at the instant that is asked for."""
        indexes = {one: Index(**index) for one, index in self._request["indexes"].items()}
        at, name = datetime.fromisoformat(asked["at"]), asked["zone"]
        if name == "UTC":
            zone: tzinfo = timezone.utc
        else:
            try:
                zone = ZoneInfo(name)
            except ZoneInfoNotFoundError as error:
                problem = (
                    f"this host knows no zone {name!r}. Install its tzdata package (apt-get install tzdata)."
                )
                raise ClockError(str(release.python), problem) from error
        log.info("Its clock starts at %s", at.isoformat())
        return start_at(at.astimezone(zone), release, index_of=indexes.__getitem__)

    def _run_job(self, found: Release, job: Job, ending: Ending) -> Any:
        asked, user = self._request, job.privileges.user
        with job.state.held() if job.state else nullcontext(), workspace(self._layout) as space:
            finished = run(found, job, on_line=self._on_line, running=self._running, space=space)
            log.info("It ended with %s after %.1f s", finished.ending, finished.seconds)
            files = partial(files_like, space, found, user=user)
            try:
                ending.check(finished, files)
            except ReleaseError:
                if asked["artifacts"]:
                    self._keep(
                        space, {one.name: one for each in asked["artifacts"] for one in files(each)}, user
                    )
                raise
            value = finished.result(asked["output"])
            if job.state:
                job.state.keep(space, found, user)
            if asked["artifacts"]:
                self._keep(space, all_like(finished.command, asked["artifacts"], files), user)
        return value

    def _on_line(self, stream: str, line: str) -> None:
        self._events.say({"stream": stream, "text": line})

    def _keep(self, space: Workspace, files: Mapping[str, Left], user: User | None) -> None:
        """Copy what it left out of a workspace that is about to go, with the digests of what was copied."""
        for name, left in files.items():
            with opened(space, left, user) as file:
                self.left[name] = self._copied(left.parts[-1], file)

    def _copied(self, name: str, file: BinaryIO) -> dict[str, Any]:
        """Copy a file to where it is fetched from, and return how it is asked for and known."""
        self._attempt.files.mkdir(mode=0o700, exist_ok=True)
        number, digest, size = len(self.left) + len(self.mails), hashlib.sha256(), 0
        with (self._attempt.files / str(number)).open("wb") as copy:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                copy.write(chunk)
        return {"number": number, "file": name, "sha256": digest.hexdigest(), "bytes": size}
