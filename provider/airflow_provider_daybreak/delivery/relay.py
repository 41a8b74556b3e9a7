"""
An SMTP server for one script: it stands where the script's own server stood, and keeps what it is given.

It listens on this machine alone, to one user's programs, offers TLS with a certificate made for it, and takes any
login: the script's real credentials are not needed. What it takes lies in files, written as it comes; it is
for others to say whether, and when, that goes out.
"""

from __future__ import annotations

import errno
import logging
import re
import socket
import ssl
import sys
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock, Thread
from time import sleep
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_daybreak.delivery.recipients import check_domains, parse_address, parse_sender
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    RecipientNotAllowedError,
    RelayUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from typing_extensions import Self

log = logging.getLogger(__name__)

HOST = "127.0.0.1"

_LINE_BYTES = 12_288  # the longest that a client may send outside of a mail: an answer to AUTH (RFC 4954 §4)
_CHUNK = 65_536
_MOST_RECIPIENTS = 1000  # of one message; RFC 5321 §4.5.3.1.8 asks for 100
_MOST_CONNECTIONS = 100
_IDLE_SECONDS = 300  # RFC 5321 §4.5.3.2.7
_ENDING_SECONDS = 5.0
_PATH = re.compile(r"(?:FROM|TO):[ \t]*(?:<([^<>]*)>|([^<> \t]+))((?:[ \t]+[^ \t]+)*)", re.IGNORECASE)
_ROUTE = re.compile(r"^@[^:]+:")  # an obsolete way to the mailbox, to be ignored (RFC 5321 §4.1.1.3)
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_CHALLENGES = {
    "PLAIN": ("",),
    "LOGIN": ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"),
    "CRAM-MD5": ("PGRheWJyZWFrQGxvY2FsaG9zdD4=",),
    "XOAUTH2": ("",),
    "OAUTHBEARER": ("",),
}


@dataclass(frozen=True)
class RelayedMessage:
    """
    A message that the relay took.

    :param sender: address of the envelope; empty for the null sender.
    :param recipients: addresses of the envelope, each once.
    :param file: its bytes: lines that end with CR and LF, as they were before the transfer.
    """

    sender: str
    recipients: tuple[str, ...]
    file: Path


@dataclass(frozen=True)
class Limits:
    """
    What a relay takes.

    :param max_bytes: bytes of one message.
    :param max_total: bytes of all messages.
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :param users: ids of the only users whose programs may connect; any when empty.
    """

    max_bytes: int = 25_000_000
    max_total: int = 1_000_000_000
    allowed_domains: Sequence[str] = ()
    users: Collection[int] = ()


