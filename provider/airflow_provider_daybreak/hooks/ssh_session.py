"""A session with our program on a host."""

from __future__ import annotations

import json
import logging
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import HostFolderError, HostUnsuitableError
from airflow_provider_daybreak.releases.remote import bringing, program
from airflow_provider_daybreak.releases.remote.messages import error_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import paramiko

    from airflow_provider_daybreak.hooks.ssh import Host

log = logging.getLogger(__name__)

FOLDER = "~/.daybreak"
_CHANNEL_SECONDS = 5.0
_SILENT_SECONDS = 60.0  # after which a host that says something every other second is taken for gone
_LONGEST_BANNER = 1 << 20
_LEAST = ".".join(map(str, program.LEAST_PYTHON))
_INSTALL_PYTHON = (
    f"Install Python {_LEAST} or later there (apt-get install python3), name one as daybreak_python in the connection's extra, or let the "
    "host reach what uv installs Pythons from: daybreak_python_mirror in the extra names another address."
)
_CONNECT_SECONDS = 20.0


class _NoPythonError(Exception):
    """A host without a Python that is new enough, and what it has instead."""


class CutError(Exception):
    """The connection is gone. What goes on there does so without it."""


class Session:
    """
    Our program on a host, over one channel: requests and answers as lines of JSON, and files as they are.

    :param channel: paramiko's.
    """

    def __init__(self, host: Host, channel: Any) -> None:
        self._host = host
        self._channel = channel
        self._buffer = bytearray()
        self._stderr = b""

    def say(self, **facts: Any) -> None:
        """Send a line."""
        self.send([json.dumps(facts).encode() + b"\n"])

    def send(self, chunks: Iterable[bytes]) -> None:
        """Send bytes as they are."""
        try:
            for chunk in chunks:
                self._channel.sendall(chunk)
        except OSError as error:
            raise CutError(str(error)) from error

    def hear(self) -> dict[str, Any]:
        """
        Return what the host says next.

        :raises DaybreakError: that is one.
        """
        said: dict[str, Any] = json.loads(self.line())
        if "error" in said:
            raise error_of(said["error"])
        if facts := said.get("unwritable"):
            raise HostFolderError(str(self._host), facts["path"], facts["problem"])
        if facts := said.get("refused"):
            raise HostUnsuitableError(str(self._host), facts["problem"], facts["remedy"])
        return said

    def line(self) -> bytes:
        """Return the next line."""
        while (end := self._buffer.find(b"\n")) < 0:
            self._receive()
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def content(self, size: int) -> Iterator[bytes]:
        """Yield that many bytes as they are."""
        while size:
            if not self._buffer:
                self._receive()
            chunk = bytes(self._buffer[:size])
            del self._buffer[: len(chunk)]
            size -= len(chunk)
            yield chunk

    def _receive(self) -> None:
        deadline = time.monotonic() + _SILENT_SECONDS
        while True:
            while self._channel.recv_stderr_ready():
                self._stderr = (self._stderr + self._channel.recv_stderr(1 << 16))[-4000:]
            try:
                data = self._channel.recv(1 << 18)
            except TimeoutError as error:
                if time.monotonic() < deadline:
                    continue
                raise CutError(f"it said nothing for {_SILENT_SECONDS:g} s") from error
            except OSError as error:
                raise CutError(str(error)) from error
            if not data:
                said = self._stderr.decode("utf-8", "replace").strip()
                raise CutError(f"the connection was closed{f'; it said: {said}' if said else ''}")
            self._buffer += data
            return

    def begin(self, marker: str, folder: str, *, with_uv: bool) -> None:
        """
        Start our program, which is sent where the host lacks it.

        :raises HostUnsuitableError: it can't run there.
        """
        self.send([program.loader()])
        self.say(
            marker=marker,
            folder=folder,
            program=program.program().digest,
            uv=program.uv_wanted() if with_uv else None,
        )
        self._skip_to(marker)
        while "ready" not in (said := self.hear()):
            if found := said.get("no_python"):
                raise _NoPythonError(found)
            sent = {"program": program.program, "uv": program.uv_program}[said["need"]]()
            self.say(bytes=len(sent.data))
            self.send(sent.data[at : at + (1 << 18)] for at in range(0, len(sent.data), 1 << 18))

    def bring_python(self, marker: str, folder: str, mirror: str) -> str:
        """
        Have the host install a Python, by uv, which is sent where the host lacks it.

        :param mirror: address that Pythons come from; uv's own when "".
        :return: why there is none; empty where there is one now.
        """
        self.send(f"{line}\n".encode() for line in bringing.told(marker, folder, mirror))
        self._skip_to(marker)
        while (line := self.line().strip()) != bringing.DONE:
            if line == bringing.NEED:
                uv = program.uv_program().data
                self.send(uv[at : at + (1 << 18)] for at in range(0, len(uv), 1 << 18))
            elif line == bringing.FAILED:
                return self.end().decode("utf-8", "replace").strip()[:2000] or "uv said nothing"
        self.end()
        return ""

    def end(self) -> bytes:
        """Return what it says until it ends. Then there is room for another channel, where a host allows one at a time."""
        with suppress(CutError):
            while True:
                self._receive()
        self._channel.close()
        return bytes(self._buffer)

    def _skip_to(self, marker: str) -> None:
        seen = 0
        while (line := self.line().strip()) != marker.encode():
            seen += len(line)
            if seen > _LONGEST_BANNER:
                problem = "its login shell prints without end"
                raise HostUnsuitableError(
                    str(self._host), problem, "Let its shell print nothing where it has no terminal."
                )


