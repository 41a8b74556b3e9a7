"""
The mail: ``mixed(related(alternative(text, html), inline images), attachments)``.

What all recipients get alike is built once, into a file where it is large; a head for each goes before it.
The same revision, sender, date and Message-ID make the same bytes again.
"""

from __future__ import annotations

import html
import logging
import re
from dataclasses import dataclass, field
from email.message import MIMEPart
from email.policy import SMTP
from functools import cached_property, partial
from hashlib import sha256
from io import BytesIO
from itertools import chain
from tempfile import SpooledTemporaryFile
from threading import Lock
from typing import IO, TYPE_CHECKING, BinaryIO, cast
from urllib.parse import quote

from airflow_provider_daybreak.delivery import headers
from airflow_provider_daybreak.delivery.attachments import media_type_of
from airflow_provider_daybreak.delivery.head import head_for, to_and_cc, unsubscribe_fields
from airflow_provider_daybreak.delivery.placeholders import filled, has_placeholders
from airflow_provider_daybreak.exceptions import InvalidValueError, MailTooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Revision
    from airflow_provider_daybreak.delivery.attachments import Attachment
    from airflow_provider_daybreak.delivery.encryption import Encryption
    from airflow_provider_daybreak.delivery.recipients import Recipient

log = logging.getLogger(__name__)

MAX_VISIBLE = 100
"""Recipients that a mail's head shows to each other; of more, each is shown itself alone."""

_IN_MEMORY = 2**20
_CHUNK = 2**18
_HEAD_ROOM = 16 * 2**10  # what a head may take of a size limit
_CHART = re.compile(r"""\bsrc=(["'])(charts/[A-Za-z0-9._/-]+\.png)\1""")


@dataclass(frozen=True)
class Message:
    """
    What a revision's mail says, whoever gets it.

    :param sender: whom it is from.
    :param subject: one line.
    :param revision: the archived report.
    :param attachments: in their order.
    :param recipients: everybody it goes to; those in ``bcc``, and those with mails of their own, are not shown.
    :param reply_to: where answers go, when not to the sender.
    :param unsubscribe: URLs (https, mailto) of List-Unsubscribe; with https it is one-click (RFC 8058). They may have
        places for each recipient's address and what its row says: ``{address}``, ``{token}``.
    :param further: further header fields.
    :param own_sender: whether it is from somebody else than what goes out over its connection usually is.
    :param encryption: what its attachments open with; they go as they are when None. Its text is never encrypted.
    """

    sender: Address
    subject: str
    revision: Revision
    attachments: Sequence[Attachment] = ()
    recipients: Sequence[Recipient] = ()
    reply_to: Sequence[Address] = ()
    unsubscribe: Sequence[str] = ()
    further: Mapping[str, str] = field(default_factory=dict)
    own_sender: bool = False
    encryption: Encryption | None = None

    def common_head(self) -> bytes:
        """
        Return the header fields that every recipient's mail has.

        :raises InvalidValueError: a value can't be in a header.
        """
        manifest = self.revision.manifest
        fields = [
            headers.address_field("From", [self.sender]),
            headers.text_field("Subject", self.subject),
            headers.raw_field("X-Daybreak-Report", manifest.report),
            headers.raw_field(
                "X-Daybreak-Revision", f"{manifest.report_date.isoformat()} r{manifest.revision:04d}"
            ),
        ]
        if self.reply_to:
            fields.append(headers.address_field("Reply-To", self.reply_to))
        if not self._unsubscribes_by_recipient:
            fields += unsubscribe_fields(self.unsubscribe)
        further = {name.lower(): (name, value) for name, value in self.further.items()}
        further.setdefault("auto-submitted", ("Auto-Submitted", "auto-generated"))
        fields += [headers.further_field(name, value) for name, value in further.values()]
        return b"".join(fields)

    def own_head(self, recipient: Recipient) -> bytes:
        """
        Return the header fields that only this recipient's mail has: how to unsubscribe, where that is by recipient.

        :raises InvalidValueError: a URL has a place for something that the recipient's row doesn't say.
        """
        if not self._unsubscribes_by_recipient:
            return b""
        values = {**recipient.parameters, "address": recipient.intended}
        encode = partial(quote, safe="")
        urls = [filled("list_unsubscribe", url, values, encode) for url in self.unsubscribe]
        return b"".join(unsubscribe_fields(urls))

    @cached_property
    def _unsubscribes_by_recipient(self) -> bool:
        return any(map(has_placeholders, self.unsubscribe))

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
        Return one recipient's mail in chunks of whole lines, and the number of its bytes.

        :param message_id: its id, in angle brackets.
        :param date: when it was prepared.
        :param answers: id of the mail that it corrects.
        :param limit: bytes that it may have.
        :raises MailTooLargeError: it has more.
        """
        body = self._body(limit)
        head = head_for(
            recipient,
            common=self._common + self.own_head(recipient),
            visible=self.visible_head(utf8=True) if recipient.needs_utf8 else self._visible,
            message_id=message_id,
            date=date,
            answers=answers,
        )
        chunks = body.chunks()
        return chain([head + next(chunks)], chunks), len(head) + body.size

    def left_out(self, limit: int | None) -> tuple[Attachment, ...]:
        """Return the attachments that so many bytes leave no room for."""
        return self._body(limit).left_out

    def _body(self, limit: int | None) -> Body:
        if limit not in self._bodies:
            self._bodies[limit] = build_body(self, limit=limit)
            for each in self._bodies[limit].left_out:
                log.warning("%s (%d bytes) is left out of the mail: over %s bytes", each.name, each.size, limit)
        return self._bodies[limit]

    def release(self) -> None:
        """Let go of what all recipients get alike. It is made again when it is asked for."""
        self._bodies.clear()
        self.__dict__.pop("files", None)

    @cached_property
    def files(self) -> list[Attachment]:
        """The attachments as they go out."""
        apply = self.encryption.applied_to if self.encryption else None
        return [apply(each) if apply else each for each in self.attachments]

    def facts(self, recipient: Recipient) -> dict[str, object]:  # noqa: ARG002 - all get the same
        """Return what the ledger writes down of the content that a recipient gets."""
        return {
            "digest": self.revision.manifest.digest,
            "subject": self.subject,
            "attachments": [{"name": each.name, **each.info()} for each in self.attachments],
            **({"from": str(self.sender)} if self.own_sender else {}),
            **({"encrypt": self.encryption.connection} if self.encryption else {}),
        }

    def envelope_sender(self, recipient: Recipient) -> str:  # noqa: ARG002 - all have the same
        """Return whom the envelope of a recipient's mail is from."""
        return self.sender.addr_spec

    @cached_property
    def _bodies(self) -> dict[int | None, Body]:
        return {}

    @cached_property
    def _common(self) -> bytes:
        return self.common_head()

    @cached_property
    def _visible(self) -> bytes:
        return self.visible_head()

    def visible_head(self, *, utf8: bool = False) -> bytes:
        """
        Return the fields To and Cc that recipients of a common mail see.

        :param utf8: whether the mail goes by SMTPUTF8.
        """
        common = [each for each in self.recipients if not each.alone]
        return to_and_cc(common, utf8=utf8) if len(common) <= MAX_VISIBLE else b""

    def boundary(self, part: str) -> str:
        """Return a line that no part of the mail has: ``=_`` stands in no base64 and no quoted-printable."""
        return f"=_{part}_{sha256(self.revision.manifest.digest.encode()).hexdigest()[:32]}"


