"""The head of one recipient's mail."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery import headers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from airflow_provider_daybreak.delivery.recipients import Recipient


def head_for(
    recipient: Recipient,
    *,
    common: bytes,
    visible: bytes,
    message_id: str,
    date: datetime,
    answers: str | None = None,
) -> bytes:
    """
    Return the head of one recipient's mail.

    :param common: what :meth:`Message.common_head` says.
    :param visible: what :meth:`Message.visible_head` says.
    :param message_id: its id, in angle brackets.
    :param date: when it was prepared.
    :param answers: id of the mail that it corrects.
    """
    fields = [
        headers.raw_field("Date", format_datetime(date)),
        headers.raw_field("Message-ID", message_id),
        common,
        to_and_cc([recipient], utf8=recipient.needs_utf8) if recipient.alone or not visible else visible,
    ]
    if answers:
        fields += [headers.raw_field("In-Reply-To", answers), headers.raw_field("References", answers)]
    fields.append(b"MIME-Version: 1.0\r\n")
    return b"".join(fields)


def to_and_cc(recipients: Sequence[Recipient], *, utf8: bool) -> bytes:
    """Return the fields To and Cc that show these recipients."""
    fields = [
        headers.address_field(name, shown, utf8=utf8)
        for name, kind in (("To", "to"), ("Cc", "cc"))
        if (shown := [each.mailbox for each in recipients if each.kind == kind])
    ]
    return b"".join(fields) or headers.raw_field("To", "undisclosed-recipients:;")


def unsubscribe_fields(urls: Sequence[str]) -> list[bytes]:
    """Return the fields by which a mail program unsubscribes; with an https URL it is one click (RFC 8058)."""
    if not urls:
        return []
    fields = [headers.raw_field("List-Unsubscribe", ", ".join(f"<{url}>" for url in urls))]
    if any(url.startswith("https:") for url in urls):
        fields.append(headers.raw_field("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return fields
