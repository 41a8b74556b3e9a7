"""Who got what, when, and what the server said: the ledger as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import ledger_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from airflow_provider_daybreak.archive import Archive


@dataclass(frozen=True)
class Record:
    """
    One recipient's mail.

    :param standing: where it stands: new, deferred, in_flight, in_doubt, sent, refused; or held, waiting for an
        approval, or rejected.
    :param facts: all that the ledger says of it.
    """

    standing: str
    facts: Mapping[str, Any]

    @property
    def report_date(self) -> str:
        """ISO date of the report."""
        return str(self.facts.get("report_date", ""))

    @property
    def recipient(self) -> str:
        """Address that the mail is for."""
        return str(self.facts.get("recipient", ""))

    @property
    def occasion(self) -> str:
        """Why it was sent, when not as the period's mail."""
        return str(self.facts.get("occasion", ""))

    def as_row(self) -> dict[str, str]:
        """Return what a table shows of it."""
        facts = self.facts
        return {
            "report": str(facts.get("report", "")),
            "date": self.report_date,
            "recipient": self.recipient,
            "standing": self.standing,
            "time": str(facts.get("time", ""))[:19],
            "answer": str(facts.get("reason", "")),
            "revision": str(facts.get("revision", "")),
            "occasion": self.occasion,
            "message_id": str(facts.get("message_id", "")),
        }


def records_of(ledger: Ledger) -> Iterator[Record]:
    """Yield what the ledger says of each mail."""
    for entry, known in ledger.records():
        asked = known.get("status") in ("waiting", "rejected")
        if entry.standing == "new" or (asked and str(known["time"]) > str(entry.facts.get("time"))):
            yield Record(str(known.get("status", "new")), {**entry.facts, **known})
        else:
            yield Record(entry.standing, {**known, **entry.facts})


def deliveries(
    archive: Archive, report: str | None = None, *, report_date: date | None = None
) -> Iterator[Record]:
    """
    Yield the mails of reports, by report, date and recipient.

    :param report: slug; all reports when None.
    :param report_date: of one date only.
    """
    for slug in archive.reports() if report is None else [report]:
        records = (
            record
            for day in _ledger_days(archive, slug, report_date)
            for record in records_of(Ledger(archive.deliveries(slug, day)))
            if report_date is None or record.report_date == report_date.isoformat()
        )
        yield from sorted(records, key=lambda record: (record.report_date, record.recipient, record.occasion))


def _ledger_days(archive: Archive, report: str, report_date: date | None) -> Iterable[date]:
    """Return the days that may have a ledger: a period's lies with its first day."""
    if report_date is None:
        return archive.days(report)
    revisions = archive.revisions(report, since=report_date, until=report_date)
    return {report_date, *(ledger_day(revision.manifest) for revision in revisions)}