@contextmanager
def session(host: Host, *, with_uv: bool = False) -> Iterator[Session]:
    """
    Log in and start our program.

    :param with_uv: whether what is asked for needs uv there.
    :raises RemoteError: that can't be: see the classes under it.
    :raises CutError: the connection was lost.
    """
    marker = f"daybreak-{secrets.token_hex(8)}"
    folder, python = host.extra.get("daybreak_folder") or FOLDER, host.extra.get("daybreak_python")
    command = program.command(marker, python, folder)
    with host.connected() as client:
        made = _started(host, client, command)
        try:
            made.begin(marker, folder, with_uv=with_uv)
        except _NoPythonError as error:
            problem = f"it has no Python {_LEAST} or later ({error})"
            if python:
                raise HostUnsuitableError(str(host), problem, _INSTALL_PYTHON) from error
            log.info("%s has no Python %s or later: uv is sent there, and installs one", host, _LEAST)
            made.end()
            mirror = host.extra.get("daybreak_python_mirror") or ""
            why = _started(host, client, bringing.command()).bring_python(marker, folder, mirror)
            if why:
                problem = f"{problem}, and none can be brought there ({why})"
                raise HostUnsuitableError(str(host), problem, _INSTALL_PYTHON) from error
            made = _started(host, client, command)
            made.begin(marker, folder, with_uv=with_uv)
        yield made


def _started(host: Host, client: paramiko.SSHClient, command: str) -> Session:
    import paramiko

    transport = client.get_transport()
    try:
        if transport is None:
            raise CutError("the connection was closed")
        channel = _opened(transport)
        channel.settimeout(2.0)
        channel.exec_command(command)  # one of ours, where what is not is quoted  # nosec B601
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise CutError(str(error) or type(error).__name__) from error
    return Session(host, channel)


def _opened(transport: Any) -> Any:
    """Open a channel: a host that allows one at a time takes a moment to see that the one before has ended."""
    import paramiko

    deadline = time.monotonic() + _CHANNEL_SECONDS
    while True:
        try:
            return transport.open_session(timeout=_CONNECT_SECONDS)
        except paramiko.ChannelException:  # noqa: PERF203 - it is asked a few times
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