class Relay:
    """
    The server, which is there while the context is entered.

    :param folder: where messages go.
    :ivar port: where it begins in clear, and offers STARTTLS.
    :ivar tls_port: where it speaks TLS from the start.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._folder = folder
        self._lock = Lock()
        self._taken: list[RelayedMessage] = []
        self._refused: dict[str, str] = {}
        self._total = 0
        self._numbers = count(1)
        self._listeners: list[socket.socket] = []
        self._dialogues: dict[_Dialogue, Thread] = {}
        self._context: Future[ssl.SSLContext] = Future()

    def __enter__(self) -> Self:
        try:
            for _ in range(2):
                self._listeners.append(socket.create_server((HOST, 0)))
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
        with self._lock:
            return list(self._taken)

    @property
    def refused(self) -> dict[str, str]:
        """
        What it answered to messages that it did not take, by recipient, unless it took a later one.

        One that was refused before it named a recipient is called ``a message of <sender>``.
        """
        with self._lock:
            return dict(self._refused)

    def secured(self, connection: socket.socket) -> ssl.SSLSocket:
        """Return the connection with TLS."""
        return self._context.result().wrap_socket(connection, server_side=True)

    def new_path(self) -> Path:
        """Return a path for a message."""
        return self._folder / f"{next(self._numbers)}.eml"

    def take(self, message: RelayedMessage, size: int) -> int | None:
        """Keep a message of that many bytes, and return how many there are; None when there is no room for it."""
        with self._lock:
            if self._total + size > self.limits.max_total:
                return None
            self._total += size
            self._taken.append(message)
            for name in (*message.recipients, _message_of(message.sender)):
                self._refused.pop(name, None)
            return len(self._taken)

    def refuse(self, names: Sequence[str], reply: str) -> str:
        """Remember who did not get a message, or whose was not taken, and return the reply."""
        with self._lock:
            self._refused.update(dict.fromkeys(names, reply))
        log.warning("The script's mail (%s) is refused: %s", ", ".join(names), reply)
        return reply

    def forget(self, dialogue: _Dialogue) -> None:
        """Let go of a connection that has ended."""
        with self._lock:
            self._dialogues.pop(dialogue, None)

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
            dialogue = _Dialogue(self, connection)
            thread = Thread(target=dialogue.run, kwargs={"tls": tls}, daemon=True)
            with self._lock:
                crowded = len(self._dialogues) >= _MOST_CONNECTIONS
                if not crowded:
                    self._dialogues[dialogue] = thread
            if crowded:
                dialogue.turn_away()
            else:
                thread.start()

    def _make_context(self) -> None:
        try:
            self._context.set_result(own_context())
        except BaseException as error:  # noqa: BLE001 - raised where somebody needs it
            self._context.set_exception(error)

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # this ends accept; closing alone does not
            listener.close()


class _Dialogue:
    """One connection, from greeting to goodbye."""

    def __init__(self, relay: Relay, connection: socket.socket) -> None:
        self._relay = relay
        self._connection = connection
        self._secure = False
        self._greeted = False
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._commands: dict[str, Callable[[str], str | None]] = {
            "EHLO": self._ehlo,
            "HELO": self._helo,
            "LHLO": self._ehlo,  # smtplib's LMTP reads one reply to a message, not one for each recipient
            "STARTTLS": self._starttls,
            "AUTH": self._auth,
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "NOOP": lambda _: "250 2.0.0 OK",
            "VRFY": lambda _: "252 2.5.0 Send it, and see",
        }

    def run(self, *, tls: bool) -> None:
        """Answer each command, until the script has no more."""
        try:
            self._connection.settimeout(_IDLE_SECONDS)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self._secure_it()
            self._file = self._connection.makefile("rb")
            self._say("220 localhost ESMTP Daybreak")
            while (line := self._line()) is not None:
                verb, _, argument = line.partition(" ")
                if verb.upper() == "QUIT":
                    self._say("221 2.0.0 Bye")
                    break
                command = self._commands.get(verb.upper())
                reply = command(argument.strip()) if command else "500 5.5.1 There is no such command"
                if reply:
                    self._say(reply)
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            log.debug("A connection of the script ended: %s", error)
        finally:
            self._relay.forget(self)
            self.abort()

    def turn_away(self) -> None:
        """Say that there are too many."""
        with suppress(OSError):
            self._say("421 4.7.0 Too many connections at a time")
        self.abort()

    def end(self) -> None:
        """Let it read what was sent before, and no more."""
        with suppress(OSError):
            # A TLS socket's own shutdown would end TLS at once.
            socket.socket.shutdown(self._connection, socket.SHUT_RD)

    def abort(self) -> None:
        """Close it."""
        with suppress(OSError):
            socket.socket.shutdown(self._connection, socket.SHUT_RDWR)
        self._connection.close()

    def _secure_it(self) -> None:
        self._connection = self._relay.secured(self._connection)
        self._secure = True

    def _say(self, reply: str) -> None:
        self._connection.sendall(reply.encode("utf-8", "replace") + b"\r\n")

    def _line(self) -> str | None:
        """Return the next line, or None when there is none."""
        while True:
            line = self._file.readline(_LINE_BYTES)
            if line.endswith(b"\n"):
                return line.rstrip(b"\r\n").decode("utf-8", "replace")
            if len(line) < _LINE_BYTES:
                return None
            while line and not line.endswith(b"\n"):
                line = self._file.readline(_CHUNK)
            self._say("500 5.5.2 The line is too long")

    def _helo(self, name: str) -> str:
        self._rset()
        self._greeted = bool(name)
        return "250 localhost" if name else "501 5.5.4 Say who you are"

    def _ehlo(self, name: str) -> str:
        reply = self._helo(name)
        if not name:
            return reply
        extensions = [f"SIZE {self._relay.limits.max_bytes}", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"]
        extensions += [] if self._secure else ["STARTTLS"]
        # No SMTPUTF8, BINARYMIME or CHUNKING: few servers have all of them, so clients do without.
        lines = ["localhost", *extensions, "AUTH PLAIN LOGIN XOAUTH2"]
        return "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"])

    def _starttls(self, _: str) -> str | None:
        if self._secure:
            return "503 5.5.1 TLS is there already"
        self._say("220 2.0.0 Go ahead")
        self._file.close()  # and with it what was sent in clear after the command (RFC 3207 §4.2)
        self._secure_it()
        self._file = self._connection.makefile("rb")
        self._greeted = False
        self._rset()
        return None

    def _auth(self, argument: str) -> str:
        mechanism, _, initial = argument.partition(" ")
        challenges = _CHALLENGES.get(mechanism.upper())
        if challenges is None:
            return "504 5.5.4 There is no such way to log in"
        for challenge in challenges[1:] if initial else challenges:
            self._say(f"334 {challenge}")
            if (answer := self._line()) is None:
                raise ConnectionResetError("the script left while it logged in")
            if answer == "*":
                return "501 5.7.0 As you like"
        return "235 2.7.0 Any login will do"

    def _rset(self, _: str = "") -> str:
        self._sender, self._recipients = None, []
        return "250 2.0.0 OK"

    def _mail(self, argument: str) -> str:
        if not self._greeted or self._sender is not None:
            return "503 5.5.1 Say EHLO first, and MAIL once"
        found = _PATH.fullmatch(argument)
        if found is None:
            return "501 5.5.4 Expected FROM:<address>"
        address = _ROUTE.sub("", found[1] or found[2] or "")
        for parameter in found[3].upper().split():
            key, _, value = parameter.partition("=")
            if key == "SIZE" and value.isdecimal():
                if int(value) > self._relay.limits.max_bytes:
                    return self._relay.refuse([_message_of(address)], self._too_large())
            elif key != "AUTH" and parameter not in ("BODY=7BIT", "BODY=8BITMIME"):
                return f"555 5.5.4 No such parameter: {key}"
        if address:
            try:
                address = parse_sender(address, name="sender").addr_spec
            except InvalidValueError:
                return self._relay.refuse([_message_of(address)], "553 5.1.7 The sender is no address")
        self._sender = address
        return "250 2.1.0 OK"

    def _rcpt(self, argument: str) -> str:  # noqa: PLR0911 - a reply for each thing that may be wrong
        if self._sender is None:
            return "503 5.5.1 Say MAIL first"
        found = _PATH.fullmatch(argument)
        if found is None or found[3]:
            return "501 5.5.4 Expected TO:<address>"
        address = _ROUTE.sub("", found[1] or found[2] or "")
        if len(self._recipients) >= _MOST_RECIPIENTS:
            return self._relay.refuse([address], "452 4.5.3 Too many recipients")
        try:
            recipient = parse_address(address)
            check_domains([recipient], self._relay.limits.allowed_domains)
        except InvalidValueError:
            return self._relay.refuse([address], "553 5.1.3 The recipient is no address")
        except RecipientNotAllowedError:
            return self._relay.refuse([address], "550 5.7.1 The recipient's domain is not allowed")
        if recipient.needs_utf8:  # a relay that doesn't offer SMTPUTF8 takes ASCII alone (RFC 6531 §3.5)
            return self._relay.refuse([address], "553 5.6.7 Only ASCII can stand before the @")
        if recipient.address not in self._recipients:
            self._recipients.append(recipient.address)
        return "250 2.1.5 OK"

    def _data(self, argument: str) -> str:
        if argument:
            return "501 5.5.4 DATA has no argument"
        if self._sender is None or not self._recipients:
            return "503 5.5.1 Say MAIL and RCPT first"
        self._say("354 End it with a dot on a line of its own")
        reply = self._receive(self._sender, tuple(self._recipients))
        self._rset()
        return reply

    def _receive(self, sender: str, recipients: tuple[str, ...]) -> str:
        """Read a message to its end, and return what to say of it."""
        size, problem = 0, ""
        path = self._relay.new_path()
        try:
            with path.open("xb") as file:
                for piece in self._pieces():
                    size += len(piece)
                    if size > self._relay.limits.max_bytes:
                        problem = problem or self._too_large()
                    if not problem:
                        problem = _written(file, piece)
        except BaseException:  # it never ended
            path.unlink(missing_ok=True)
            raise
        if not problem:
            number = self._relay.take(RelayedMessage(sender, recipients, path), size)
            if number is not None:
                return f"250 2.0.0 Kept as message {number}, to be sent when the script has ended well"
            problem = "452 4.3.1 These are more bytes of mail than a script may send"
        path.unlink()
        return self._relay.refuse(recipients, problem)

    def _pieces(self) -> Iterator[bytes]:
        """
        Yield a message in pieces, with each end of line as CR and LF.

        Clients double a dot after any line feed, but a message ends only where RFC 5321 §4.1.1.4 says so: what
        some take for an end, and others don't, would let one message hide in another.
        """
        read, size, before = self._file.readline, 0, b"\r\n"
        piece: list[bytes] = []
        while chunk := read(_CHUNK):
            line = chunk
            if line[-1:] == b"\r":  # its line feed may be the next byte
                line = chunk = chunk + self._file.read(1)
            if line[:1] == b"." and before[-1:] == b"\n":
                if line != b".\r\n":
                    line = line[1:]
                elif before[-2:] == b"\r\n":
                    yield b"".join(piece)
                    return
            before = chunk
            if line[-2:] != b"\r\n" or line.count(b"\r") != 1:
                line = _BARE.sub(b"\r\n", line)
            piece.append(line)
            size += len(line)
            if size >= _CHUNK:
                yield b"".join(piece)
                piece, size = [], 0
        raise ConnectionResetError("the script left in the middle of a message")

    def _too_large(self) -> str:
        return f"552 5.3.4 A message may have {self._relay.limits.max_bytes} bytes"


def _message_of(sender: str) -> str:
    """Return what a message is called that was refused before it named a recipient."""
    return f"a message of {sender}"


def own_context() -> ssl.SSLContext:
    """Return a server's TLS context with a key and a certificate that nobody else has."""
    from datetime import datetime, timedelta, timezone

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile(prefix="daybreak-", suffix=".pem") as file:  # ssl reads keys from files alone
        file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        file.write(certificate.public_bytes(pem))
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _written(file: BinaryIO, data: bytes) -> str:
    """Write, and return what to say when there is no room."""
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        return f"452 4.3.1 It can't be kept: {error.strerror}"
    return ""


def _user_of(port: int, listener: socket.socket) -> int | None:
    """Return the id of the user whose program connected from that port, or None when it is gone (proc(5))."""
    host = f"{int.from_bytes(socket.inet_aton(HOST), sys.byteorder):08X}"
    ends = [f"{host}:{each:04X}" for each in (port, listener.getsockname()[1])]
    for line in Path("/proc/net/tcp").read_text().splitlines():
        fields = line.split()
        if fields[1:3] == ends:
            return int(fields[7])
    return None
