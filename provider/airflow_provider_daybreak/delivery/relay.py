"""
An SMTP server for one script: it stands where the script's own server stood, and keeps what it is given.

It listens on this machine alone, to one user's programs, offers TLS with a certificate made for it, and takes any
login: the script's real credentials are not needed. What it takes lies in files, written as it comes; it is
for others to say whether, and when, that goes out.
"""

from __future__ import annotations

import errno
import logging
import socket
import sys
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from time import sleep
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.certificate import context_of, own_context
from airflow_provider_daybreak.delivery.dialogue import Dialogue
from airflow_provider_daybreak.delivery.intake import Intake, Limits
from airflow_provider_daybreak.exceptions import RelayUnavailableError

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self

    from airflow_provider_daybreak.delivery.intake import RelayedMessage

log = logging.getLogger(__name__)

HOST = "127.0.0.1"

_MOST_CONNECTIONS = 100
_ENDING_SECONDS = 5.0


class Relay:
    """
    The server, which is there while the context is entered.

    :param folder: where messages go.
    :param ports: where it listens, in clear and with TLS from the start; any that are free where 0.
    :param certificate: file of its key and certificate in PEM; made for it when None.
    :ivar port: where it begins in clear, and offers STARTTLS.
    :ivar tls_port: where it speaks TLS from the start.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits | None = None,
        *,
        ports: tuple[int, int] = (0, 0),
        certificate: Path | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._ports = ports
        self._certificate = certificate
        self._intake = Intake(folder, self.limits)
        self._lock = Lock()
        self._listeners: list[socket.socket] = []
        self._dialogues: dict[Dialogue, Thread] = {}
        self._context: Future[ssl.SSLContext] = Future()

    def __enter__(self) -> Self:
        try:
            for port in self._ports:
                self._listeners.append(socket.create_server((HOST, port)))
        except OSError as error:
            self._stop_listening()
            raise RelayUnavailableError(HOST, error.strerror or str(error)) from error
        self.port, self.tls_port = (listener.getsockname()[1] for listener in self._listeners)
        for listener, tls in zip(self._listeners, (False, True), strict=True):
            Thread(target=self._accept, args=(listener, tls), daemon=True).start()
        # A script takes longer to start than a certificate to be made, and many never ask for one.
        Thread(target=self._make_context, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take nothing more, but for what was sent before."""
        self._stop_listening()
        with self._lock:
            dialogues = dict(self._dialogues)
        for dialogue in dialogues:
            dialogue.end()
        for dialogue, thread in dialogues.items():
            thread.join(_ENDING_SECONDS)
            dialogue.abort()

    @property
    def messages(self) -> list[RelayedMessage]:
        """The messages that it took, in that order."""
        return self._intake.messages

    @property
    def refused(self) -> dict[str, str]:
        """What it answered to messages that it did not take: see :attr:`Intake.refused`."""
        return self._intake.refused

    def _secured(self, connection: socket.socket) -> ssl.SSLSocket:
        return self._context.result().wrap_socket(connection, server_side=True)

    def _accept(self, listener: socket.socket, tls: bool) -> None:
        while True:
            try:
                connection, (_, port) = listener.accept()
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    return  # it was closed
                sleep(0.1)
                continue
            if self.limits.users and _user_of(port, listener) not in self.limits.users:
                log.warning("A program of another user tried to mail by way of this task, and was turned away")
                connection.close()
                continue
            dialogue = Dialogue(self._intake, connection, self._secured, self._forget)
            thread = Thread(target=dialogue.run, kwargs={"tls": tls}, daemon=True)
            with self._lock:
                crowded = len(self._dialogues) >= _MOST_CONNECTIONS
                if not crowded:
                    self._dialogues[dialogue] = thread
            if crowded:
                dialogue.turn_away()
            else:
                thread.start()

    def _forget(self, dialogue: Dialogue) -> None:
        with self._lock:
            self._dialogues.pop(dialogue, None)

    def _make_context(self) -> None:
        try:
            if self._certificate is None:
                self._context.set_result(own_context())
            else:
                self._context.set_result(context_of(self._certificate))
        except BaseException as error:  # noqa: BLE001 - raised where somebody needs it
            self._context.set_exception(error)

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # this ends accept; closing alone does not
            listener.close()


def _user_of(port: int, listener: socket.socket) -> int | None:
    """Return the id of the user whose program connected from that port, or None when it is gone (proc(5))."""
    host = f"{int.from_bytes(socket.inet_aton(HOST), sys.byteorder):08X}"
    ends = [f"{host}:{each:04X}" for each in (port, listener.getsockname()[1])]
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:3] == ends:
            return int(fields[7])
    return None
