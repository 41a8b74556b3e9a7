"""How each report stands: what its Dag's timetable says was due, beside what runs, archive and ledger say of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.context.report_runs import first_runs, new_revisions, runs_of
from airflow_provider_daybreak.context.schedules import Schedules
from airflow_provider_daybreak.hooks.row import Row, said
from airflow_provider_daybreak.overview.facts import ReleaseInUse
from airflow_provider_daybreak.overview.index import Index, index_path
from airflow_provider_daybreak.overview.refreshing import refresh
from airflow_provider_daybreak.overview.standing import OPEN, STATES, Slot, arrival, grace_of, judge
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.context.schedules import Schedule
    from airflow_provider_daybreak.hooks.filters import Filters
    from airflow_provider_daybreak.overview.facts import Archived, Freshness
    from airflow_provider_daybreak.overview.standing import RunFacts, State

DAYS = 14
"""How many days the overview looks back."""

_LATELY = timedelta(days=60)
_MONTH = timedelta(days=32)
_KEPT = timedelta(seconds=30)
"""How long an answer is given again, where nobody renews it."""
_FORGOTTEN = timedelta(days=90)
"""How long a report is waited for that only its runs name, and that they make no more."""


@dataclass(frozen=True)
class Overview:
    """
    How all reports stand, at an instant.

    :param rows: one for the last time that each was due, and one for each earlier one that somebody has to see to;
        the worst first.
    """

    now: datetime
    rows: Sequence[Row]
    freshness: Freshness

    @property
    def counts(self) -> dict[State, int]:
        """How many rows there are of each state, the worst first."""
        counted = Counter(row.standing.state for row in self.rows)
        return {state: counted[state] for state in STATES}

    @property
    def good_since(self) -> datetime | None:
        """When the last report arrived, where nobody has to see to anything; None otherwise."""
        if any(row.standing.state in OPEN for row in self.rows):
            return None
        return max((row.standing.arrived for row in self.rows if row.standing.arrived), default=None)

    def matching(self, filters: Filters) -> Overview:
        """Return how those reports stand that are asked for, whatever their state: counts and "all good" are theirs alone."""
        return replace(self, rows=filters.matching(self.rows))

    def facts(self, filters: Filters) -> dict[str, Any]:
        """Return what a program is told of those reports that it asks for, as plain JSON."""
        asked = self.matching(filters)
        return {
            "now": said(self.now),
            "as_of": self.freshness.recent or None,
            "problem": self.freshness.problem or None,
            "counts": asked.counts,
            "good_since": said(asked.good_since),
            "reports": [row.facts() for row in filters.shown(asked.rows)],
        }


class OverviewHook:
    """
    Asks the index of the settings' archive, and Airflow's database. For the API server and the command line, not for tasks.

    :param settings: those that say where archive and index are; Airflow's configuration by default.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        settings = settings or Settings.load()
        self.archive: Archive = archive_of(settings)
        self.index = Index(index_path(settings.index, self.archive.uri))
        self._schedules = Schedules()
        self._lock = Lock()
        self._kept: tuple[datetime, _Sources, dict[str, list[Row]]] | None = None

    def refresh(self, now: datetime, *, everything: bool = False, wait: float = 0) -> bool:
        """
        Bring the index up to date, as :func:`overview.refreshing.refresh` does, and by Airflow's events of reports.

        :param wait: seconds to wait for another process that is at it.
        """
        from airflow.utils.session import create_session

        known = self.index.noted("events")
        with create_session() as session:
            last, asked = new_revisions(-1 if known is None else known, session)
        done = refresh(self.archive, self.index, now=now, asked=asked, everything=everything, wait=wait)
        if done and last != known:
            self.index.note(events=last)
        return done

    def today(self, now: datetime, *, readable: Callable[[str], bool] = lambda _: True) -> Overview:
        """
        Return how all reports stand.

        :param now: the present instant, with its zone.
        :param readable: whether whoever asks may read what a Dag made, by its id. A report of which one Dag is not
            readable is left out.
        """
        sources, known = self._known(now)
        rows = [
            row for report, found in known.items() if sources.may_be_read(report, readable) for row in found
        ]
        rows.sort(key=lambda row: (STATES.index(row.standing.state), -_stamp(row), row.report))
        return Overview(now, rows, self.index.freshness())

    def readable_reports(self, now: datetime, readable: Callable[[str], bool]) -> dict[str, str]:
        """
        Return the reports that may be read, each with the Dag whose it is, or nothing.

        :param readable: as of :meth:`today`.
        """
        sources, known = self._known(now)
        return {report: sources.dag_id(report) for report in known if sources.may_be_read(report, readable)}

    def releases_in_use(
        self, now: datetime, readable: Callable[[str], bool], only: str | None = None
    ) -> list[ReleaseInUse]:
        """
        Return which reports are made with which releases, of those that may be read or of one, by report and name.

        :param readable: as of :meth:`today`.
        """
        (sources, known), last, found = self._known(now), self.index.last_runs(), []
        for report in known if only is None else known.keys() & {only}:
            if sources.may_be_read(report, readable):
                day, run = last.get(report, (None, {}))
                schedule, made = sources.schedule(report), run.get("releases") or {}
                for name in sorted({*made, *(schedule.releases if schedule else ())}):
                    when = day if name in made else None
                    found.append(ReleaseInUse(report, sources.dag_id(report), name, made.get(name, ""), when))
        return found

    def renew(self, now: datetime) -> None:
        """Have the next answers be as of an instant; who asks meanwhile gets the former one."""
        self._kept = self._reckoned(now)

    @property
    def answers(self) -> bool:
        """Whether there is an answer that was given before."""
        return self._kept is not None

    def _known(self, now: datetime) -> tuple[_Sources, dict[str, list[Row]]]:
        """Return the rows of each report, for whoever asks within some time."""
        with self._lock:
            if self._kept is None or not timedelta() <= now - self._kept[0] < _KEPT:
                self._kept = self._reckoned(now)
            return self._kept[1:]

    def _reckoned(self, now: datetime) -> tuple[datetime, _Sources, dict[str, list[Row]]]:
        since = now.astimezone(timezone.utc).date() - timedelta(days=DAYS)
        sources = self._with_earlier(self._sources(since, now.date() + timedelta(days=2)), now, since)
        return (
            now,
            sources,
            {report: list(_rows_of(report, sources, now)) for report in sorted(sources.reports)},
        )

    def audit(self, now: datetime, *, since: date, until: date, report: str | None = None) -> list[Row]:
        """
        Return how reports stand for each date in a range that they were due on, or that the archive has.

        :param since: first report date, in the zone of each report's schedule.
        :param until: last report date, included.
        :param report: only that one.
        """
        sources = self._sources(since, until, report)
        rows = []
        for name in sorted(sources.reports):
            due = self._judged(sources, name, now, since, until)
            rows += [row for row in due if report is not None or row.standing.state != "not_due"]
        return rows

    def _judged(self, sources: _Sources, report: str, now: datetime, since: date, until: date) -> list[Row]:
        schedule = sources.schedule(report)
        slots = schedule.slots(since, until + _MONTH) if schedule else []  # by the next time one is missing
        slots = [slot for slot in slots if slot.report_date <= until]
        return [row for row in sources.judged(report, slots, now) if since <= row.report_date <= until]

    def history(
        self, report: str, now: datetime, *, since: date, until: date, readable: Callable[[str], bool]
    ) -> list[Row] | None:
        """
        Return how a report stands for each date in a range, or None where there is none that may be read.

        :param until: last report date, included.
        :param readable: as of :meth:`today`.
        """
        sources = self._sources(since, until, report)
        if report not in sources.reports or not sources.may_be_read(report, readable):
            return None
        return self._judged(sources, report, now, since, until)

    def schedule_of(self, report: str) -> Schedule | None:
        """Return the schedule of the Dag that makes a report, or None where there is none."""
        today = datetime.now(timezone.utc).date()
        return self._sources(today, today, report).schedule(report)

    def readers(self, report: str, now: datetime) -> int:
        """Return how many mails a report was sent as lately, at most."""
        today = now.astimezone(timezone.utc).date()
        days = self.index.archived(since=today - _LATELY, until=today, report=report).get(report, {})
        return max((one.mails.total for one in days.values()), default=0)

    def _with_earlier(self, sources: _Sources, now: datetime, since: date) -> _Sources:
        """Return the sources with what is older, of the reports that are due so seldom that their last time is."""
        from airflow.utils.session import create_session

        archived, runs = dict(sources.archived), dict(sources.runs)
        for report in sources.reports:
            schedule = sources.schedule(report)
            slots = schedule.around(now, DAYS) if schedule else []
            if schedule is None or not slots or slots[0].report_date >= since:
                continue
            first = slots[0].report_date
            archived |= self.index.archived(since=first, until=now.date() + timedelta(days=2), report=report)
            with create_session() as session:
                start = datetime.combine(first, time(), timezone.utc) - timedelta(days=2)
                runs |= runs_of({schedule.dag_id: schedule}, since=start, session=session)
        return replace(sources, archived=archived, runs=runs)

    def _sources(self, since: date, until: date, report: str | None = None) -> _Sources:
        from airflow.utils.session import create_session

        owners = self.index.owners()
        archived = self.index.archived(since=since, until=until, report=report)
        with create_session() as session:
            schedules = self._schedules.load(session)
            if report is not None:  # nobody else's runs are asked for then
                owner = owners.get(report)
                schedules = {
                    name: each for name, each in schedules.items() if name == owner or report in each.reports
                }
            start = datetime.combine(since, time(), timezone.utc) - timedelta(days=2)
            runs = runs_of(schedules, since=start, session=session)
            first = first_runs(schedules, session)
        index = self.index
        last = index.last_dates()
        return _Sources(
            owners, archived, schedules, runs, first, index.first_by_schedule(), last, since, report
        )


