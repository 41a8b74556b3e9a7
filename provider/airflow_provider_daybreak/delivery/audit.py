"""Who got what, when, and what the server said: the ledger as people read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.index import Index
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import ledger_day
from airflow_provider_daybreak.delivery.recipients import normal_form

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.delivery.facts import Facts
    from airflow_provider_daybreak.delivery.ledger import Entry

_FAR = timedelta(days=2 * 366)
"""How far from its report date a period begins at most: one of a year, and that before or after it."""
_FIRST, _LAST = date.min + _FAR, date.max - _FAR


@dataclass(frozen=True)
class Record:
    """
    One recipient's mail.

    :param standing: where it stands: new, deferred, in_flight, in_doubt, sent, refused; or held, waiting for an
        approval, rejected, or excluded: kept from getting it before it was begun.
    :param facts: all that the ledger says of it.
    :param key: its key there.
    """

    standing: str
    facts: Mapping[str, Any]
    key: str = ""

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


def records_of(ledger: Ledger, keys: Iterable[str] | None = None) -> Iterator[Record]:
    """
    Yield what the ledger says of each mail.

    :param keys: of which mails; all when None.
    """
    for entry, known in ledger.records(keys):
        yield _record(entry, known)


def _record(entry: Entry, known: Facts) -> Record:
    asked = known.get("status") in ("waiting", "rejected")
    if entry.standing == "new" or (asked and _is_later(known, entry)):
        return Record(str(known.get("status", "new")), {**entry.facts, **known}, entry.key)
    return Record(entry.standing, {**known, **entry.facts}, entry.key)


def _is_later(note: Facts, entry: Entry) -> bool:
    """Return whether a note was written after what became of the mail: by how often it was tried, since clocks are set."""
    if isinstance(note.get("tried"), int):
        return entry.standing != "sent" and bool(note["tried"] >= entry.generation)
    return str(note["time"]) > str(entry.facts.get("time"))  # as older versions wrote it


def listed(ledger: Ledger) -> Iterator[Record]:
    """
    Yield, as :func:`records_of` does, what a table shows of each mail: of those that were sent no more than that.

    What was sent is read once from the ledger, and from then on from its :class:`Index`.
    """
    index, keys = Index(ledger.folder), ledger.keys()
    known = index.of(keys)
    found: dict[str, Record] = {}
    rest = [key for key in keys if key not in known]
    for key, (entry, facts) in zip(rest, ledger.records(rest), strict=True):
        found[key] = _record(entry, facts)
    index.add({key: each.facts for key, each in found.items() if each.standing == "sent"}, keys)
    for key in keys:
        yield Record("sent", known[key], key) if key in known else found[key]


def those_who_wait(ledger: Ledger, normal: Collection[str]) -> Iterator[Record]:
    """
    Yield what the ledger says of the mails that were not sent, and of those to these recipients.

    :param normal: their normalised addresses.
    """
    keys = ledger.keys()
    known = Index(ledger.folder).of(keys)
    others = {key for key, facts in known.items() if normal_form(str(facts["recipient"])) not in normal}
    yield from records_of(ledger, [key for key in keys if key not in others])


def deliveries(
    archive: Archive,
    report: str | None = None,
    *,
    since: date | None = None,
    until: date | None = None,
) -> Iterator[Record]:
    """
    Yield the mails of reports, by report, date and recipient.

    :param report: slug; all reports when None.
    :param since: first report date. Ledgers that have none of the dates are not read.
    :param until: last report date, included.
    """
    first, last = (since or date.min).isoformat(), (until or date.max).isoformat()
    everything = since is None and until is None
    for slug in archive.reports() if report is None else [report]:
        records = (
            record
            for day in _ledger_days(archive, slug, since, until)
            for record in listed(Ledger(archive.deliveries(slug, day)))
            if everything or first <= record.report_date <= last
        )
        yield from sorted(records, key=lambda record: (record.report_date, record.recipient, record.occasion))


def _ledger_days(archive: Archive, report: str, since: date | None, until: date | None) -> Iterable[date]:
    """Return the days that may have a ledger of these report dates: a period's lies with its first day."""
    days = set(archive.days(report, since=since, until=until))
    if since is None and until is None:
        return days
    manifests = [each.manifest for each in archive.revisions(report, since=since, until=until)]
    found = {manifest.report_date for manifest in manifests}
    pruned = [day for day in days - found if archive.numbers(report, day)]
    if pruned:  # their manifests would say where it is
        far = (max(min(pruned), _FIRST) - _FAR, min(max(pruned), _LAST) + _FAR)
        days |= set(archive.days(report, since=far[0], until=far[1]))
    return days | {ledger_day(manifest) for manifest in manifests}