@dataclass(frozen=True)
class Body:
    """
    What all recipients of a message get alike, after their heads.

    :param size: number of bytes.
    :param left_out: attachments that it had no room for.
    """

    file: IO[bytes] = field(repr=False)
    size: int
    left_out: tuple[Attachment, ...] = ()
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def chunks(self) -> Iterator[bytes]:
        """Yield its bytes in chunks of whole lines. Several may read it at once."""
        if self.size <= _CHUNK:
            yield self._whole
            return
        at = 0
        while True:
            with self._lock:
                self.file.seek(at)
                chunk = b"".join(self.file.readlines(_CHUNK))
                at = self.file.tell()
            if not chunk:
                return
            yield chunk

    @cached_property
    def _whole(self) -> bytes:
        with self._lock:
            self.file.seek(0)
            return self.file.read()


def build_body(message: Message, *, limit: int | None = None) -> Body:
    """
    Return what all recipients get alike, from the Content-Type on.

    :param limit: bytes that the mail may have. Attachments for which there is no room are left out, the
        largest first, with a line that says where they are.
    :raises ArchivedFileChangedError: the archive holds other bytes than those that were published.
    :raises AttachmentChangedError: so does an attachment's place.
    :raises MailTooLargeError: there isn't room for the report itself.
    """
    revision = message.revision
    names = {file.name for file in revision.files}
    text = revision.read("report.txt").decode() if "report.txt" in names else None
    markup = revision.read("report.html").decode() if "report.html" in names else None
    images = {
        name: revision.read(name)
        for name in dict.fromkeys(match[2] for match in _CHART.finditer(markup or ""))
        if name in names
    }
    kept = list(message.files)
    while True:
        left_out = tuple(each for each in message.files if each not in kept)
        skeleton = _skeleton(message, text, markup, images, kept, left_out)
        size = len(skeleton) + sum(each.encoded_size - len(_token(each)) - 2 for each in kept)
        if limit is None or size + _HEAD_ROOM <= limit:
            return _write(skeleton, kept, size, left_out)
        if not kept:
            raise MailTooLargeError(size + _HEAD_ROOM, limit)
        kept.remove(max(kept, key=lambda each: each.size))


