"""What a day of the archive says, read for the index: revisions, and the mails of the ledger that lies there."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.delivery.audit import listed
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import ledger_day
from airflow_provider_daybreak.exceptions import ManifestUnreadableError, RevisionNotFoundError
from airflow_provider_daybreak.overview.facts import Mail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from airflow_provider_daybreak.archive import Archive, Manifest

_UNSURE = 2_000_000_000  # nanoseconds within which a clock of files may not tell two changes apart
_LONGEST = 500  # characters of what a server said


@dataclass(frozen=True)
class Day:
    """
    What the archive has of a report for one day.

    :param signature: what tells whether it changed; nothing where there is no such day any more.
    :param revisions: rows for the index: number, title, created, outcome, draft, ledger_day, bytes, run, problem, by_schedule.
    :param unsettled: how many mails of the ledger may still change.
    :param touched: seconds since 1970: when a change was seen, or of a day that was not known before, when its files last changed.
    """

    report: str
    day: date
    signature: str = ""
    revisions: Sequence[tuple[Any, ...]] = ()
    mails: Sequence[Mail] = ()
    unsettled: int = 0
    touched: float = 0.0

    @property
    def ledgers(self) -> set[str]:
        """ISO days of the ledgers that its revisions' mails are in."""
        return {row[5] for row in self.revisions if row[5]}


def read_day(archive: Archive, report: str, day: date, *, known: tuple[str, int], now: int) -> Day | None:
    """
    Return what the archive has for a day, or None where nothing changed.

    What can't be read of it is a revision with a problem.

    :param known: its signature and number of unsettled mails when it was read last; of one that was never read ``("", 0)``.
    :param now: nanoseconds since 1970, by the clock that stamps files.
    """
    folder = layout.day_folder(archive.root, report, day)
    found = storage.marks(folder)
    if not found:
        return Day(report, day) if known[0] else None
    signature = _signature(archive, report, day, found, now, deep=known[1] > 0)
    if signature == known[0]:
        return None
    revisions = [_revision(archive, report, day, number) for number in archive.numbers(report, day)]
    mails = (
        _mails(archive, report, day)
        if any(name.partition("/")[0] == layout.DELIVERIES for name, _ in found)
        else []
    )
    unsettled = sum(mail.standing != "sent" for mail in mails)
    if any(mail.standing == "in_flight" for mail in mails):  # it may be in doubt by then, without a change
        signature = str(now)
    elif bool(unsettled) != (known[1] > 0):  # next time it is looked at as deep as that
        signature = _signature(archive, report, day, found, now, deep=unsettled > 0)
    # An index that is made anew would else hold each day for one that changed just now, and look at all of them for an hour.
    touched = now if known[0] else min(now, max(time for _, time in found))
    return Day(
        report, day, signature, [row for row in revisions if row is not None], mails, unsettled, touched / 1e9
    )


def _signature(
    archive: Archive, report: str, day: date, found: list[tuple[str, int]], now: int, *, deep: bool
) -> str:
    """Return what tells whether a day changed; what can't tell, since it changed just now, is different each time."""
    marks = list(found)
    if deep:  # what becomes of a mail that was begun shows in its own folder
        marks += storage.marks(archive.deliveries(report, day), depth=1)
    newest = max(time for _, time in marks)
    text = json.dumps([marks, now if now - newest < _UNSURE else 0])
    return sha256(text.encode()).hexdigest()[:24]


def _revision(archive: Archive, report: str, day: date, number: int) -> tuple[Any, ...] | None:
    """Return the row of a revision; one with a problem where its manifest can't be read, None where it has none yet."""
    with suppress(RevisionNotFoundError):
        try:
            return _row(archive.revision(report, day, number).manifest)
        except (ManifestUnreadableError, OSError) as error:
            return (number, "", "", "", False, "", 0, "{}", str(error)[:_LONGEST], False)
    return None


def _row(manifest: Manifest) -> tuple[Any, ...]:
    run: dict[str, Any] = {name: value for name, value in manifest.run.items() if isinstance(value, (str, int))}
    if manifest.releases:
        run["releases"] = manifest.releases
    return (
        manifest.revision,
        manifest.title,
        manifest.created,
        manifest.outcome,
        manifest.draft,
        ledger_day(manifest).isoformat(),
        sum(file.bytes for file in manifest.files),
        json.dumps(run),
        "",
        str(run.get("run_id", "")).startswith("scheduled__"),
    )


def _mails(archive: Archive, report: str, day: date) -> list[Mail]:
    return [
        Mail(
            record.key,
            record.report_date,
            revision if isinstance(revision := record.facts.get("revision"), int) else 0,
            record.recipient,
            record.standing,
            str(record.facts.get("reason", ""))[:_LONGEST],
            str(record.facts.get("time", "")),
            record.occasion,
        )
        for record in listed(Ledger(archive.deliveries(report, day)))
    ]
