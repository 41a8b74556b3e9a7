"""A connection to a mail server: made, secured and logged in to."""

from __future__ import annotations

import base64
import smtplib
import socket
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.server import Reply, one_line, reason_of
from airflow_provider_daybreak.exceptions import (
    SmtpError,
    SmtpHelloError,
    SmtpLoginError,
    SmtpTlsError,
    SmtpUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.delivery.server import Server

_MAX_REPLY_LINES = 100


def open_client(server: Server) -> Client:
    """
    Connect, secure the connection and log in.

    :raises SmtpTlsError: it can't be secured as it must be; no credential was sent.
    :raises SmtpLoginError: the server refused the credentials.
    :raises SmtpUnavailableError: anything that may be better later.
    """
    client = _connect(server)
    try:
        with _explained(server, "say hello"):
            _expect_hello(server, client)
        if server.security == "starttls":
            _start_tls(server, client)
        if server.logs_in:
            _check_secure(server)
            _log_in(server, client)
    except BaseException:
        client.close()
        raise
    return client


class Client(smtplib.SMTP):
    """smtplib's client with a timeout for each step, small segments sent at once, and no endless replies."""

    def __init__(self, server: Server, context: ssl.SSLContext | None) -> None:
        """Connect, with TLS from the start where there is a context for it."""
        self._server = server
        self._context = context
        super().__init__(server.host, server.port, local_hostname=server.local_hostname or None)

    def connect(self, host: str = "", port: int = 0, source_address: Any = None) -> tuple[int, bytes]:
        """Connect, and return the greeting."""
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
        """Return the code and the text of the next reply."""
        if self.file is None and self.sock is not None:
            self.file = _Limited(self.sock.makefile("rb"))
        if isinstance(self.file, _Limited):
            self.file.lines = 0
        return super().getreply()

    def send_lines(self, lines: Sequence[str]) -> None:
        """
        Send commands in one segment.

        :raises ValueError: one would be two.
        """
        for line in lines:
            if "\r" in line or "\n" in line:
                raise ValueError("a command with a line end in it")
        self.send("".join(f"{line}\r\n" for line in lines))

    def unasked(self) -> bytes:
        """Return what the server said without being asked, as far as it is here; its end, or an error, shows later."""
        if self.sock is None or not isinstance(self.file, _Limited):
            return b""
        timeout = self.sock.gettimeout()
        try:
            self.sock.settimeout(0)
            return self.file.peek()
        except OSError:
            return b""
        finally:
            self.sock.settimeout(timeout)


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

    def peek(self) -> bytes:
        said: bytes = self._file.peek(1)
        return said

    def close(self) -> None:
        self._file.close()


def _connect(server: Server) -> Client:
    with _explained(server, "connect"):
        try:
            client = Client(server, _context(server) if server.security == "tls" else None)
        except smtplib.SMTPConnectError as error:
            greeting = Reply(error.smtp_code, one_line(error.smtp_error))
            raise SmtpUnavailableError(server.host, server.port, f"it greets with {greeting}") from error
        assert client.sock is not None  # noqa: S101 - it has greeted
        client.sock.settimeout(server.timeouts.command)
        return client


def _expect_hello(server: Server, client: smtplib.SMTP) -> None:
    code, text = client.ehlo()
    if Reply(code, "").permanent:  # a server from before there were extensions
        code, text = client.helo()
    reply = Reply(code, one_line(text))
    if reply.permanent:
        raise SmtpHelloError(server.host, server.port, str(reply), client.local_hostname)
    if not reply.ok:
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
            reply = Reply(error.smtp_code, one_line(error.smtp_error))
            if reply.permanent:
                raise SmtpTlsError(server.host, server.port, f"it refuses STARTTLS: {reply}") from error
            raise
        _expect_hello(server, client)


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
            f"its ca_file {server.ca_file!r} can't be used: {reason_of(error)}",
            "Name a readable PEM file of certificates",
        ) from error
    if not server.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _log_in(server: Server, client: Client) -> None:
    secret = server.token or server.password
    try:
        with _explained(server, "log in"):
            if server.token:
                _log_in_by_token(server, client)
            else:
                _log_in_by_password(server, client)
    except smtplib.SMTPAuthenticationError as error:
        text = _without_secrets(one_line(error.smtp_error), server.login, secret)
        reply = Reply(error.smtp_code, text)
        clean = text == one_line(error.smtp_error)
        if not reply.permanent:
            raise SmtpUnavailableError(server.host, server.port, f"it puts the login off: {reply}") from (
                error if clean else None
            )
        raise SmtpLoginError(server.host, server.port, str(reply), server.login) from (error if clean else None)


def _log_in_by_password(server: Server, client: Client) -> None:
    """
    Log in, in UTF-8 where user or password aren't ASCII (RFC 4616), which smtplib can't.

    :raises SmtpLoginError: the server offers no way that is known here.
    """
    plain = (server.login + server.password).isascii()
    known = ["CRAM-MD5", "PLAIN", "LOGIN"] if plain else ["PLAIN", "LOGIN"]
    offered = _ways_in(server, client, known, "" if plain else " for what isn't ASCII")
    if plain:
        client.login(server.login, server.password)
        return
    if "PLAIN" in offered:
        words = ["PLAIN " + _base64(f"\0{server.login}\0{server.password}")]
    else:
        words = ["LOGIN " + _base64(server.login), _base64(server.password)]
    _authenticate(client, words)


def _log_in_by_token(server: Server, client: Client) -> None:
    """
    Log in by an OAuth2 token, in UTF-8, which smtplib can't.

    :raises SmtpLoginError: the server doesn't offer that.
    """
    _ways_in(server, client, ["XOAUTH2"], " with a token")
    # What is wrong is asked for by an empty answer to what the server says first.
    _authenticate(client, ["XOAUTH2 " + _base64(_token_answer(server.login, server.token)), ""])


def _ways_in(server: Server, client: Client, known: Sequence[str], what_for: str) -> list[str]:
    """
    Return the ways to log in that the server offers.

    :raises SmtpLoginError: none of them is known here.
    """
    offered = client.esmtp_features.get("auth", "").upper().split()
    if not set(known) & set(offered):
        ways = f"no way to log in but {' '.join(offered)}" if offered else "no way to log in"
        problem = f"it offers {ways}, and known here are {', '.join(known)}{what_for}"
        raise SmtpLoginError(server.host, server.port, problem, server.login)
    return offered


def _authenticate(client: Client, words: Sequence[str]) -> None:
    """Say the words of a way to log in, each when the server asks for it."""
    code, text = client.docmd("AUTH", words[0])
    for word in words[1:]:
        if code == 334:  # noqa: PLR2004 - go on
            code, text = client.docmd(word)
    if code != 235:  # noqa: PLR2004 - welcome
        raise smtplib.SMTPAuthenticationError(code, text)


def _token_answer(login: str, token: str) -> str:
    return f"user={login}\x01auth=Bearer {token}\x01\x01"


@contextmanager
def _explained(server: Server, step: str) -> Iterator[None]:
    """Turn what can go wrong with a connection into an error that knows whether to try again."""
    host, port = server.host, server.port
    try:
        yield
    except (SmtpError, smtplib.SMTPAuthenticationError):
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
        raise SmtpUnavailableError(host, port, f"cannot {step}: {reason_of(error)}") from error


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _without_secrets(text: str, login: str, secret: str) -> str:
    """Return a server's text without what it may have echoed of a login."""
    pairs = (f"\0{login}\0{secret}", _token_answer(login, secret), secret)
    for value in (secret, *map(_base64, pairs)):
        if value:
            text = text.replace(value, "***")
    return text
