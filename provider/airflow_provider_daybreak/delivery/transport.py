"""SMTP, step by step: a session that says, for each step of each mail, what the server answered."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_daybreak.exceptions import (
    SmtpLoginError,
    SmtpTlsError,
    SmtpUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from typing_extensions import Self

Security = Literal["starttls", "tls", "none"]

IMPLICIT_TLS_PORT = 465
SUBMISSION_PORT = 587

_MAX_REPLY_LINES = 100


@dataclass(frozen=True)
class Timeouts:
    """Seconds to wait for the server, by default those of RFC 5321 §4.5.3.2."""

    connect: float = 30  # of TCP alone; the RFC has none
    greeting: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    final: float = 600


@dataclass(frozen=True)
class Server:
    """
    A mail server and how to talk to it. Its repr shows no secret.

    :param security: STARTTLS after connecting, TLS from the start, or nothing.
    :param ca_file: file of further certificate authorities, in PEM; the system's when None.
    :param verify: whether the certificate must be a verified one of that host.
    :param login: user name, or empty for none.
    :param password: what goes with it.
    :param token: OAuth2 access token, in place of the password.
    :param allow_insecure: whether to log in without verified TLS.
    """

    host: str
    port: int
    security: Security = "starttls"
    ca_file: str | None = None
    verify: bool = True
    login: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    allow_insecure: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts, repr=False)

    @property
    def logs_in(self) -> bool:
        """Whether it has something to log in with."""
        return bool(self.login and (self.password or self.token))


@dataclass(frozen=True)
class Reply:
    """A server's reply. 552 to a recipient counts as temporary (RFC 5321 §4.5.3.1.10)."""

    code: int
    text: str

    @property
    def ok(self) -> bool:
        """Whether it is positive."""
        return 200 <= self.code < 300  # noqa: PLR2004

    @property
    def permanent(self) -> bool:
        """Whether the same again would be refused again."""
        return 500 <= self.code < 600  # noqa: PLR2004

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


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

    def __init__(self, server: Server, client: smtplib.SMTP) -> None:
        self.server = server
        self._client = client
        client.command_encoding = "utf-8"  # of what isn't ASCII only with SMTPUTF8
        size = client.esmtp_features.get("size", "").strip()
        self.max_bytes = int(size) if size.isdecimal() and int(size) else None
        """Largest mail that the server announces to take, or None."""

    @classmethod
    def open(cls, server: Server) -> Self:
        """
        Connect, secure the connection and log in.

        :raises SmtpTlsError: it can't be secured as it must be; no credential was sent.
        :raises SmtpLoginError: the server refused the credentials.
        :raises SmtpUnavailableError: anything that may be better later.
        """
        client = _connect(server)
        try:
            with _explained(server, "say hello"):
                _expect_hello(client)
            if server.security == "starttls":
                _start_tls(server, client)
            if server.logs_in:
                _check_secure(server)
                _log_in(server, client)
        except BaseException:
            client.close()
            raise
        return cls(server, client)

    @property
    def takes_utf8(self) -> bool:
        """Whether it takes mail for addresses that aren't ASCII (RFC 6531)."""
        return self._client.has_extn("smtputf8")

    def mail(self, sender: str, size: int, *, utf8: bool = False) -> Reply:
        """
        Begin a mail of that many bytes.

        :param utf8: whether its recipient's address isn't ASCII.
        """
        options = [f"SIZE={size}"] if self._client.has_extn("size") else []
        options += ["BODY=8BITMIME", "SMTPUTF8"] if utf8 else []
        return self._command("MAIL", " ".join([f"FROM:<{sender}>", *options]))

    def recipient(self, address: str) -> Reply:
        """Say who gets it."""
        return self._command("RCPT", f"TO:<{address}>")

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
            raise Dropped(f"the connection was lost while sending: {_reason(error)}") from error
        except BaseException:  # a chunk could not be read: nothing more may go out on this connection
            self.abort()
            raise
        try:
            self._client.sock.settimeout(self.server.timeouts.final)
            self._client.sock.sendall(b".\r\n")
        except OSError as error:
            # What the system refuses to send stays here; what it doesn't get rid of in time may be on its way.
            self.abort()
            reason = f"the connection was lost at the end of the mail: {_reason(error)}"
            raise Dropped(reason, after_dot=isinstance(error, TimeoutError)) from error
        try:
            return self._reply()
        except Dropped as error:
            raise Dropped(error.reason, after_dot=True) from error

    def close(self) -> None:
        """Say goodbye."""
        with suppress(Dropped):
            self._command("QUIT", timeout=10)
        self.abort()

    def abort(self) -> None:
        """Close the connection without a word."""
        self._client.close()

    def _command(self, verb: str, argument: str = "", *, timeout: float | None = None) -> Reply:
        if self._client.sock is None:
            raise Dropped("the connection is closed")
        try:
            self._client.sock.settimeout(timeout or self.server.timeouts.command)
            self._client.putcmd(verb, argument)
        except (OSError, smtplib.SMTPException) as error:
            self.abort()
            raise Dropped(f"the connection was lost at {verb}: {_reason(error)}") from error
        return self._reply(verb)

    def _reply(self, verb: str = "the end of the mail") -> Reply:
        try:
            code, text = self._client.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.abort()
            raise Dropped(f"no reply to {verb}: {_reason(error)}") from error
        reply = Reply(code, _line(text))
        # What asks to go on answers DATA and nothing else: after a mail's last dot it tells nothing (RFC 5321 §4.2.1).
        if not (200 <= code < 300 or 400 <= code < 600 or (code, verb) == (354, "DATA")):  # noqa: PLR2004
            self.abort()
            raise Dropped(f"no SMTP in the reply to {verb}: {reply}")
        if code == 421:  # noqa: PLR2004 - closing transmission channel
            self.abort()
            if verb == "the end of the mail":
                return reply  # it did not take the mail, and says so
            raise Dropped(f"the server closed the connection at {verb}: {reply}")
        return reply


