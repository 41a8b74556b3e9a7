"""Running a script of a release: in an environment that is built for it, watched to its end."""

from __future__ import annotations

import logging
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    ReleaseDamagedError,
    ReleaseNotFoundError,
    ScriptNotStartedError,
)
from airflow_provider_daybreak.releases.environment import COMPLETE, is_complete
from airflow_provider_daybreak.releases.lease import leased
from airflow_provider_daybreak.releases.privileges import Privileges, check_access
from airflow_provider_daybreak.releases.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.releases.privileges import User
    from airflow_provider_daybreak.releases.release import Release

log = logging.getLogger(__name__)

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
_LINE_BYTES = 64 * 1024
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
        and ``-m`` a module; both are run by the release's Python. Any other is a program of the
        environment, or of the system.
    :param env: variables to set, after those of ``.env``.
    :param privileges: whom it runs as, and what it may use at most.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    privileges: Privileges = field(default_factory=Privileges)


@dataclass(frozen=True)
class Finished:
    """
    How a script ended.

    :param code: its exit code, or the negative number of the signal that ended it.
    :param stdout: what it wrote to stdout: all of it, or its last 4 MiB, without the secrets of ``.env``.
    :param stderr: the last lines it wrote to stderr, without any value of ``.env``.
    :param by_hand: a shell command that runs the same.
    """

    code: int
    stdout: str
    stderr: str
    by_hand: str
    seconds: float

    @property
    def ending(self) -> str:
        """Exit code or signal, in words."""
        if self.code >= 0:
            return f"exit code {self.code}"
        return f"signal {signal.Signals(-self.code).name}"

    @property
    def last_line(self) -> str:
        """The last line on stdout that is not empty."""
        lines = self.stdout.rstrip().splitlines()
        return lines[-1].strip() if lines else ""


