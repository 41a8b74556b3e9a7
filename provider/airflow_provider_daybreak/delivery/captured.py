"""
What a script mailed: as files of a revision, and as the messages that go out from there.

A message stays as the script made it, but for what belongs to a delivery: Date and Message-ID, which are ours so that
sending it again is the same, and Bcc, which nobody may see.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import format_datetime
from hashlib import sha256
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import DraftFile
from airflow_provider_daybreak.delivery import headers
from airflow_provider_daybreak.delivery.attachments import media_type_of
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.message import Body, Message
from airflow_provider_daybreak.delivery.recipients import parse_address
from airflow_provider_daybreak.exceptions import MailTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from email.message import Message as Part
    from pathlib import Path

    from airflow_provider_daybreak.archive import Manifest, Revision
    from airflow_provider_daybreak.delivery.attachments import Attachment
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.relay import RelayedMessage

INDEX = "mails.json"
"""File of a revision that says which messages it has, and to whom each goes."""

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
_OF_DELIVERY = frozenset({b"bcc", b"resent-bcc", b"date", b"message-id", b"return-path", b"dkim-signature"})
_ANSWERS = frozenset({b"in-reply-to", b"references"})
_SHORTEST_BOUNDARY = 16  # of those that programs make up anew for each message
_LONGEST_NAME = 100
_LONGEST_SUBJECT = 300
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]|^[. ]+")
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)


class CapturedMail(NamedTuple):
    """
    A message of a revision.

    :param message: name of its file.
    :param sender: of the envelope; empty for the null sender.
    :param recipients: of the envelope.
    :param subject: one line.
    """

    message: str
    sender: str
    recipients: tuple[str, ...]
    subject: str

    @property
    def identity(self) -> str:
        """What tells it from other messages to the same mailbox, as far as a message says."""
        return sha256("\0".join((self.subject, *sorted(self.recipients))).lower().encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Parts:
    """What a reader sees of a message: its text, its HTML with images by their names here, and files by name."""

    text: str | None
    html: str | None
    files: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class CapturedMessage(Message):
    """
    The messages of a revision. Each recipient names the one that it gets.

    :param mails: by the names of their files.
    """

    mails: Mapping[str, CapturedMail] = field(default_factory=dict)

    def render(
        self,
        recipient: Recipient,
        *,
        message_id: str,
        date: datetime,
        answers: str | None = None,
        limit: int | None = None,
    ) -> tuple[Iterator[bytes], int]:
        """
        Return one recipient's mail, as :meth:`Message.render` does.

        :raises ArchivedFileChangedError: the archive holds another message than was published.
        """
        manifest = self.revision.manifest
        fields, body = _fields_and_body(self.revision.read(recipient.message))
        own = [
            headers.raw_field("Date", format_datetime(date)),
            headers.raw_field("Message-ID", message_id),
            headers.raw_field("X-Daybreak-Report", manifest.report),
            headers.raw_field(
                "X-Daybreak-Revision", f"{manifest.report_date.isoformat()} r{manifest.revision:04d}"
            ),
        ]
        if answers:
            fields = [each for each in fields if _name(each) not in _ANSWERS]
            own += [headers.raw_field("In-Reply-To", answers), headers.raw_field("References", answers)]
        if not any(_name(each) == b"from" for each in fields):
            sender = self.envelope_sender(recipient) or self.sender.addr_spec
            own.append(headers.raw_field("From", f"<{sender}>"))
        data = b"".join([*own, *fields, b"\r\n", body])
        if limit is not None and len(data) > limit:
            raise MailTooLargeError(len(data), limit)
        return Body(BytesIO(data), len(data)).chunks(), len(data)

    def left_out(self, limit: int | None) -> tuple[Attachment, ...]:  # noqa: ARG002 - messages are whole or too large
        """Return nothing: a message goes out whole."""
        return ()

    def facts(self, recipient: Recipient) -> dict[str, object]:
        """Return what the ledger writes down of the message that a recipient gets."""
        mail = self.mails[recipient.message]
        return {
            "digest": self.revision.file(mail.message).sha256,
            "subject": mail.subject,
            "message": mail.message,
            "identity": mail.identity,
            "part": recipient.part,
        }

    def envelope_sender(self, recipient: Recipient) -> str:
        """Return whom the script's envelope was from."""
        return self.mails[recipient.message].sender