@dataclass(frozen=True)
class _Sources:
    """What is known, by report and by Dag."""

    owners: Mapping[str, str]
    archived: Mapping[str, Mapping[date, Archived]]
    schedules: Mapping[str, Schedule]
    runs: Mapping[tuple[str, date], RunFacts]
    first_runs: Mapping[str, datetime]
    first_dates: Mapping[str, date]
    last_dates: Mapping[str, date]
    since: date
    only: str | None = None

    @property
    def reports(self) -> set[str]:
        """All that the archive has, or that a Dag says that it makes."""
        named = {report for schedule in self.schedules.values() for report in schedule.reports}
        found = {*self.owners, *named}
        return found if self.only is None else found & {self.only}

    def schedule(self, report: str) -> Schedule | None:
        """Return the schedule by which a report is due: that of its owner, or of another Dag that says that it makes it."""
        owner = self.schedules.get(self.owners.get(report, ""))
        if owner is not None and (report in owner.reports or self._still_made(report, owner)):
            return owner
        return self._named.get(report)

    def _still_made(self, report: str, owner: Schedule) -> bool:
        """
        Return whether a Dag goes on with a report that it does not name.

        One that names others may have renamed it, so that it has to have made it lately.
        """
        last = self.last_dates.get(report)
        forgiven = timedelta() if owner.reports else _FORGOTTEN
        return owner.makes_others and last is not None and last >= self.since - forgiven

    @cached_property
    def _named(self) -> dict[str, Schedule]:
        """By report, the first Dag that says that it makes it."""
        dags = sorted(self.schedules.values(), key=lambda one: one.dag_id, reverse=True)
        return {report: one for one in dags for report in one.reports}

    def dag_id(self, report: str) -> str:
        """Return the Dag whose a report is, or nothing."""
        schedule = self.schedule(report)
        return schedule.dag_id if schedule else self.owners.get(report, "")

    def may_be_read(self, report: str, readable: Callable[[str], bool]) -> bool:
        """Return whether all is readable that is known of a report."""
        makers = {str(one.run.get("dag_id", "")) for one in self.archived.get(report, {}).values()}
        return all(map(readable, {self.dag_id(report), self.owners.get(report, ""), *makers} - {""} or {""}))

    def judged(self, report: str, slots: Iterable[Slot], now: datetime) -> list[Row]:
        """Return how it stands for each time that it was due, and each other date that the archive has, by date."""
        schedule, archived = self.schedule(report), self.archived.get(report, {})
        dag_id = self.dag_id(report)
        found = {slot.report_date: slot for slot in slots}
        grace = grace_of(
            moment - found[day].due
            for day, one in archived.items()
            if day in found and (moment := arrival(one)) is not None
        )
        others = set(archived) - set(found)
        if schedule is None or not found:
            others |= {day for dag, day in self.runs if dag == dag_id}
        expected = self._expected(report, schedule)
        rows = []
        for day in sorted({*found, *others}):
            one, run = archived.get(day), self.runs.get((dag_id, day))
            slot = found.get(day)
            moment = (arrival(one) if one else None) or (run.start if run else None) or now
            given = replace(slot, expected=expected(slot)) if slot else Slot(day, moment, expected=False)
            rows.append(
                Row(
                    report=report,
                    dag_id=dag_id,
                    report_date=day,
                    due=slot.due.astimezone(schedule.zone) if slot and schedule else None,
                    standing=judge(given, one, run, now=now, grace=grace),
                    archived=one,
                    run=run,
                    owner=schedule.owner if schedule else "",
                    tags=schedule.tags if schedule else (),
                )
            )
        return rows

    def _expected(self, report: str, schedule: Schedule | None) -> Callable[[Slot], bool]:
        """Return what says whether somebody waits for a report at a time that its timetable names."""
        if schedule is None:
            return lambda _: False
        starts = [schedule.first_seen, self.first_runs.get(schedule.dag_id)]
        if (first := self.first_dates.get(report)) is not None:
            starts.append(datetime.combine(first, time(), schedule.zone))
        floor = min((start for start in starts if start is not None), default=None)
        if schedule.start is not None and (schedule.catchup or floor is None or schedule.start > floor):
            floor = schedule.start
        last = None
        if schedule.paused:
            days = [*self.archived.get(report, {}), *(day for dag, day in self.runs if dag == schedule.dag_id)]
            last = max(days, default=date.min)
        return lambda slot: (floor is None or slot.due >= floor) and (last is None or slot.report_date <= last)


def _rows_of(report: str, sources: _Sources, now: datetime) -> Iterator[Row]:
    """Yield how a report stands for the last time that it was due, and for each earlier one that is open."""
    schedule = sources.schedule(report)
    slots = schedule.around(now, DAYS) if schedule else []
    judged = sources.judged(report, slots, now)
    if not judged:
        return
    past = [row for row in judged if row.due is None or row.due <= now]
    ahead = [row for row in judged if row.due is not None and row.due > now]
    current = past[-1] if past else ahead[0]
    today = now.astimezone(schedule.zone if schedule else timezone.utc).date()
    states = {row.report_date: row.standing.state for row in judged}
    days = tuple(
        (day, states.get(day)) for day in (today - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
    )
    next_due = next((row.due for row in ahead if row is not current), None)
    for row in judged:
        if row is current or (row in past and row.standing.state in OPEN):
            yield replace(row, days=days, next_due=next_due)


def _stamp(row: Row) -> float:
    moment = row.due or row.standing.arrived
    return moment.timestamp() if moment else 0.0
