"""
How the index is brought up to date with the archive: by what is new often, by all there is now and then.

What is new is looked for in the days around today, in those that changed lately or hold mails that are not settled,
and in those that somebody names. What changed elsewhere shows when everything is looked at. Nothing is read of a
day that looks as it did.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import (
    ArchiveAwayError,
    ManifestUnreadableError,
    StorageUnsupportedError,
)
from airflow_provider_daybreak.overview.reading import read_day

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.overview.index import Index
    from airflow_provider_daybreak.overview.reading import Day

log = logging.getLogger(__name__)

AROUND = (-2, -1, 0, 1)
"""Days from today, by UTC, that reports are expected for: elsewhere it may be yesterday or tomorrow."""

_RESTLESS = timedelta(days=35)
_LATELY = timedelta(hours=1)
_BATCH = 200  # days that are taken over at once

Place = tuple[str, str]
"""A report and an ISO day."""


def refresh(
    archive: Archive,
    index: Index,
    *,
    now: datetime,
    asked: Collection[Place] = (),
    everything: bool = False,
    wait: float = 0,
) -> bool:
    """
    Bring the index up to date; one process at a time does.

    :param now: the present instant, with its zone.
    :param asked: reports with ISO days to look at too.
    :param everything: whether to look at every day there is, the newest first, and not at what is new alone.
    :param wait: seconds to wait for another process that is at it.
    :return: whether it was done, here.
    :raises ArchiveAwayError: the archive can't be read. What the index knows of it stays.
    :raises IndexUnwritableError: the index can't be written.
    """
    with index.alone(wait=wait) as ours:
        if not ours:
            return False
        index.note(began=datetime.now(timezone.utc).isoformat(timespec="seconds"))
        try:
            known = index.owners()
            owners = _owners(archive, {} if everything else known, known)
            if owners != known:
                index.put_owners(owners)
            places = list(_all(archive, owners)) if everything else list(_new(index, owners, now, asked))
            _look(archive, index, places, now, counted=everything)
        except OSError as error:
            _note_away(index, str(error), now)
            raise ArchiveAwayError(archive.uri, str(error)) from error
        except (ArchiveAwayError, StorageUnsupportedError) as error:
            _note_away(index, str(error), now)
            raise
        stamp = now.isoformat(timespec="seconds")
        index.note(recent=stamp, problem="", since="", began="", **({"complete": stamp} if everything else {}))
        return True


def _note_away(index: Index, problem: str, now: datetime) -> None:
    since = index.freshness().since or now.isoformat(timespec="seconds")
    index.note(problem=problem, since=since, done=0, total=0, began="")


def _owners(archive: Archive, sure: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """
    Return the owner of each report.

    :param sure: those that are not asked for again: an owner changes seldom, by ``take_over``.
    :param known: the reports that there were.
    :raises ArchiveAwayError: there is none, and there were some: a mount that is away looks empty.
    """
    reports = archive.reports()
    if known and not reports:
        raise ArchiveAwayError(archive.uri, "it has no reports any more, as a folder whose disk is not mounted")
    new = [report for report in reports if not sure.get(report)]
    found = dict(zip(new, storage.each(archive.root, lambda report: _owner(archive, report), new), strict=True))
    return {report: found.get(report) or sure.get(report, "") for report in reports}


def _owner(archive: Archive, report: str) -> str:
    try:
        return archive.owner(report) or ""
    except ManifestUnreadableError as error:
        log.warning("%s", error)
        return ""


def _all(archive: Archive, reports: Iterable[str]) -> Iterator[Place]:
    """Yield every day of every report, the newest first."""
    names = list(reports)
    days = storage.each(archive.root, lambda report: [each.isoformat() for each in archive.days(report)], names)
    found = [(day, report) for report, of_report in zip(names, days, strict=True) for day in of_report]
    yield from ((report, day) for day, report in sorted(found, reverse=True))


def _new(index: Index, reports: Collection[str], now: datetime, asked: Collection[Place]) -> Iterator[Place]:
    today = now.astimezone(timezone.utc).date()
    around = {(report, (today + timedelta(days=each)).isoformat()) for report in reports for each in AROUND}
    restless = index.restless(since=today - _RESTLESS, touched=(now - _LATELY).timestamp())
    named = {(report, day) for report, day in asked if report in reports}
    yield from around | set(restless) | named


def _look(archive: Archive, index: Index, places: list[Place], now: datetime, *, counted: bool) -> None:
    """Take over what changed of these days, and of those that their mails lie with."""
    known = index.signatures(None if counted else places)
    looked = set(places)
    gone = [place for place in known if place not in looked]
    stamp = int(now.timestamp() * 1e9)
    read = storage.each(
        archive.root,
        lambda place: read_day(
            archive, place[0], date.fromisoformat(place[1]), known=known.get(place, ("", 0)), now=stamp
        ),
        [*places, *gone],
    )
    further, done = set[Place](), 0
    if counted:
        index.note(done=0, total=len(places))
    while batch := list(islice(read, _BATCH)):
        changed: list[Day] = [day for day in batch if day is not None]
        if changed:
            index.put(changed)
        done += len(batch)
        if counted:
            index.note(done=done, total=len(places))
        further |= {(day.report, ledger) for day in changed for ledger in day.ledgers}
    if counted:
        index.note(done=0, total=0)
    elif further - looked:
        _look(archive, index, sorted(further - looked), now, counted=False)