def captured_files(taken: Iterable[RelayedMessage], folder: Path) -> tuple[str, list[DraftFile]]:
    """
    Return the title and the files of a revision of what a script mailed.

    The same messages make the same files, in whichever order they were sent.

    :param folder: an empty one, for files that the revision is made from.
    """
    kept = []
    for number, each in enumerate(taken):
        data = settled(each.file.read_bytes())
        path = folder / f"{number}.eml"
        path.write_bytes(data)
        kept.append(
            (tuple(sorted(each.recipients)), _subject_of(data), sha256(data).hexdigest(), each.sender, path)
        )
    kept.sort(key=lambda facts: facts[:4])
    mails, files, summary = [], [], [f"{len(kept)} mails", ""]
    for number, (recipients, subject, _, sender, path) in enumerate(kept, start=1):
        prefix = f"mails/{number:04d}"
        mails.append(CapturedMail(f"{prefix}/message.eml", sender, recipients, subject))
        summary += [f"{number}. {subject or '(no subject)'}", f"   to {', '.join(recipients)}", ""]
        files.append(DraftFile(mails[-1].message, "message/rfc822", path))
        alone = len(kept) == 1
        files += _readable_files(path, prefix, text="report.txt" if alone else f"{prefix}/text.txt",
                                 html="report.html" if alone else f"{prefix}/page.html")  # fmt: skip
    if len(kept) > 1:
        files.append(DraftFile("report.txt", "text/plain", "\n".join(summary).encode()))
    index = {"schema": 1, "mails": [mail._asdict() for mail in mails]}
    files.append(DraftFile(INDEX, "application/json", json.dumps(index, ensure_ascii=False, indent=1).encode()))
    subjects = list(dict.fromkeys(mail.subject or "(no subject)" for mail in mails))
    more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
    return subjects[0] + more, files


def captured_mails(revision: Revision) -> dict[str, CapturedMail]:
    """Return the messages of a revision, by the names of their files; none when it is not one of a script's mail."""
    if not any(file.name == INDEX for file in revision.manifest.files):
        return {}
    rows = json.loads(revision.read(INDEX))["mails"]
    mails = [CapturedMail(**{**row, "recipients": tuple(row["recipients"])}) for row in rows]
    return {mail.message: mail for mail in mails}


def recipients_of(
    mails: Iterable[CapturedMail], manifest: Manifest, ledger: Ledger, *, occasion: str = ""
) -> list[Recipient]:
    """
    Return each recipient of each message, told apart where a mailbox gets several.

    A day's mails to a mailbox have a place each in the ledger. A message takes the place of the one with its
    subject and recipients, or of one with its subject, or of any that is left: the same script run again for
    the same day makes the same messages, whatever it writes into their subjects. One that none is left for, is new.

    :param occasion: as :class:`Mailing` has it.
    """
    boxes: dict[str, list[tuple[Recipient, CapturedMail]]] = defaultdict(list)
    for mail in mails:
        for address in mail.recipients:
            recipient = replace(parse_address(address), message=mail.message)
            boxes[recipient.normal].append((recipient, mail))

    def placed(box: tuple[str, list[tuple[Recipient, CapturedMail]]]) -> list[Recipient]:
        normal, wanted = box
        places = _places(ledger, manifest, normal, occasion, at_least=len(wanted))
        wanted.sort(key=lambda each: (each[1].subject, each[1].identity, each[1].message))
        return [
            replace(recipient, part=_part(place))
            for (recipient, _), place in zip(
                wanted, _assigned([mail for _, mail in wanted], places), strict=True
            )
        ]

    return [one for found in storage.each(ledger.folder, placed, boxes.items()) for one in found]


def settled(data: bytes) -> bytes:
    """
    Return a message without what is its delivery's, with a head and a body, and boundaries that its content gives.

    Programs make up boundaries anew each time: with them, the same message would be another at each try.

    :param data: lines that end with CR and LF.
    """
    fields, body = _fields_and_body(data)
    kept = b"".join(each for each in fields if _name(each) not in _OF_DELIVERY)
    return _with_settled_boundaries(kept + b"\r\n" + body)


def parts_of(data: bytes, prefix: str) -> Parts:
    """
    Return what a reader sees of a message.

    :param prefix: what the HTML puts before the names of its images.
    """
    text = html = None
    files: dict[str, bytes] = {}
    images = {}
    for part in message_from_bytes(data).walk():
        if part.is_multipart():
            continue
        kind, name, content = part.get_content_type(), part.get_filename(), _decoded(part)
        attached = name or part.get_content_disposition() == "attachment"
        if kind == "text/plain" and text is None and not attached:
            text = _text_of(part, content)
        elif kind == "text/html" and html is None and not attached:
            html = _text_of(part, content)
        elif content:
            name = _free_name(name or f"part.{kind.rpartition('/')[2]}", files)
            files[name] = content
            if identifier := str(part.get("Content-ID", "")).strip().strip("<>"):
                images[identifier] = escape(f"{prefix}{name}")
    for identifier, name in images.items():
        html = html and html.replace(f'"cid:{identifier}"', f'"{name}"').replace(
            f"'cid:{identifier}'", f"'{name}'"
        )
    return Parts(text, html, files)


