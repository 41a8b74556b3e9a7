"""SMTP as a server speaks it to one client: what it says, and what it takes."""

from __future__ import annotations

import logging
import re
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_daybreak.delivery.intake import RelayedMessage, message_of
from airflow_provider_daybreak.delivery.recipients import check_domains, parse_address, parse_sender
from airflow_provider_daybreak.exceptions import InvalidValueError, RecipientNotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_daybreak.delivery.intake import Intake

log = logging.getLogger(__name__)

_LINE_BYTES = 12_288  # the longest that a client may send outside of a mail: an answer to AUTH (RFC 4954 §4)
_CHUNK = 65_536
_MOST_RECIPIENTS = 1000  # of one message; RFC 5321 §4.5.3.1.8 asks for 100
_IDLE_SECONDS = 300  # RFC 5321 §4.5.3.2.7
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


class Dialogue:
    """
    One connection, from greeting to goodbye.

    :param intake: what takes the messages.
    :param secured: returns a connection with TLS.
    :param ended: told when it has ended, before the client sees that.
    """

    def __init__(
        self,
        intake: Intake,
        connection: socket.socket,
        secured: Callable[[socket.socket], socket.socket],
        ended: Callable[[Dialogue], None],
    ) -> None:
        self._intake = intake
        self._connection = connection
        self._secured = secured
        self._ended = ended
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
            self._ended(self)
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
        self._connection = self._secured(self._connection)
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
        extensions = [f"SIZE {self._intake.limits.max_bytes}", "8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES"]
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
                if int(value) > self._intake.limits.max_bytes:
                    return self._intake.refuse([message_of(address)], self._too_large())
            elif key != "AUTH" and parameter not in ("BODY=7BIT", "BODY=8BITMIME"):
                return f"555 5.5.4 No such parameter: {key}"
        if address:
            try:
                address = parse_sender(address, name="sender").addr_spec
            except InvalidValueError:
                return self._intake.refuse([message_of(address)], "553 5.1.7 The sender is no address")
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
            return self._intake.refuse([address], "452 4.5.3 Too many recipients")
        try:
            recipient = parse_address(address)
            check_domains([recipient], self._intake.limits.allowed_domains)
        except InvalidValueError:
            return self._intake.refuse([address], "553 5.1.3 The recipient is no address")
        except RecipientNotAllowedError:
            return self._intake.refuse([address], "550 5.7.1 The recipient's domain is not allowed")
        if recipient.needs_utf8:  # a relay that doesn't offer SMTPUTF8 takes ASCII alone (RFC 6531 §3.5)
            return self._intake.refuse([address], "553 5.6.7 Only ASCII can stand before the @")
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
        path = self._intake.new_path()
        try:
            with path.open("xb") as file:
                for piece in self._pieces():
                    size += len(piece)
                    if size > self._intake.limits.max_bytes:
                        problem = problem or self._too_large()
                    if not problem:
                        problem = _written(file, piece)
        except BaseException:  # it never ended
            path.unlink(missing_ok=True)
            raise
        if not problem:
            number = self._intake.take(RelayedMessage(sender, recipients, path), size)
            if number is not None:
                return f"250 2.0.0 Kept as message {number}, to be sent when the script has ended well"
            problem = "452 4.3.1 These are more bytes of mail than a script may send"
        path.unlink()
        return self._intake.refuse(recipients, problem)

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
        return f"552 5.3.4 A message may have {self._intake.limits.max_bytes} bytes"


def _written(file: BinaryIO, data: bytes) -> str:
    """Write, and return what to say when there is no room."""
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        return f"452 4.3.1 It can't be kept: {error.strerror}"
    return ""
