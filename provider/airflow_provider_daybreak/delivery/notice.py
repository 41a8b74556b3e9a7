"""A mail about the mail: a text to a few people, once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery import headers
from airflow_provider_daybreak.delivery.head import head_for
from airflow_provider_daybreak.delivery.ledger import Ledger, key_of
from airflow_provider_daybreak.delivery.message import plain_body
from airflow_provider_daybreak.delivery.sender import Mail, Sender, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.transport import Session

NOTICES = "_notices"
"""Folder of the archive with the ledger of notices: no report is called so."""


@dataclass(frozen=True)
class Notice:
    """
    What to tell.

    :param about: what it is about, such as a Dag's id.
    :param occasion: what happened, so that it is told once: ids of the run, the task and the try.
    """

    sender: Address
    subject: str
    text: str
    about: str
    occasion: str

    def send(
        self,
        recipients: Sequence[Recipient],
        archive: Archive,
        connect: Callable[[], Session],
        *,
        now: datetime,
    ) -> Summary:
        """Send it to those who did not get it."""
        body = plain_body(self.text)
        common = (
            headers.address_field("From", [self.sender])
            + headers.text_field("Subject", self.subject)
            + headers.raw_field("Auto-Submitted", "auto-generated")
        )

        def render(mail: Mail, _limit: int | None) -> tuple[Iterator[bytes], int]:
            head = head_for(
                mail.recipient,
                common=common,
                visible=b"",
                message_id=mail.message_id,
                date=datetime.fromisoformat(mail.facts["date"]),
            )
            return chain([head], body.chunks()), len(head) + body.size

        sender = Sender(Ledger(archive.root / NOTICES), connect, render, envelope_sender=self.sender.addr_spec)
        return sender.deliver([self._mail(recipient, now) for recipient in recipients])

    def _mail(self, recipient: Recipient, now: datetime) -> Mail:
        key = key_of(self.about, "", recipient.normal, self.occasion)
        message_id = f"<{sha256(key.encode()).hexdigest()[:40]}@{self.sender.domain}>"
        facts = {
            "about": self.about,
            "occasion": self.occasion,
            "recipient": recipient.address,
            "digest": sha256(self.text.encode()).hexdigest(),
            "message_id": message_id,
            "date": now.isoformat(timespec="seconds"),
        }
        return Mail(key, recipient, message_id, facts)