def _readable_files(path: Path, prefix: str, *, text: str, html: str) -> list[DraftFile]:
    """Return the files that show a message to a reader; what is attached goes beside the message's own."""
    attached = f"{prefix}/attachments/"
    parts = parts_of(path.read_bytes(), attached)
    files = []
    if parts.text is not None:
        files.append(DraftFile(text, "text/plain", parts.text.encode("utf-8", "replace")))
    if parts.html is not None:
        files.append(DraftFile(html, "text/html", parts.html.encode("utf-8", "replace")))
    for number, (name, content) in enumerate(parts.files.items()):
        copy = path.with_suffix(f".{number}")
        copy.write_bytes(content)
        files.append(DraftFile(attached + name, media_type_of(name), copy))
    return files


def _places(
    ledger: Ledger, manifest: Manifest, normal: str, occasion: str, *, at_least: int
) -> list[Mapping[str, object]]:
    """Return what the ledger says of each place of a mailbox, up to the first that nobody ever took."""
    places: list[Mapping[str, object]] = []
    while True:
        parts = ":".join(filter(None, (_part(len(places)), occasion)))
        entry, known = ledger.record(key_of(manifest.report, manifest.period_key, normal, parts))
        facts = {**known, **entry.facts}
        if not facts and len(places) >= at_least:
            return places
        places.append(facts)


def _assigned(mails: Sequence[CapturedMail], places: Sequence[Mapping[str, object]]) -> list[int]:
    """Return the place of each message, each its own."""
    found: dict[int, int] = {}
    free = dict(enumerate(places))
    for same in (
        lambda mail, facts: facts.get("identity") == mail.identity,
        lambda mail, facts: facts.get("subject") == mail.subject,
        lambda _mail, facts: bool(facts),
        lambda _mail, _facts: True,
    ):
        for index, mail in enumerate(mails):
            if index not in found:
                place = next((number for number, facts in free.items() if same(mail, facts)), None)
                if place is not None:
                    found[index] = place
                    del free[place]
    return [found[index] for index in range(len(mails))]


def _part(place: int) -> str:
    return f"message {place + 1}" if place else ""


def _fields_and_body(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the header fields, each with its line ends, and the body: all that is no field, where none are."""
    at = data.find(b"\n") + 1 if data.startswith(b"From ") else 0  # a mailbox file's mark, no field
    fields = []
    while match := _FIELD.match(data, at):
        fields.append(match[0])
        at = match.end()
    return fields, data[at + 2 :] if data.startswith(b"\r\n", at) else data[at:]


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].strip().lower()


def _subject_of(data: bytes) -> str:
    """Return a message's subject as one line; empty when it has none."""
    raw = str(message_from_bytes(_head_of(data)).get("Subject", ""))
    try:
        text = str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):  # it says that it is encoded, and is not
        text = raw
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text[:_LONGEST_SUBJECT]


def _head_of(data: bytes) -> bytes:
    return b"".join(_fields_and_body(data)[0]) + b"\r\n"


def _with_settled_boundaries(data: bytes) -> bytes:
    """Return the message with boundaries that its content gives, where that changes nothing else of it."""
    boundaries = _boundaries(data)
    made_up = [each for each in boundaries if each and len(each) >= _SHORTEST_BOUNDARY and each.isascii()]
    if not made_up or Counter(boundaries).most_common(1)[0][1] > 1:
        return data
    pattern = re.compile(b"|".join(re.escape(each.encode()) for each in sorted(made_up, key=len, reverse=True)))
    numbers = {each.encode(): number for number, each in enumerate(made_up)}
    content = sha256(pattern.sub(lambda match: b"boundary %d" % numbers[match[0]], data)).hexdigest()[:32]
    found = pattern.sub(lambda match: b"=_%d_%s" % (numbers[match[0]], content.encode()), data)
    wanted = [f"=_{made_up.index(each)}_{content}" if each in made_up else each for each in boundaries]
    return found if _boundaries(found) == wanted else data


def _boundaries(data: bytes) -> list[str | None]:
    """Return the boundaries of a message; none of one that is signed, whose signature stands for each byte."""
    if b"boundary" not in data:
        return []
    parts = [part for part in message_from_bytes(data).walk() if part.is_multipart()]
    if any(part.get_content_subtype() in ("signed", "encrypted") for part in parts):
        return []
    return [part.get_boundary() for part in parts]


def _decoded(part: Part) -> bytes:
    """Return the content of a part, text with the ends of line that files have."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return b""
    return content.replace(b"\r\n", b"\n") if part.get_content_maintype() == "text" else content


def _text_of(part: Part, content: bytes) -> str:
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # nobody knows that character set
        return content.decode("utf-8", "replace")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return the name as one of a file in the archive that is not yet taken."""
    plain = _NOT_IN_NAMES.sub("_", _FOLDERS.sub("", str(name))).encode("utf-8", "replace")
    name = plain[-_LONGEST_NAME:].decode("utf-8", "ignore") or "file"  # its end says what it is
    stem, dot, extension = name.rpartition(".")
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{stem}-{number}{dot}{extension}" if stem else f"{name}-{number}"
    return found
