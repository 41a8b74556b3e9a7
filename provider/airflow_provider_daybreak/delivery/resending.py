"""What to send again, and to whom."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.audit import those_who_wait
from airflow_provider_daybreak.delivery.recipients import normal_form, parse_address, parse_recipients

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from airflow_provider_daybreak.delivery.audit import Record
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient


@dataclass(frozen=True)
class Resending:
    """
    What to send again.

    :param report: slug of the report.
    :param report_date: the date on it.
    :param to: addresses; all who did not get it when empty.
    :param reason: why, for the ledger.
    :param by: who wants it, for the ledger.
    :param id: what tells this resending from others: with the same id nobody gets a second mail.
    """

    report: str
    report_date: date
    to: Sequence[str]
    reason: str
    by: str
    id: str


def first_mails(ledger: Ledger, resending: Resending) -> list[Record]:
    """Return what the ledger says of the period's own mails that may be meant: those named, or not sent."""
    normal = {recipient.normal for recipient in parse_recipients(resending.to)}
    return [record for record in those_who_wait(ledger, normal) if not record.occasion]


def named(resending: Resending, records: Iterable[Record]) -> list[tuple[Recipient, Mapping[str, Any]]]:
    """
    Return who gets a report again, with what the ledger says of each one's first mail.

    :param records: the mails of its period.
    """
    known: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.report_date == resending.report_date.isoformat():
            known[normal_form(record.recipient)].append(record)
    return [
        (recipient, facts)
        for recipient in parse_recipients(resending.to)
        for facts in [record.facts for record in known.get(recipient.normal, ())] or [{}]
    ] or [
        (parse_address(record.recipient), record.facts)
        for several in known.values()
        for record in several
        if record.standing not in ("sent", "in_flight", "waiting", "rejected", "excluded")
        and not record.facts.get("shadow")  # the old job has mailed it
    ]
