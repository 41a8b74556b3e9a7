"""When a Dag runs by Airflow's own timetable, beside when its job ran: the next times, and the days on which clocks are changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_daybreak.jobs.cron import between, instants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.jobs.job import When

_NEXT = 5
_MOST_A_DAY = 50


@dataclass(frozen=True)
class Difference:
    """
    A day on which the two differ.

    :param before: times of the day under the old scheduler, as its clock on the wall shows them.
    :param after: those of the Dag.
    """

    day: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True)
class Times:
    """
    When a job runs.

    :param before: the next instants under the old scheduler, aware, in its zone.
    :param after: those of the Dag.
    :param changes: the two days of the next year on which the clocks are changed, whether or not they differ.
    """

    before: tuple[datetime, ...]
    after: tuple[datetime, ...]
    changes: tuple[Difference, ...]

    @property
    def differences(self) -> list[Difference]:
        """The days on which the two differ."""
        return [each for each in self.changes if each.before != each.after]


@lru_cache(maxsize=1024)
def times_of(when: When, start: datetime) -> Times:
    """
    Return when a job runs from an instant on.

    :param when: with a zone.
    """
    zone = ZoneInfo(when.zone or "UTC")
    changes: list[Difference] = []
    for day in changed_days(zone, start):
        end = day + timedelta(days=1)
        first, last = (each.astimezone(timezone.utc) - timedelta(seconds=1) for each in (day, end))
        old = between(when, zone, first, last)
        new = after(when, first, _MOST_A_DAY, until=last)
        changes.append(
            Difference(str(day.date()), *(tuple(_shown(each, zone) for each in times) for times in (old, new)))
        )
    before = instants(when, zone, start, _NEXT)
    return Times(
        tuple(each.astimezone(zone) for each in before),
        tuple(each.astimezone(zone) for each in after(when, start, _NEXT)),
        tuple(changes),
    )


def _shown(instant: datetime, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).strftime("%H:%M%z")


def after(when: When, start: datetime, count: int, *, until: datetime | None = None) -> list[datetime]:
    """
    Return the next instants of a Dag, by Airflow's own timetable, which takes a millisecond for each.

    :param until: the instant that all of them are before.
    """
    found: set[datetime] = set()
    for expression in when.expressions:
        for instant in islice(_of_timetable(expression, when.zone or "UTC", start), count):
            if until is not None and instant >= until:
                break
            found.add(instant)
    return sorted(found)[:count]


def _of_timetable(expression: str, zone: str, start: datetime) -> Iterator[datetime]:
    import pendulum
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    timetable = CronTriggerTimetable(expression, timezone=zone)
    restriction = TimeRestriction(pendulum.instance(start + timedelta(seconds=1)), None, catchup=True)
    last = None
    while True:
        info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
        if info is None:
            return
        yield info.run_after.astimezone(timezone.utc)
        last = info.data_interval


@lru_cache(maxsize=64)
def changed_days(zone: ZoneInfo, start: datetime) -> tuple[datetime, ...]:
    """Return the midnights of the days in the next year on which a zone's clocks are changed."""
    midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight + timedelta(days=number) for number in range(1, 366)]
    return tuple(day for day in days if day.utcoffset() != (day + timedelta(days=1)).utcoffset())
