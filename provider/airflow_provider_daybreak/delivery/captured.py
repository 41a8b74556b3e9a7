"""
What a script mailed: as files of a revision, and as the messages that go out from there.

A message stays as the script made it, but for what belongs to a delivery: Date and Message-ID, which are ours so that
sending it again is the same, and Bcc, which nobody may see.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import DraftFile
from airflow_provider_daybreak.delivery import headers
from airflow_provider_daybreak.delivery.attachments import media_type_of
from airflow_provider_daybreak.delivery.keys import key_in
from airflow_provider_daybreak.delivery.message import Body, Message
from airflow_provider_daybreak.delivery.raw_message import (
    field_name,
    fields_and_body,
    parts_of,
    settled,
    subject_of,
)
from airflow_provider_daybreak.delivery.recipients import parse_address
from airflow_provider_daybreak.exceptions import MailTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from airflow_provider_daybreak.archive import Manifest, Revision
    from airflow_provider_daybreak.delivery.attachments import Attachment
    from airflow_provider_daybreak.delivery.intake import RelayedMessage
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient

INDEX = "mails.json"
"""File of a revision that says which messages it has, and to whom each goes."""

_ANSWERS = frozenset({b"in-reply-to", b"references"})


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
        fields, body = fields_and_body(self.revision.read(recipient.message))
        own = [
            headers.raw_field("Date", format_datetime(date)),
            headers.raw_field("Message-ID", message_id),
            headers.raw_field("X-Daybreak-Report", manifest.report),
            headers.raw_field(
                "X-Daybreak-Revision", f"{manifest.report_date.isoformat()} r{manifest.revision:04d}"
            ),
        ]
        if answers:
            fields = [each for each in fields if field_name(each) not in _ANSWERS]
            own += [headers.raw_field("In-Reply-To", answers), headers.raw_field("References", answers)]
        if not any(field_name(each) == b"from" for each in fields):
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
            (tuple(sorted(each.recipients)), subject_of(data), sha256(data).hexdigest(), each.sender, path)
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


def is_captured(revision: Revision) -> bool:
    """Return whether a revision is one of what a script mailed."""
    return any(file.name == INDEX for file in revision.manifest.files)


def captured_mails(revision: Revision) -> dict[str, CapturedMail]:
    """Return the messages of a revision, by the names of their files; none when it is not one of a script's mail."""
    if not is_captured(revision):
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
        _, wanted = box
        places = _places(ledger, manifest, wanted[0][0], occasion, at_least=len(wanted))
        wanted.sort(key=lambda each: (each[1].subject, each[1].identity, each[1].message))
        return [
            replace(recipient, part=_part(place))
            for (recipient, _), place in zip(
                wanted, _assigned([mail for _, mail in wanted], places), strict=True
            )
        ]

    return [one for found in storage.each(ledger.folder, placed, boxes.items()) for one in found]


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
    ledger: Ledger, manifest: Manifest, recipient: Recipient, occasion: str, *, at_least: int
) -> list[Mapping[str, object]]:
    """Return what the ledger says of each place of a mailbox, up to the first that nobody ever took."""
    places: list[Mapping[str, object]] = []
    while True:
        parts = ":".join(filter(None, (_part(len(places)), occasion)))
        entry, known = ledger.record(key_in(ledger, manifest, recipient, parts))
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