def words(name: str, command: Sequence[str] | str) -> tuple[str, ...]:
    """
    Return a command's program and arguments, of a list or as a shell would read them.

    :param name: what the command is for, for the message.
    :raises InvalidValueError: it is empty.
    """
    found = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    if not found:
        raise InvalidValueError(
            name, command, "a program and its arguments, such as ['report.py', '--verbose']"
        )
    return tuple(found)


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
    folder: Path | None = None,
) -> Finished:
    """
    Run the job to its end, holding the release so that it isn't pruned meanwhile.

    The working directory shows every file of the release and can be written to; so can ``output`` beside it.

    :param on_line: called with ``stdout`` or ``stderr`` and each line as it comes, without the values of ``.env``.
    :param running: gets the process group.
    :param folder: where to make the working and output directories; removed with them by the caller. One
        that is removed at the end when None.
    :raises ScriptNotStartedError: there is no such program, or it can't be executed.
    :raises ReleaseNotFoundError: the release was pruned.
    :raises ReleaseDamagedError: its environment can't be used.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="daybreak-run-", ignore_cleanup_errors=True) as name:
            return run(release, job, on_line=on_line, running=running, folder=Path(name))
    with leased(release.path) as lease:
        if lease is None:
            raise ReleaseNotFoundError(release.layout.name, release.id, ())
        if not is_complete(release.environment):
            problem = "it is missing, damaged or of a format that this version of Daybreak does not read"
            raise ReleaseDamagedError(str(release.environment / COMPLETE), problem)
        work, output = make_folders(release, folder)
        variables = environment_of(release, job, work=work, output=output)
        arguments = _arguments(release, job, variables["PATH"])
        by_hand = _by_hand(release, arguments, job)
        redactor = Redactor(_dotenv(release))
        if job.privileges.user:
            check_access(release.python, job.privileges.user)
            _hand_over((folder, work, output, release.layout.dotenv), job.privileges.user)
        arguments = job.privileges.wrap(arguments, release.python)
        finished = _watch(
            arguments,
            work,
            variables,
            lease,
            lambda stream, line: on_line(stream, redactor.for_log(line)),
            running or Running(),
            redactor.for_log(by_hand),
        )
        return replace(
            finished, stdout=redactor.for_result(finished.stdout), stderr=redactor.for_log(finished.stderr)
        )


def make_folders(release: Release, folder: Path) -> tuple[Path, Path]:
    """
    Make the working and the output directory of a run.

    In the first every file of the release appears, so a script that opens files beside itself finds them,
    and what it writes is not written into the release.
    """
    work, output = folder / "work", folder / "output"
    work.mkdir()
    output.mkdir()
    for entry in release.src.iterdir():
        if os.path.lexists(entry):
            (work / entry.name).symlink_to(entry)
    return work, output


def _hand_over(paths: Sequence[Path], user: User) -> None:
    """Let the user write where the script may, and read the ``.env`` that it finds beside itself."""
    for path in paths:
        if path.exists() and path.stat().st_uid != user.uid:
            os.chown(path, user.uid, user.gid)


def files_like(folder: Path, pattern: str) -> dict[str, Path]:
    """
    Return what a run left that fits the pattern, by its path in the output or else the working directory.

    Links are none of it: they may lead to what the script itself could not read.
    """
    for top in (folder / "output", folder / "work"):
        try:
            found = {
                str(path.relative_to(top)): path
                for path in sorted(top.glob(pattern))
                if path.is_file() and path.resolve().is_relative_to(top.resolve())
            }
        except (ValueError, NotImplementedError) as error:
            raise InvalidValueError("pattern in artifacts", pattern, "a relative one, such as *.csv") from error
        if found:
            return found
    return {}


def environment_of(release: Release, job: Job, *, work: Path, output: Path) -> dict[str, str]:
    """
    Build the variables that the script sees. Of the worker's own, only the harmless are passed on.

    :raises DotenvError: the release's ``.env`` can't be read.
    """
    variables = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    variables.setdefault("LANG", "C.UTF-8")
    variables |= {
        "PATH": f"{release.environment / 'bin'}:{_SYSTEM_PATH}",
        "VIRTUAL_ENV": str(release.environment),
        "PYTHONUNBUFFERED": "1",  # its lines are shown when it writes them
        "TMPDIR": str(work.parent),
        "DAYBREAK_NAME": release.layout.name,
        "DAYBREAK_RELEASE": release.id,
        "DAYBREAK_WORK_DIR": str(work),
        "DAYBREAK_OUTPUT_DIR": str(output),
    }
    if release.import_path:
        variables["PYTHONPATH"] = str(release.import_path)
    if user := job.privileges.user:
        variables |= {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}
    variables |= _dotenv(release)
    return variables | dict(job.env)


def _dotenv(release: Release) -> Mapping[str, str]:
    return read_dotenv(release.layout.dotenv).values if release.layout.dotenv.exists() else {}


def _arguments(release: Release, job: Job, path: str) -> list[str]:
    if not job.command:
        raise ScriptNotStartedError(
            "", "the command is empty", "give a script of the release, such as report.py"
        )
    first, *rest = job.command
    if first == "-m":
        return [str(release.python), first, *rest]
    if first.endswith(".py"):
        script = Path(os.path.normpath(release.src / first))
        if not script.is_relative_to(release.src) or not script.is_file():
            scripts = ", ".join(f["path"] for f in release.manifest["files"] if f["path"].endswith(".py"))
            raise ScriptNotStartedError(
                first,
                f"the release holds no such script; it holds {scripts}",
                "first deploy a release that has it",
            )
        return [str(release.python), str(script), *rest]
    found = shutil.which(first, path=path)
    if found is None:
        raise ScriptNotStartedError(
            first, f"there is no such program in {path}", "first deploy a release that has it"
        )
    return [found, *rest]


def _by_hand(release: Release, arguments: list[str], job: Job) -> str:
    told = (key for key in job.env if key.startswith("DAYBREAK_") and key != RELAY)  # which ends with the run
    given = [f"{key}={job.env[key]}" for key in told]
    given += [f"PYTHONPATH={release.import_path}"] if release.import_path else []
    return f"cd {shlex.quote(str(release.src))} && " + shlex.join(
        ["env", *given, *arguments] if given else arguments
    )


def _watch(
    arguments: list[str],
    work: Path,
    variables: Mapping[str, str],
    lease: int,
    on_line: Callable[[str, str], None],
    running: Running,
    by_hand: str,
) -> Finished:
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            arguments,
            cwd=work,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(lease,),
            start_new_session=True,
        )
    except OSError as error:
        raise ScriptNotStartedError(arguments[0], error.strerror or str(error), by_hand) from error
    running.started(process.pid)
    stdout, stderr = _Capture("stdout", on_line), _Capture("stderr", on_line)
    try:
        _read(process, stdout, stderr)
        _wait(process)
    finally:
        # What it left running ends with it. It is reaped after that, since its number is that of the group.
        running.kill(grace=0.0 if _has_ended(process) else TERMINATION_SECONDS)
        running.ended()
        code = process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    return Finished(code, stdout.text(), stderr.tail(), by_hand, time.monotonic() - started)


def _read(process: subprocess.Popen[bytes], stdout: _Capture, stderr: _Capture) -> None:
    """Read both pipes until they close, or until the script has ended and only what it left behind holds them."""
    with selectors.DefaultSelector() as selector:
        for stream, capture in ((process.stdout, stdout), (process.stderr, stderr)):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ, capture)
        while selector.get_map():
            ready = selector.select(timeout=0.5)
            if not ready and _has_ended(process):
                break
            for key, _ in ready:
                chunk = os.read(key.fd, 1 << 16)
                key.data.feed(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    stdout.close()
    stderr.close()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the script has ended, without reaping it."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _wait(process: subprocess.Popen[bytes]) -> None:
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


class _Capture:
    """One stream: passed on line by line, and its end kept."""

    def __init__(self, name: str, on_line: Callable[[str, str], None]) -> None:
        self._name = name
        self._on_line = on_line
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._partial = b""

    def feed(self, chunk: bytes) -> None:
        self._kept.append(chunk)
        self._size += len(chunk)
        while self._size - len(self._kept[0]) > _KEPT_BYTES:
            self._size -= len(self._kept.popleft())
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        for line in lines:
            self._pass_on(line)
        while len(self._partial) > _LINE_BYTES:
            self._pass_on(self._partial[:_LINE_BYTES])
            self._partial = self._partial[_LINE_BYTES:]

    def close(self) -> None:
        if self._partial:
            self._pass_on(self._partial)
            self._partial = b""

    def text(self) -> str:
        return b"".join(self._kept)[-_KEPT_BYTES:].decode("utf-8", "replace")

    def tail(self) -> str:
        return "\n".join(self.text().rstrip().splitlines()[-_TAIL_LINES:])

    def _pass_on(self, line: bytes) -> None:
        self._on_line(self._name, line.decode("utf-8", "replace").rstrip("\r"))


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
