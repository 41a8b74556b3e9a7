"""Mails of a folder on an IMAP server (RFC 3501), over verified TLS, and nothing there is changed."""

from __future__ import annotations

import imaplib
import re
import ssl
import sys
from binascii import b2a_base64
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, time
from email.utils import format_datetime
from getpass import getpass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow_provider_daybreak.cli.shadowing.letters import Letter, letter_of, unix_lines
from airflow_provider_daybreak.context.connections import connection_of
from airflow_provider_daybreak.delivery.server import one_line, reason_of
from airflow_provider_daybreak.exceptions import InvalidValueError, MailboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

_PORT = 993
_TIMEOUT = 60  # seconds for each answer
_AT_ONCE = 200  # mails whose heads are asked for in one command
_EXPECTED = "imaps://USER@HOST/FOLDER, such as imaps://ann%40example.org@imap.example.org/INBOX"
_UID = re.compile(rb"\bUID (\d+)")


@dataclass(frozen=True)
class Mailbox:
    """
    A folder of mails on a server.

    :param user: who logs in there; empty where the connection says it.
    :param folder: its name, as people read it.
    """

    host: str
    port: int
    user: str
    folder: str

    @classmethod
    def of(cls, address: str) -> Mailbox:
        """
        Return the folder that an address names.

        :param address: ``imaps://user@host:port/folder``, with ``%40`` for an ``@`` within the user.
        :raises InvalidValueError: it names none, has a password in it, or is not of TLS.
        """
        before, at, rest = address.rpartition("@")
        scheme, _, user = before.partition("://")
        if at and ":" in user:  # a password is in nobody's list of processes, and in no message
            shown = f"{scheme}://{user.partition(':')[0]}:…@{rest}"
            expected = "an address without a password, which is asked for, or comes from --imap-conn-id"
            raise InvalidValueError("--with", shown, expected)
        try:
            parts = urlsplit(address)
            host, port = parts.hostname or "", parts.port or _PORT
        except ValueError as error:
            raise InvalidValueError("--with", address, f"{_EXPECTED} ({error})") from error
        folder = unquote(parts.path.removeprefix("/")) or "INBOX"
        user = unquote(parts.username or "")
        if parts.scheme != "imaps" or not host or re.search(r"[\0-\x1f\x7f]", folder + user):
            raise InvalidValueError("--with", address, _EXPECTED)
        return cls(host, port, user, folder)


def is_address(text: str) -> bool:
    """Return whether a text is meant as the address of a folder, and not as a path."""
    return re.match(r"imaps?://", text, re.IGNORECASE) is not None


@dataclass(frozen=True)
class Access:
    """
    How to get at a folder.

    :param ca_file: PEM file of the authorities that are trusted; those of the system when empty.
    """

    mailbox: Mailbox
    password: str
    ca_file: str = ""


def access_of(mailbox: Mailbox, conn_id: str | None) -> Access:
    """
    Return how to get at a folder: with the password of a connection, or the one that somebody types.

    :raises InvalidValueError: the connection is of another host, or has no password, or there is nobody to ask.
    :raises MissingConnectionError: there is none of that id.
    """
    if conn_id is None:
        if not mailbox.user:
            raise InvalidValueError("--with", f"imaps://{mailbox.host}/{mailbox.folder}", _EXPECTED)
        if not sys.stdin.isatty():
            expected = "the id of a connection that has the password: there is no terminal to ask for it at"
            raise InvalidValueError("--imap-conn-id", "", expected)
        return Access(mailbox, getpass(f"Password of {mailbox.user} at {mailbox.host}: "))
    step = "Add one of type imap with host, login and password, or correct --imap-conn-id"
    connection = connection_of(conn_id, "to read mails with", step)
    name = f"host of the connection {conn_id!r}"
    if connection.host and connection.host.lower() != mailbox.host:
        raise InvalidValueError(name, connection.host, f"{mailbox.host}, which alone may see its password")
    user = mailbox.user or connection.login or ""
    if not (user and connection.password):
        expected = "a login and a password"
        raise InvalidValueError(f"connection {conn_id!r}", "without one", expected)
    ca_file = connection.extra_dejson.get("ca_file") or ""
    return Access(replace(mailbox, user=user), connection.password, str(ca_file))


def letters_of(access: Access, since: date, before: date, wanted: Callable[[Letter], bool]) -> Iterator[Letter]:
    """
    Yield the mails of a folder that were sent in some days; of those that aren't wanted their subject and date alone.

    The folder is only looked at, so that none of it is marked as read.

    :param since: the first day, by their Date fields; ``before`` is the day after the last.
    :raises MailboxError: it can't be read.
    """
    where = f"imaps://{access.mailbox.host}/{access.mailbox.folder}"
    with _telling(access.mailbox, "Call it again, or save the mails as .eml files and name their folder"):
        client = _connected(access)
    try:
        with _telling(access.mailbox, "Call it again, or save the mails as .eml files and name their folder"):
            _open(client, access.mailbox)
            found = _asked(client, "SEARCH", "SENTSINCE", _day(since), "SENTBEFORE", _day(before))
            numbers = b" ".join(each for each in found if isinstance(each, bytes)).split()
            for start in range(0, len(numbers), _AT_ONCE):
                some = numbers[start : start + _AT_ONCE]
                for uid, head in _fetched(client, some, "BODY.PEEK[HEADER.FIELDS (SUBJECT DATE)]"):
                    letter = letter_of(head, f"{where} number {uid}")
                    if wanted(letter):
                        for _, mail in _fetched(client, [str(uid).encode()], "BODY.PEEK[]"):
                            letter = letter_of(mail, f"{where} number {uid}")
                    yield letter
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            client.logout()


