"""Running a script of a release: in an environment that is built for it, watched to its end."""

from __future__ import annotations

import codecs
import json
import os
import re
import selectors
import shlex
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import (
    ReleaseDamagedError,
    ReleaseNotFoundError,
    ScriptNotStartedError,
    ScriptOutputError,
)
from airflow_provider_daybreak.releases.environments.environment import COMPLETE, is_complete
from airflow_provider_daybreak.releases.lease import leased
from airflow_provider_daybreak.releases.running.booting import BOOT, first_on, place_boot
from airflow_provider_daybreak.releases.running.command import program_of
from airflow_provider_daybreak.releases.running.privileges import Privileges, check_access
from airflow_provider_daybreak.releases.running.redact import Redactor
from airflow_provider_daybreak.releases.running.workspace import fill, workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.running.workspace import Workspace

_PASSED_ON = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "TZ",
    "USER",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT_BYTES = 4 * 1024**2
_LINE_LENGTH = 64 * 1024  # characters that are passed on at a time
_TAIL_LINES = 20
RELAY = "DAYBREAK_MAIL_RELAY"
"""Variable that tells a script's Pythons where the relay is that keeps its mail."""
TERMINATION_SECONDS = 3.0
"""How long a script may clean up after SIGTERM. With the kill that follows it stays under the 5 s Airflow gives."""


