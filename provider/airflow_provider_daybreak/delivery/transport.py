"""SMTP, step by step: a session that says, for each step of each mail, what the server answered."""

from __future__ import annotations

import smtplib
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.connecting import open_client
from airflow_provider_daybreak.delivery.server import Reply, one_line, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

    from airflow_provider_daybreak.delivery.connecting import Client
    from airflow_provider_daybreak.delivery.server import Server


class Dropped(Exception):  # noqa: N818 - no error yet: who catches it decides
    """
    The connection is gone, or can't be used further.

    :param reason: what happened.
    :param after_dot: whether the end of a mail had been sent: the server may have taken it.
    """

    def __init__(self, reason: str, *, after_dot: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_dot = after_dot


class Session:
    """A connection on which mails can be sent, one recipient each."""

    def __init__(self, server: Server, client: Client) -> None:
        self.server = server
        self._client = client
        client.command_encoding = "utf-8"  # of what isn't ASCII only with SMTPUTF8
        size = client.esmtp_features.get("size", "").strip()
        self.max_bytes = int(size) if size.isdecimal() and int(size) else None
        """Largest mail that the server announces to take, or None."""
        self.kept = False
        """Whether closing it leaves it open, for the mails of the next report."""

    @classmethod
    def open(cls, server: Server) -> Self:
        """
        Connect, secure the connection and log in.

        :raises SmtpTlsError: it can't be secured as it must be; no credential was sent.
        :raises SmtpLoginError: the server refused the credentials.
        :raises SmtpUnavailableError: anything that may be better later.
        """
        return cls(server, open_client(server))

    @property
    def takes_utf8(self) -> bool:
        """Whether it takes mail for addresses that aren't ASCII (RFC 6531)."""
        return self._client.has_extn("smtputf8")

    def mail(self, sender: str, size: int) -> Reply:
        """Begin a mail of that many bytes."""
        return self._command("MAIL", self._from(sender, size))

    def begin(self, sender: str, size: int, recipient: str, *, utf8: bool = False) -> tuple[Reply, Reply]:
        """
        Begin a mail of that many bytes, and say who gets it: in one go where the server takes that (RFC 2920).

        :param utf8: whether the recipient's address isn't ASCII.
        :return: what the server says of the sender, and of the recipient: the same where it doesn't take the sender.
        """
        mail, rcpt = ("MAIL", self._from(sender, size, utf8=utf8)), ("RCPT", f"TO:<{recipient}>")
        if not self._client.has_extn("pipelining"):
            first = self._command(*mail)
            return first, self._command(*rcpt) if first.ok else first
        self._say(mail, rcpt)
        first = self._reply("MAIL")
        if first.permanent:  # this ends the connection, whatever it says of the recipient
            return first, first
        second = self._reply("RCPT")
        return first, second if first.ok else first

    def _from(self, sender: str, size: int, *, utf8: bool = False) -> str:
        options = [f"SIZE={size}"] if self._client.has_extn("size") else []
        options += ["BODY=8BITMIME", "SMTPUTF8"] if utf8 else []
        return " ".join([f"FROM:<{sender}>", *options])

    def reset(self) -> None:
        """Give up the mail that was begun."""
        self._command("RSET")

    def data(self, chunks: Iterable[bytes]) -> Reply:
        """
        Send the mail that was begun.

        :param chunks: its bytes, each chunk whole lines that end with CR and LF.
        :return: the reply to DATA, if that is negative, or to the mail.
        :raises Dropped: with ``after_dot`` when the server may have taken the mail.
        """
        reply = self._command("DATA", timeout=self.server.timeouts.data)
        if reply.code != 354:  # noqa: PLR2004 - start mail input
            if reply.ok:
                self.abort()
                raise Dropped(f"the server answered DATA with {reply}")
            return reply
        assert self._client.sock is not None  # noqa: S101 - there was a reply
        self._client.sock.settimeout(self.server.timeouts.block)
        try:
            for chunk in chunks:
                self._client.sock.sendall(_stuffed(chunk))
        except OSError as error:
            # Without its last dot no server may take it: RFC 5321 §4.1.1.4, and a loss counts as 451.
            self.abort()
            raise Dropped(f"the connection was lost while sending: {reason_of(error)}") from error
        except BaseException:  # a chunk could not be read: nothing more may go out on this connection
            self.abort()
            raise
        self._expect_silence("the end of the mail")
        try:
            self._client.sock.settimeout(self.server.timeouts.final)
            self._client.sock.sendall(b".\r\n")
        except OSError as error:
            # What the system refuses to send stays here; what it doesn't get rid of in time may be on its way.
            self.abort()
            reason = f"the connection was lost at the end of the mail: {reason_of(error)}"
            raise Dropped(reason, after_dot=isinstance(error, TimeoutError)) from error
        try:
            return self._reply()
        except Dropped as error:
            raise Dropped(error.reason, after_dot=True) from error

    @property
    def is_open(self) -> bool:
        """Whether there still is a connection, as far as is known here."""
        return self._client.sock is not None

    def close(self) -> None:
        """Say goodbye, unless it is kept."""
        if self.kept:
            return
        with suppress(Dropped):
            self._command("QUIT", timeout=min(10, self.server.timeouts.command))
        self.abort()

    def abort(self) -> None:
        """Close the connection without a word."""
        self._client.close()

    def interrupt(self) -> None:
        """End the connection while another thread waits for the server."""
        with suppress(OSError):
            if self._client.sock is not None:
                # A TLS socket's own shutdown would speak to the server first.
                socket.socket.shutdown(self._client.sock, socket.SHUT_RDWR)

    def _command(self, verb: str, argument: str = "", *, timeout: float | None = None) -> Reply:
        self._say((verb, argument), timeout=timeout)
        return self._reply(verb)

    def _say(self, *commands: tuple[str, str], timeout: float | None = None) -> None:
        """Send commands, verb and argument of each, in one go."""
        verb = commands[0][0]
        if self._client.sock is None:
            raise Dropped("the connection is closed")
        self._expect_silence(verb)
        try:
            self._client.sock.settimeout(timeout or self.server.timeouts.command)
            self._client.send_lines([" ".join(filter(None, command)) for command in commands])
        except (OSError, smtplib.SMTPException) as error:
            self.abort()
            raise Dropped(f"the connection was lost at {verb}: {reason_of(error)}") from error

    def _expect_silence(self, verb: str) -> None:
        """
        Make sure that the server has not answered already what it will be told now: that would count for the answer.

        :raises Dropped: it has said something.
        """
        said = self._client.unasked()
        if said:
            self.abort()
            raise Dropped(f"the server answered before {verb}: {one_line(said)}")

    def _reply(self, verb: str = "the end of the mail") -> Reply:
        try:
            code, text = self._client.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.abort()
            raise Dropped(f"no reply to {verb}: {reason_of(error)}") from error
        reply = Reply(code, one_line(text))
        # What asks to go on answers DATA and nothing else: after a mail's last dot it tells nothing (RFC 5321 §4.2.1).
        if not (200 <= code < 300 or 400 <= code < 600 or (code, verb) == (354, "DATA")):  # noqa: PLR2004 - RFC 5321 §4.2
            self.abort()
            raise Dropped(f"no SMTP in the reply to {verb}: {reply}")
        if code == 421:  # noqa: PLR2004 - closing transmission channel
            self.abort()
            if verb == "the end of the mail":
                return reply  # it did not take the mail, and says so
            raise Dropped(f"the server closed the connection at {verb}: {reply}")
        return reply


def _stuffed(chunk: bytes) -> bytes:
    """Return whole lines with those that begin with a dot marked (RFC 5321 §4.5.2)."""
    if chunk.startswith(b"."):
        chunk = b"." + chunk
    return chunk.replace(b"\r\n.", b"\r\n..") if b"\r\n." in chunk else chunk