def _connected(access: Access) -> imaplib.IMAP4_SSL:
    """Return a session of somebody who has logged in."""
    mailbox = access.mailbox
    try:
        context = ssl.create_default_context()
        if access.ca_file:
            context.load_verify_locations(access.ca_file)
    except OSError as error:
        problem = f"its ca_file {access.ca_file!r} can't be used: {reason_of(error)}"
        raise MailboxError(mailbox.host, mailbox.port, problem, "Name a readable PEM file") from error
    client = imaplib.IMAP4_SSL(mailbox.host, mailbox.port, ssl_context=context, timeout=_TIMEOUT)
    try:
        said = f"\0{mailbox.user}\0{access.password}".encode()
        if "AUTH=PLAIN" in client.capabilities:  # the way that takes each letter of a password
            client.authenticate("PLAIN", lambda _: said)
        else:
            client.login(mailbox.user, access.password)
    except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
        client.shutdown()
        said_so = one_line(str(error)) if isinstance(error, imaplib.IMAP4.error) else "it takes ASCII alone"
        problem = f"it does not let {mailbox.user!r} in: {said_so}"
        step = (
            "Look at user and password; where two factors are asked for, make a password for this program there"
        )
        raise MailboxError(mailbox.host, mailbox.port, problem, step) from error
    except BaseException:
        client.shutdown()
        raise
    return client


def _open(client: imaplib.IMAP4_SSL, mailbox: Mailbox) -> None:
    """Open the folder for reading alone; where there is none, say which there are."""
    status, said = client.select(_quoted(mailbox.folder), readonly=True)
    if status == "OK":
        return
    _, listed = client.list()
    names = sorted(_name(line) for line in listed if isinstance(line, bytes))
    problem = f"it has no folder {mailbox.folder!r} ({one_line(_text(said[0]))})"
    step = f"Name one of {', '.join(names[:20])}" if names else "Name one that it has"
    raise MailboxError(mailbox.host, mailbox.port, problem, step)


@contextmanager
def _telling(mailbox: Mailbox, step: str) -> Iterator[None]:
    """Say of whatever a server does that it is that server's."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        problem = f"its certificate is not trusted: {error.verify_message}"
        step = "No password was sent. Name it as its certificate does, or the authority's file as ca_file in the extra of --imap-conn-id"
        raise MailboxError(mailbox.host, mailbox.port, problem, step) from error
    except (imaplib.IMAP4.error, OSError) as error:
        raise MailboxError(mailbox.host, mailbox.port, one_line(reason_of(error)), step) from error


def _asked(client: imaplib.IMAP4_SSL, command: str, *words: str) -> list[Any]:
    """Return what a server answers to a command about mails by their UIDs."""
    status, said = client.uid(command, *words)
    if status != "OK":
        raise imaplib.IMAP4.error(f"{command}: {_text(said[0] if said else b'')}")
    return said


def _fetched(client: imaplib.IMAP4_SSL, uids: Sequence[bytes], what: str) -> Iterator[tuple[int, bytes]]:
    """Yield a part of each mail, with its UID, which a server says before the part or after it."""
    said = _asked(client, "FETCH", b",".join(uids).decode(), f"(UID {what})")
    for place, each in enumerate(said):
        if isinstance(each, tuple):
            after = said[place + 1] if place + 1 < len(said) and isinstance(said[place + 1], bytes) else b""
            if uid := _UID.search(each[0]) or _UID.search(after):
                yield int(uid[1]), unix_lines(each[1])


def _day(day: date) -> str:
    """Return a day as the protocol has it, such as 29-Mar-2026, in English whatever the locale."""
    return format_datetime(datetime.combine(day, time()))[5:16].replace(" ", "-")


def _text(said: Any) -> str:
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else ""


def _quoted(folder: str) -> str:
    """Return a folder's name as the protocol has it: in quotes, with other letters than ASCII's in its UTF-7 (§5.1.3)."""
    said = re.sub(r"[^\x20-\x7e]+|&", _shifted, folder)
    return '"' + said.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shifted(found: re.Match[str]) -> str:
    if found[0] == "&":
        return "&-"
    said = b2a_base64(found[0].encode("utf-16-be"), newline=False).decode()
    return f"&{said.rstrip('=').replace('/', ',')}-"


def _name(listed: bytes) -> str:
    """Return a folder's name out of a line of a list, as people read it."""
    said = re.sub(r'^\([^)]*\) (?:NIL|"(?:\\.|[^"])*") ', "", listed.decode("ascii", "replace"))
    said = re.sub(r"\\(.)", r"\1", said[1:-1]) if said.startswith('"') else said
    return re.sub(r"&([A-Za-z0-9+,]*)-", _letters, said)


def _letters(found: re.Match[str]) -> str:
    if not found[1]:
        return "&"
    said = found[1].replace(",", "/")
    return (f"+{said}-").encode().decode("utf-7", "replace")
