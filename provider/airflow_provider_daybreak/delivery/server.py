"""A mail server, how to talk to it, and what it answers."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass, field
from typing import Literal

Security = Literal["starttls", "tls", "none"]

IMPLICIT_TLS_PORT = 465
SUBMISSION_PORT = 587


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

    :param local_hostname: what this host calls itself to the server; what the system says when empty.
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
    local_hostname: str = ""
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
        return 200 <= self.code < 300  # noqa: PLR2004 - RFC 5321 §4.2.1

    @property
    def permanent(self) -> bool:
        """Whether the same again would be refused again."""
        return 500 <= self.code < 600  # noqa: PLR2004 - RFC 5321 §4.2.1

    def __str__(self) -> str:
        return f"{self.code} {self.text}".strip()


def reason_of(error: BaseException) -> str:
    """Return what went wrong with a connection, as one line."""
    if isinstance(error, smtplib.SMTPResponseException):
        return str(Reply(error.smtp_code, one_line(error.smtp_error)))
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def one_line(text: bytes | str) -> str:
    """Return a server's text as one line without control characters, of a length fit for a message."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 300 else line[:300] + "…"  # noqa: PLR2004 - characters of a log line
