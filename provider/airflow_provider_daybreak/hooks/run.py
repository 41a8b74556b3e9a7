"""A run of a Dag, as the core packages need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow_provider_daybreak.reports.period import (
    Period,
    PeriodName,
    instant_of,
    period_of,
    report_date_of,
    zone,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from zoneinfo import ZoneInfo


class RunRef(TypedDict):
    """Which try of which task made something."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


@dataclass(frozen=True)
class Run:
    """
    What a task may know of its run. The context itself stays in this module.

    :param instant: when it is due, on its report date: see :func:`instant_of`.
    """

    ref: RunRef
    report_date: date
    timezone: ZoneInfo
    instant: datetime

    def period(self, name: str = "day", offset: int = 0) -> Period:
        """
        Return the period of that name that the report date lies in, moved by offset periods.

        :raises InvalidValueError: there is no period of that name.
        """
        return period_of(
            self.report_date, timezone=self.timezone, period=cast("PeriodName", name), offset=offset
        )


def run_of(context: Mapping[str, Any], *, report_date: str = "", timezone: str | None = None) -> Run:
    """
    Return the run that the context belongs to.

    :param context: the context that Airflow gives to ``execute``.
    :param report_date: ISO date; the run's ``report_date`` param, or else its own dates, when empty.
    :param timezone: key of the IANA database; when None, the zone of the Dag's timetable, or else the Dag's.
    :raises InvalidValueError: the date or the zone can't be understood.
    """
    ti, dag_run = context["ti"], context["dag_run"]
    zone_ = zone(timezone or _zone_name(context["dag"]))
    own: dict[str, datetime | None] = {
        name: _instant(getattr(dag_run, name, None))
        for name in ("data_interval_start", "data_interval_end", "logical_date", "run_after")
    }
    day = report_date_of(
        timezone=zone_,
        given=report_date or (context.get("params") or {}).get("report_date"),
        partition_date=_instant(getattr(dag_run, "partition_date", None)),
        **own,
    )
    return Run(
        ref=RunRef(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
        ),
        report_date=day,
        timezone=zone_,
        instant=instant_of(day, timezone=zone_, time_of_day=_time_of_day(context["dag"], day, zone_), **own),
    )


def _zone_name(dag: Any) -> str:
    """Return the zone that the Dag's schedule is written in: a cron timetable may have one of its own."""
    timetable = getattr(dag, "timetable", None)
    # Airflow has each cron timetable twice: the SDK's says `timezone`, the scheduler's `_timezone`.
    timezone = getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None) or dag.timezone
    return str(getattr(timezone, "name", timezone))


def _time_of_day(dag: Any, day: date, timezone: ZoneInfo) -> time | None:
    """Return the first time of day at which a schedule of cron begins runs, in that zone; None for any other."""
    crons = list(_crons(getattr(dag, "timetable", None)))
    if not crons:
        return None
    from croniter import croniter

    times = []
    for cron, own in crons:
        minute, hour = (0 if "*" in values else min(values) for values in croniter.expand(cron)[0][:2])
        times.append(datetime.combine(day, time(hour, minute), zone(own)).astimezone(timezone).time())
    return min(times)


def _crons(timetable: Any) -> Iterator[tuple[str, str]]:
    """Yield the expressions of a timetable, and of those that it holds, each with the zone that it is meant in."""
    # Airflow has each timetable twice: where the SDK's says `name`, the scheduler's says `_name`.
    expression, timezone, held = (
        getattr(timetable, name, None) or getattr(timetable, f"_{name}", None)
        for name in ("expression", "timezone", "timetables")
    )
    if isinstance(expression, str):
        yield expression, str(getattr(timezone, "name", timezone))
    for one in (*(held or ()), getattr(timetable, "timetable", None)):
        if one is not None:
            yield from _crons(one)


def _instant(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