def plain_body(text: str) -> Body:
    """Return the body of a mail that is nothing but text."""
    part = MIMEPart(policy=SMTP)
    part.set_content(text, charset="utf-8", cte="quoted-printable")
    data = part.as_bytes(policy=SMTP)
    return Body(BytesIO(data), len(data))


def _write(skeleton: bytes, kept: Sequence[Attachment], size: int, left_out: tuple[Attachment, ...]) -> Body:
    """Return the body with each attachment in the place of its token."""
    file = cast("BinaryIO", SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - lives as long as the body
    for attachment in kept:
        before, _, skeleton = skeleton.partition(_token(attachment) + b"\r\n")
        file.write(before)
        attachment.encode_into(file)
    file.write(skeleton)
    return Body(file, size, left_out)


def _skeleton(
    message: Message,
    text: str | None,
    markup: str | None,
    images: Mapping[str, bytes],
    kept: Sequence[Attachment],
    left_out: Sequence[Attachment],
) -> bytes:
    """Return the MIME tree with a token for each attachment's bytes."""
    lines = [f"Left out for its size: {each.name} ({each.readable_size}), at {each.uri}" for each in left_out]
    if lines and text is not None:
        text = text.rstrip("\n") + "\n\n" + "\n".join(lines) + "\n"
    if lines and markup is not None:
        note = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        head, end, tail = markup.rpartition("</body>")
        markup = f"{head}{note}{end}{tail}" if end else markup + note
    ids = {
        name: f"{sha256((message.revision.manifest.digest + name).encode()).hexdigest()[:24]}@{message.sender.domain}"
        for name in images
    }
    if markup is not None:
        markup = _CHART.sub(
            lambda match: f"src={match[1]}cid:{ids[match[2]]}{match[1]}" if match[2] in ids else match[0],
            markup,
        )
    part = _alternative(message, text, markup)
    if images:
        related = _multipart("related", message.boundary("related"), type=part.get_content_type())
        related.attach(part)
        for name, data in images.items():
            image = MIMEPart(policy=SMTP)
            image.set_content(
                data,
                "image",
                "png",
                disposition="inline",
                filename=name.rpartition("/")[2],
                cid=f"<{ids[name]}>",
            )
            related.attach(image)
        part = related
    if kept:
        mixed = _multipart("mixed", message.boundary("mixed"))
        mixed.attach(part)
        for attachment in kept:
            mixed.attach(_attached(attachment))
        part = mixed
    return part.as_bytes(policy=SMTP)


def _alternative(message: Message, text: str | None, markup: str | None) -> MIMEPart:
    parts = []
    for subtype, content in (("plain", text), ("html", markup)):
        if content is not None:
            part = MIMEPart(policy=SMTP)
            part.set_content(content, subtype=subtype, charset="utf-8", cte=_shorter(content))
            parts.append(part)
    if not parts:
        part = MIMEPart(policy=SMTP)
        part.set_content(f"{message.subject}\n", cte="quoted-printable")
        return part
    if len(parts) == 1:
        return parts[0]
    alternative = _multipart("alternative", message.boundary("alternative"))
    for part in parts:
        alternative.attach(part)
    return alternative


def _shorter(text: str) -> str:
    """
    Return the encoding that makes a text shorter (RFC 2045 §6.7, §6.8): people can read the first, if it is as good.

    Gmail clips what is long as it was sent: each letter of most scripts takes 6 to 9 bytes in the first.
    """
    data = text.encode()
    beyond = len(data.translate(None, bytes(range(128))))
    return "base64" if 2 * beyond > 0.37 * len(data) else "quoted-printable"


def _multipart(subtype: str, boundary: str, **parameters: str) -> MIMEPart:
    part = MIMEPart(policy=SMTP)
    part.add_header("Content-Type", f"multipart/{subtype}", **parameters)
    part.set_boundary(boundary)
    return part


def _attached(attachment: Attachment) -> MIMEPart:
    if headers.plain("name of an attachment", attachment.name) != attachment.name.strip():
        raise InvalidValueError("name of an attachment", attachment.name, "no white space at its ends")
    part = MIMEPart(policy=SMTP)
    part.add_header("Content-Type", attachment.media_type or media_type_of(attachment.name))
    part.add_header("Content-Transfer-Encoding", "base64")
    part.add_header("Content-Disposition", "attachment", filename=attachment.name)
    part.set_payload(_token(attachment).decode() + "\r\n")
    return part


def _token(attachment: Attachment) -> bytes:
    return b"attachment:" + sha256(f"{attachment.name}\0{attachment.sha256}".encode()).hexdigest().encode()