@dataclass(frozen=True)
class Job:
    """
    What to run in a release.

    :param command: program and arguments. A first item that ends in ``.py`` is a script of the release,
        and ``-m`` a module; both are run by the release's Python. Any other is a file of the release, such as
        ``run.sh``, or a program of the environment or of the system.
    :param env: variables to set, after those of ``.env``.
    :param privileges: whom it runs as, and what it may use at most.
    :param boot: variables, set before those of ``.env``, that tell ``boot/sitecustomize.py`` what to begin in each
        Python of the run. Where there are none, no Python finds it.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    privileges: Privileges = field(default_factory=Privileges)
    boot: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Finished:
    """
    How a script ended.

    :param command: what ran, as a shell would read it, without any value of ``.env``.
    :param code: its exit code, or the negative number of the signal that ended it.
    :param raw: what it wrote to stdout, with all its secrets: everything, or of more than 4 MiB the last whole lines.
    :param written: how many bytes it wrote to stdout.
    :param stderr: the last lines it wrote to stderr, without any value of ``.env``.
    :param by_hand: a shell command that runs the same.
    :param redactor: knows the values of ``.env``.
    """

    command: str
    code: int
    raw: str = field(repr=False)
    written: int
    stderr: str
    by_hand: str
    seconds: float
    redactor: Redactor = field(repr=False)

    @property
    def ending(self) -> str:
        """Exit code or signal, in words."""
        if self.code >= 0:
            return f"exit code {self.code}"
        return f"signal {signal.Signals(-self.code).name}"

    @property
    def stdout(self) -> str:
        """
        All it wrote to stdout, without the secrets of ``.env``.

        :raises ScriptOutputError: it is more than 4 MiB.
        """
        return str(self.redactor.for_result(self.whole()))

    @property
    def last_line(self) -> str:
        """
        The last line on stdout that is not empty, without the secrets of ``.env``.

        :raises ScriptOutputError: it is longer than 4 MiB.
        """
        return str(self.redactor.for_result(self._last_line()))

    def json(self) -> Any:
        """
        Return what it printed as JSON, all of it or else its last line, without the secrets of ``.env``.

        :raises ScriptOutputError: neither is JSON, or it is more than 4 MiB.
        """
        last_line = self._last_line()
        # A line of its own is JSON only where all of it isn't: what is left out can't make a difference.
        for text in (self.raw, last_line) if self._is_whole else (last_line,):
            with suppress(ValueError):
                return self.redactor.for_result(json.loads(text))
        self.whole()
        problem = (
            f"neither its stdout nor the last line of it, {self.redactor.for_log(last_line)[:200]!r}, is JSON. "
            "Print the JSON last, or ask for another output."
        )
        raise ScriptOutputError(self.command, problem)

    def whole(self) -> str:
        """
        Return all it wrote to stdout, with its secrets, for who takes it apart before they are masked.

        :raises ScriptOutputError: it is more than 4 MiB.
        """
        if not self._is_whole:
            raise self._too_much("its stdout")
        return self.raw

    @property
    def _is_whole(self) -> bool:
        return self.written <= _KEPT_BYTES

    def _last_line(self) -> str:
        # Other separators, such as U+2028, are data in JSON.
        last_line = re.split(r"[\r\n]", self.raw.rstrip())[-1].strip()
        if not last_line and not self._is_whole:
            raise self._too_much("the last line of its stdout")
        return last_line

    def _too_much(self, what: str) -> ScriptOutputError:
        problem = (
            f"{what} is larger than 4 MiB: it wrote {self.written:,} bytes, and at most {_KEPT_BYTES:,} are taken. "
            "Write the data to a file in DAYBREAK_OUTPUT_DIR, name it in artifacts of a VenvRunOperator, and take a "
            "FileSource where a report reads it."
        )
        return ScriptOutputError(self.command, problem)


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


def run(
    release: Release,
    job: Job,
    *,
    on_line: Callable[[str, str], None],
    running: Running | None = None,
    space: Workspace | None = None,
) -> Finished:
    """
    Run the job to its end, holding the release so that it isn't pruned meanwhile.

    The working directory is a copy of the release, and the script's to write in.

    :param on_line: called with ``stdout`` or ``stderr`` and each line as it comes, without the values of ``.env``.
    :param running: gets the process group.
    :param space: an empty workspace; one that is removed at the end when None.
    :raises ScriptNotStartedError: there is no such program, or it can't be executed.
    :raises ReleaseNotFoundError: the release was pruned.
    :raises ReleaseDamagedError: its source or its environment can't be used.
    """
    if space is None:
        with workspace(release.layout) as made:
            return run(release, job, on_line=on_line, running=running, space=made)
    with leased(release.path) as lease:
        if lease is None:
            raise ReleaseNotFoundError(release.layout.name, release.id, ())
        if not is_complete(release.environment):
            problem = "it is missing, damaged or of a format that this version of Daybreak does not read"
            raise ReleaseDamagedError(str(release.environment / COMPLETE), problem)
        dotenv = _dotenv(release)
        redactor = Redactor(dotenv)
        variables = environment_of(release, job, dotenv, space)
        arguments = program_of(release, job.command, variables["PATH"], space.work)
        by_hand = redactor.for_log(_by_hand(release, job, variables["PATH"]))
        if job.privileges.user:
            check_access(release.python, job.privileges.user)
        fill(space, release, job.privileges.user)
        if job.boot or RELAY in job.env:
            boot = place_boot(space.folder) if job.privileges.user else BOOT
            variables |= {
                "PYTHONPATH": first_on(variables.get("PYTHONPATH"), boot),
                "DAYBREAK_STARTED": repr(time.time()),
            }
        arguments = job.privileges.wrap(arguments, release.python)
        stdout = _Kept()
        stdout_lines, stderr_lines = _Lines("stdout", on_line, redactor), _Lines("stderr", on_line, redactor)
        started = time.monotonic()
        try:
            process = subprocess.Popen(
                arguments,
                cwd=space.work,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(lease, space.descriptor),
                start_new_session=True,
            )
        except OSError as error:
            raise ScriptNotStartedError(arguments[0], error.strerror or str(error), by_hand) from error
        code = _watch(process, (stdout, stdout_lines), (stderr_lines,), running or Running())
        return Finished(
            command=redactor.for_log(shlex.join(job.command)),
            code=code,
            raw=stdout.text(),
            written=stdout.written,
            stderr=stderr_lines.last(),
            by_hand=by_hand,
            seconds=time.monotonic() - started,
            redactor=redactor,
        )


def redactor_of(release: Release) -> Redactor:
    """
    Return who keeps the values of the release's ``.env`` out of texts.

    :raises DotenvError: it can't be read.
    """
    return Redactor(_dotenv(release))


def environment_of(release: Release, job: Job, dotenv: Mapping[str, str], space: Workspace) -> dict[str, str]:
    """Build the variables that the script sees. Of the worker's own, only the harmless are passed on."""
    variables = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    variables.setdefault("LANG", "C.UTF-8")
    variables |= {
        "PATH": f"{release.environment / 'bin'}:{_SYSTEM_PATH}",
        "VIRTUAL_ENV": str(release.environment),
        "PYTHONUNBUFFERED": "1",  # its lines are shown when it writes them
        "TMPDIR": str(space.temporary),
        "DAYBREAK_NAME": release.layout.name,
        "DAYBREAK_RELEASE": release.id,
        "DAYBREAK_WORK_DIR": str(space.work),
        "DAYBREAK_OUTPUT_DIR": str(space.output),
    }
    if release.has_src_layout:
        variables["PYTHONPATH"] = str(space.work / "src")
    if user := job.privileges.user:
        variables |= {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}
    return {**variables, **job.boot, **dotenv, **job.env}