class _Client(smtplib.SMTP):
    """smtplib's client with a timeout for each step, small segments sent at once, and no endless replies."""

    def __init__(self, server: Server, context: ssl.SSLContext | None) -> None:
        """Connect, with TLS from the start where there is a context for it."""
        self._server = server
        self._context = context
        super().__init__(server.host, server.port)

    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        timeouts = self._server.timeouts
        self.sock = socket.create_connection((host, port), timeouts.connect, source_address)
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock.settimeout(timeouts.greeting)
            if self._context is not None:
                self.sock = self._context.wrap_socket(self.sock, server_hostname=host)
            return self.getreply()
        except BaseException:
            self.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Limited(self.sock.makefile("rb"))
        if isinstance(self.file, _Limited):
            self.file.lines = 0
        return super().getreply()


class _Limited:
    """The lines of a socket, up to as many as a reply may have."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.lines = 0

    def readline(self, limit: int = -1) -> bytes:
        self.lines += 1
        if self.lines > _MAX_REPLY_LINES:
            raise OSError(f"a reply of more than {_MAX_REPLY_LINES} lines")
        line: bytes = self._file.readline(limit)
        return line

    def close(self) -> None:
        self._file.close()


def _connect(server: Server) -> smtplib.SMTP:
    with _explained(server, "connect"):
        try:
            client = _Client(server, _context(server) if server.security == "tls" else None)
        except smtplib.SMTPConnectError as error:
            greeting = Reply(error.smtp_code, _line(error.smtp_error))
            raise SmtpUnavailableError(server.host, server.port, f"it greets with {greeting}") from error
        assert client.sock is not None  # noqa: S101 - it has greeted
        client.sock.settimeout(server.timeouts.command)
        return client


def _expect_hello(client: smtplib.SMTP) -> None:
    code, text = client.ehlo()
    if Reply(code, "").permanent:  # a server from before there were extensions
        code, text = client.helo()
    if not 200 <= code < 300:  # noqa: PLR2004
        raise smtplib.SMTPHeloError(code, text)


def _start_tls(server: Server, client: smtplib.SMTP) -> None:
    if not client.has_extn("starttls"):
        raise SmtpTlsError(
            server.host,
            server.port,
            "it offers no STARTTLS",
            "Correct the port (465 is TLS from the start), or set disable_tls and disable_ssl to true in the "
            "connection to send in clear, which a connection with a password must not",
        )
    with _explained(server, "start TLS"):
        try:
            client.starttls(context=_context(server))
        except smtplib.SMTPResponseException as error:
            reply = Reply(error.smtp_code, _line(error.smtp_error))
            if reply.permanent:
                raise SmtpTlsError(server.host, server.port, f"it refuses STARTTLS: {reply}") from error
            raise
        _expect_hello(client)


def _check_secure(server: Server) -> None:
    """Refuse to log in over a connection that others can read, or that may be to somebody else."""
    if (server.security == "none" or not server.verify) and not server.allow_insecure:
        raise SmtpTlsError(
            server.host,
            server.port,
            "there is a password, and no verified TLS to send it over",
            "Use STARTTLS or TLS with a certificate that can be verified (ca_file names a private CA), or set "
            "allow_insecure to true in the connection",
        )


def _context(server: Server) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if server.ca_file:
            context.load_verify_locations(server.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SmtpTlsError(
            server.host,
            server.port,
            f"its ca_file {server.ca_file!r} can't be used: {_reason(error)}",
            "Name a readable PEM file of certificates",
        ) from error
    if not server.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _log_in(server: Server, client: smtplib.SMTP) -> None:
    secret = server.token or server.password
    try:
        with _explained(server, "log in"):
            if server.token:
                answer = f"user={server.login}\x01auth=Bearer {server.token}\x01\x01"
                client.auth("XOAUTH2", lambda challenge=None: answer if challenge is None else "")
            else:
                _log_in_by_password(server, client)
    except smtplib.SMTPAuthenticationError as error:
        text = _without_secrets(_line(error.smtp_error), server.login, secret)
        reply = Reply(error.smtp_code, text)
        clean = text == _line(error.smtp_error)
        if not reply.permanent:
            raise SmtpUnavailableError(server.host, server.port, f"it puts the login off: {reply}") from (
                error if clean else None
            )
        raise SmtpLoginError(server.host, server.port, str(reply), server.login) from (error if clean else None)


def _log_in_by_password(server: Server, client: smtplib.SMTP) -> None:
    """
    Log in, in UTF-8 where user or password aren't ASCII (RFC 4616), which smtplib can't.

    :raises SmtpLoginError: the server offers no way that is known here.
    """
    plain = (server.login + server.password).isascii()
    known = ["CRAM-MD5", "PLAIN", "LOGIN"] if plain else ["PLAIN", "LOGIN"]
    offered = client.esmtp_features.get("auth", "").upper().split()
    if not set(known) & set(offered):
        ways = f"no way to log in but {' '.join(offered)}" if offered else "no way to log in"
        problem = f"it offers {ways}, and known here are {', '.join(known)}" + (
            "" if plain else " for what isn't ASCII"
        )
        raise SmtpLoginError(server.host, server.port, problem, server.login)
    if plain:
        client.login(server.login, server.password)
        return
    if "PLAIN" in offered:
        words = ["PLAIN " + _base64(f"\0{server.login}\0{server.password}")]
    else:
        words = ["LOGIN " + _base64(server.login), _base64(server.password)]
    code, text = client.docmd("AUTH", words[0])
    for word in words[1:]:
        if code == 334:  # noqa: PLR2004 - go on
            code, text = client.docmd(word)
    if code != 235:  # noqa: PLR2004 - welcome
        raise smtplib.SMTPAuthenticationError(code, text)


@contextmanager
def _explained(server: Server, step: str) -> Iterator[None]:
    """Turn what can go wrong with a connection into an error that knows whether to try again."""
    host, port = server.host, server.port
    try:
        yield
    except (SmtpTlsError, SmtpUnavailableError, SmtpLoginError, smtplib.SMTPAuthenticationError):
        raise
    except ssl.SSLCertVerificationError as error:
        raise SmtpTlsError(
            host,
            port,
            f"its certificate can't be verified: {error.verify_message}",
            "Correct the host's name, renew the certificate, or name its private CA's file in ca_file",
        ) from error
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
        raise SmtpUnavailableError(host, port, "the connection was lost while starting TLS") from error
    except ssl.SSLError as error:
        raise SmtpTlsError(
            host,
            port,
            f"TLS can't be started: {error.reason or error}",
            "Correct the port: 465 is TLS from the start, 587 and 25 begin in clear",
        ) from error
    except (OSError, smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException, ValueError) as error:
        raise SmtpUnavailableError(host, port, f"cannot {step}: {_reason(error)}") from error


def _stuffed(chunk: bytes) -> bytes:
    """Return whole lines with those that begin with a dot marked (RFC 5321 §4.5.2)."""
    if chunk.startswith(b"."):
        chunk = b"." + chunk
    return chunk.replace(b"\r\n.", b"\r\n..") if b"\r\n." in chunk else chunk


def _reason(error: BaseException) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return str(Reply(error.smtp_code, _line(error.smtp_error)))
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def _line(text: bytes | str) -> str:
    """Return a server's text as one line without control characters, of a length fit for a message."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 300 else line[:300] + "…"  # noqa: PLR2004


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _without_secrets(text: str, login: str, secret: str) -> str:
    """Return a server's text without what it may have echoed of a login."""
    pairs = (f"\0{login}\0{secret}", f"user={login}\x01auth=Bearer {secret}\x01\x01", secret)
    for value in (secret, *map(_base64, pairs)):
        if value:
            text = text.replace(value, "***")
    return text
