"""Which days of a report are made up for, and what that sends: asked by the command line and the pages alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.exceptions import BackfillFailedError, ReportNotScheduledError
from airflow_provider_daybreak.version_compat import create_backfill

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow_provider_daybreak.context.schedules import Schedule
    from airflow_provider_daybreak.hooks.overview import OverviewHook
    from airflow_provider_daybreak.hooks.row import Row

RUNS_AGAIN = ("failed", "upstream_failed")
"""States of a run that is made again."""


@dataclass(frozen=True)
class FilledDay:
    """
    What filling does for a report date.

    :param runs: whether a run is to be made; ``later`` whether by another backfill, once the first has ended.
    :param mails: how many mails that will send, as far as earlier ones tell.
    :param wanted: whether the day is one of those that are to be filled.
    """

    row: Row
    runs: bool
    mails: int
    too_late: bool
    later: bool = False
    wanted: bool = True

    def line(self) -> dict[str, Any]:
        """Return what a table shows of it."""
        what = ("later" if self.later else "runs") if self.runs else "stays"
        mails = (
            "too late, archived only" if self.runs and self.too_late else str(self.mails if self.runs else 0)
        )
        return {
            "report": self.row.report,
            "date": self.row.report_date.isoformat(),
            "state": self.row.standing.state,
            "fill": what,
            "mails": mails,
        }


@dataclass(frozen=True)
class Filling:
    """
    What filling does.

    :param days: those of the range that were due, in turn.
    :param even_if_late: whether its runs mail what is too late to be mailed, too.
    """

    schedule: Schedule
    days: list[FilledDay]
    even_if_late: bool = False

    @property
    def made(self) -> list[FilledDay]:
        """The days that get a run now."""
        return [day for day in self.days if day.runs and not day.later]

    @property
    def later(self) -> int:
        """How many days take another backfill, once this one has ended."""
        return sum(day.later for day in self.days)

    @property
    def mails(self) -> int:
        """How many mails it sends, as far as earlier ones tell."""
        return sum(day.mails for day in self.made if not day.too_late)

    def begin(self, by: str) -> None:
        """
        Have Airflow make up for the days: its own backfill, from the first to the last.

        :param by: who wants it.
        :raises BackfillFailedError: Airflow would not, such as where the Dag has another one.
        """
        days = [day.row.report_date for day in self.made]
        first = datetime.combine(min(days), time(), self.schedule.zone)
        last = datetime.combine(max(days), time(23, 59, 59), self.schedule.zone)
        try:
            conf = {"mail_even_if_late": True} if self.even_if_late else {}
            create_backfill(self.schedule.dag_id, first, last, by=by, conf=conf)
        except Exception as error:  # Airflow has an exception for each thing that it minds
            said = str(getattr(error, "orig", error))  # of a database's error without the statement
            raise BackfillFailedError(self.schedule.dag_id, said.strip().rstrip(".")) from error


def fillable(row: Row) -> bool:
    """Return whether a run is made for a date: there is no report and no run, or the run failed."""
    again = row.run is not None and row.run.state in RUNS_AGAIN
    return (row.run is None and row.archived is None) or again


def filling_of(
    hook: OverviewHook,
    report: str,
    *,
    since: date,
    until: date,
    now: datetime,
    only: Collection[date] | None = None,
    even_if_late: bool = False,
) -> Filling:
    """
    Return what filling a range of days does.

    :param until: last report date, included.
    :param only: those of its days that are wanted; all when None.
    :param even_if_late: whether what is too late to be mailed is mailed, too.
    :raises ReportNotScheduledError: no schedule says which days there are, or none of them is past.
    """
    schedule = hook.schedule_of(report)
    if schedule is None:
        raise ReportNotScheduledError(report, "no Dag that Airflow knows makes it")
    slots = [slot for slot in schedule.slots(since, until) if slot.due <= now]
    if not slots:
        problem = f"the schedule of {schedule.dag_id!r} has no time from {since} to {until} that is past"
        raise ReportNotScheduledError(report, problem)
    rows = {row.report_date: row for row in hook.audit(now, since=since, until=until, report=report)}
    readers = max((row.archived.mails.total for row in rows.values() if row.archived), default=0)
    readers = readers or hook.readers(report, now)
    days = (
        filled(
            rows[slot.report_date],
            slot.due,
            now,
            readers,
            wanted=only is None or slot.report_date in only,
            even_if_late=even_if_late,
        )
        for slot in slots
        if slot.report_date in rows
    )
    return Filling(schedule, in_turn(days), even_if_late)


def filled(
    row: Row, due: datetime, now: datetime, readers: int, *, wanted: bool = True, even_if_late: bool = False
) -> FilledDay:
    """Return what filling does for a day, were it alone."""
    latest = Rules().max_lateness
    too_late = not even_if_late and latest is not None and now - due > latest
    return FilledDay(row, wanted and fillable(row), readers, too_late, wanted=wanted)


def in_turn(days: Iterable[FilledDay]) -> list[FilledDay]:
    """
    Return the days with those marked that take another backfill.

    Airflow makes a run for each day of a range that has none, or whose run failed: one that is to stay all the same ends
    the range, such as one that has its report in a database that was cleaned.
    """
    found, begun, ended = [], False, False
    for day in days:
        ended = ended or (begun and not day.runs and (day.row.run is None or fillable(day.row)))
        begun = begun or day.runs
        found.append(replace(day, later=day.runs and ended))
    return found