def _dotenv(release: Release) -> Mapping[str, str]:
    return read_dotenv(release.layout.dotenv).values if release.layout.dotenv.exists() else {}


def _by_hand(release: Release, job: Job, path: str) -> str:
    """Return a command that runs the same in a copy of its own, since a script may write beside itself."""
    steps = ['cd "$(mktemp -d)"', f"cp -r {shlex.quote(str(release.src))}/. .", "chmod -R u+w ."]
    if release.layout.dotenv.exists():
        steps.append(f"cp --remove-destination {shlex.quote(str(release.layout.dotenv))} .")
    told = (key for key in job.env if key.startswith("DAYBREAK_") and key != RELAY)  # which ends with the run
    given = [shlex.quote(f"{key}={job.env[key]}") for key in told]
    given += [shlex.quote(f"{key}={value}") for key, value in job.boot.items()]
    on_path = [shlex.quote(str(BOOT))] if job.boot else []
    on_path += ['"$PWD/src"'] if release.has_src_layout else []
    given += [f"PYTHONPATH={os.pathsep.join(on_path)}"] if on_path else []
    command = shlex.join(program_of(release, job.command, path, Path()))
    return " && ".join([*steps, " ".join(["env", *given, command] if given else [command])])


def _watch(
    process: subprocess.Popen[bytes],
    stdout: tuple[_Stream, ...],
    stderr: tuple[_Stream, ...],
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


def _read(process: subprocess.Popen[bytes], streams: Mapping[IO[bytes] | None, tuple[_Stream, ...]]) -> None:
    """Read both pipes until they close, or until the script has ended and only what it left behind holds them."""
    with selectors.DefaultSelector() as selector:
        for pipe, readers in streams.items():
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, readers)
        while selector.get_map():
            ready = selector.select(timeout=0.5)
            if not ready and _has_ended(process):
                break
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
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


class _Stream(Protocol):
    """What a script writes, as it comes."""

    def feed(self, chunk: bytes) -> None: ...

    def close(self) -> None: ...


class _Kept:
    """The end of a stream, as it came."""

    def __init__(self) -> None:
        self.written = 0
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        self.written += len(chunk)
        while self._size - len(self._chunks[0]) > _KEPT_BYTES:
            self._size -= len(self._chunks.popleft())

    def close(self) -> None:
        pass

    def text(self) -> str:
        """Return all of it, or the last whole lines: the rest of one could begin with the rest of a secret."""
        data = b"".join(self._chunks)
        if self.written > _KEPT_BYTES:
            data = data[-_KEPT_BYTES:].partition(b"\n")[2]
        return data.decode("utf-8", "replace")


class _Lines:
    """A stream as lines without the values of ``.env``: they are passed on as they come, and the last are kept."""

    def __init__(self, name: str, on_line: Callable[[str, str], None], redactor: Redactor) -> None:
        self._name = name
        self._on_line = on_line
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._partial = ""
        self._last: deque[str] = deque(maxlen=_TAIL_LINES)

    def feed(self, chunk: bytes) -> None:
        *lines, self._partial = (self._partial + self._decoder.decode(chunk)).split("\n")
        for line in lines:
            self._pass_on(line)
        while (end := self._redactor.cut(self._partial, _LINE_LENGTH)) is not None:
            self._pass_on(self._partial[:end])
            self._partial = self._partial[end:]

    def close(self) -> None:
        if rest := self._partial + self._decoder.decode(b"", final=True):
            self._pass_on(rest)

    def last(self) -> str:
        """Return the last lines."""
        return "\n".join(self._last)

    def _pass_on(self, line: str) -> None:
        text = self._redactor.for_log(line.rstrip("\r"))
        self._on_line(self._name, text)
        if text.strip():
            self._last.append(text)


def _signal(group: int, number: signal.Signals) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _alive(group: int) -> bool:
    """Return whether a process of the group still runs. One that only waits to be reaped doesn't."""
    return any(pgrp == group and state not in ("Z", "X") for state, pgrp in _processes())


def _processes() -> Iterator[tuple[str, int]]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text(errors="replace")
            except OSError:
                continue  # it ended meanwhile
            fields: list[Any] = stat.rpartition(")")[2].split()
            yield fields[0], int(fields[2])
