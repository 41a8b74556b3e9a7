"""A run of a Dag, as the core packages need to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.releases.dag_version import DagVersion
from airflow_provider_daybreak.reports.period import (
    Period,
    PeriodName,
    instant_of,
    period_of,
    report_date_of,
    zone,
)
from airflow_provider_daybreak.version_compat import timetable_cron, timetable_zone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from zoneinfo import ZoneInfo


class RunRef(TypedDict):
    """Which try of which task made something."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int


def made_with(ref: RunRef, releases: Mapping[str, str]) -> dict[str, Any]:
    """
    Return which task made something, with the releases that it ran.

    :param releases: ids by name.
    """
    return {**ref, **({"releases": dict(releases)} if releases else {})}


@dataclass(frozen=True)
class Run:
    """
    What a task may know of its run. The context itself stays in this module.

    :param instant: when it is due, on its report date: see :func:`instant_of`.
    :param week_start: the day that weeks begin on, and ``fiscal_year_start`` the month of years: see :func:`period_of`.
    """

    ref: RunRef
    report_date: date
    timezone: ZoneInfo
    instant: datetime
    week_start: str = "monday"
    fiscal_year_start: int = 1

    def period(self, name: str = "day", offset: int = 0) -> Period:
        """
        Return the period of that name that the report date lies in, moved by offset periods.

        :raises InvalidValueError: there is no period of that name.
        """
        return period_of(
            self.report_date,
            timezone=self.timezone,
            period=cast("PeriodName", name),
            offset=offset,
            week_start=self.week_start,
            fiscal_year_start=self.fiscal_year_start,
        )


def run_of(
    context: Mapping[str, Any],
    *,
    report_date: str = "",
    timezone: str | None = None,
    week_start: str = "monday",
    fiscal_year_start: int = 1,
) -> Run:
    """
    Return the run that the context belongs to.

    :param context: the context that Airflow gives to ``execute``.
    :param report_date: ISO date; the run's ``report_date`` param, or else its own dates, when empty.
    :param timezone: key of the IANA database; when None, the zone that the Dag's timetable says, or else the Dag's.
    :param week_start: the day that weeks begin on.
    :param fiscal_year_start: the month, 1 to 12, that years begin with.
    :raises InvalidValueError: the date or the zone can't be understood.
    """
    ti, dag_run = context["ti"], context["dag_run"]
    _refuse_one_day_for_all(dag_run)
    zone_ = zone(timezone) if timezone else zone_of(context["dag"])
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
        week_start=week_start,
        fiscal_year_start=fiscal_year_start,
    )


def _refuse_one_day_for_all(dag_run: Any) -> None:
    """
    Refuse a run whose backfill says one report date for all of its days.

    A run that somebody started, and a backfill only takes in, keeps what it was started with on some versions of Airflow.
    """
    given = (getattr(dag_run, "conf", None) or {}).get("report_date")
    kind = getattr(dag_run, "run_type", None)
    if given and getattr(kind, "value", kind) == "backfill" and not str(dag_run.run_id).startswith("manual__"):
        expected = (
            "none in a backfill, whose runs each have the day that they are for: leave it empty in its form"
        )
        raise InvalidValueError("param report_date", given, expected)


def lateness_of(context: Mapping[str, Any], most: timedelta | None) -> timedelta | None:
    """
    Return how late a run may mail: for ever, which is None, where its param ``mail_even_if_late`` is true.

    :param most: how late it may where it says nothing.
    :raises InvalidValueError: the param is neither true nor false.
    """
    given = (context.get("params") or {}).get("mail_even_if_late")
    if given not in (None, True, False):
        raise InvalidValueError("param mail_even_if_late", given, "true or false")
    return None if given else most


def dag_version_of(context: Mapping[str, Any]) -> DagVersion | None:
    """
    Return the version of its Dag that the run is kept at, or None where its bundle has none: then it runs the newest.

    A run starts soon after it got its version. One that was cleared starts anew, and keeps the version that it had when
    it was due.
    """
    ti, dag_run = context["ti"], context["dag_run"]
    bundle_version = getattr(getattr(ti, "bundle_instance", None), "version", None)
    if not bundle_version:
        return None
    started = None if dag_run.clear_number else dag_run.start_date
    return DagVersion(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        id=str(ti.dag_version_id),
        bundle_version=str(bundle_version),
        since=(started or dag_run.run_after).isoformat(),
    )


def default_zone() -> ZoneInfo:
    """Return the zone of Airflow's ``[core] default_timezone``, which Dags have that say none."""
    from airflow.configuration import conf
    from pendulum import now

    said = conf.get("core", "default_timezone", fallback="utc")
    return zone({"utc": "UTC", "system": now().timezone_name or "UTC"}.get(said.lower(), said))


def zone_of(dag: Any) -> ZoneInfo:
    """
    Return the zone that the Dag's schedule is written in: the one that its timetable says, or else the Dag's own.

    :raises InvalidValueError: it is none of the IANA database.
    """
    said = set(_zones_in(getattr(dag, "timetable", None), set()))
    return zone(said.pop() if len(said) == 1 else _name_of(dag.timezone))


def _zones_in(part: object, seen: set[int]) -> Iterator[str]:
    """
    Yield the zones that a part of a schedule says: its own, or else those of what it holds.

    Timetables hold other timetables, lists of moments, and what maps the partitions of assets.

    :param seen: ids of the parts that were looked into.
    """
    if isinstance(part, datetime):
        if part.tzinfo is not None and _name_of(part.tzinfo) != "UTC":  # which says a moment, but no place
            yield _name_of(part.tzinfo)
    elif isinstance(part, tzinfo):
        yield _name_of(part)
    elif isinstance(part, (Mapping, list, tuple, set, frozenset)):
        for each in part.values() if isinstance(part, Mapping) else part:
            yield from _zones_in(each, seen)
    elif _is_of_a_schedule(part) and id(part) not in seen:
        seen.add(id(part))
        own = timetable_zone(part)
        if own is not None:
            yield _name_of(own)
            return
        for held in _held_by(part):
            yield from _zones_in(held, seen)


def _held_by(part: object) -> Iterator[object]:
    """Yield what the fields of a part of a schedule hold."""
    slots = (name for kind in type(part).__mro__ for name in getattr(kind, "__slots__", ()))
    for name in (*getattr(part, "__dict__", ()), *slots):
        yield getattr(part, name, None)


def _is_of_a_schedule(part: object) -> bool:
    """Return whether this is a timetable, Airflow's or one's own, or a mapper of partitions (Airflow 3.2 and later)."""
    modules = (kind.__module__ for kind in type(part).__mro__)
    return any(
        module.startswith("airflow.") and ("timetable" in module or "partition_mappers" in module)
        for module in modules
    )


def _name_of(timezone: object) -> str:
    return str(getattr(timezone, "name", timezone))


def _time_of_day(dag: Any, day: date, timezone: ZoneInfo) -> time | None:
    """Return the first time of day at which a schedule of cron begins runs, in that zone; None for any other."""
    crons = list(_crons(getattr(dag, "timetable", None), set()))
    if not crons:
        return None
    from croniter import croniter

    times = []
    for cron, own in crons:
        minute, hour = (0 if "*" in values else min(values) for values in croniter.expand(cron)[0][:2])
        times.append(datetime.combine(day, time(hour, minute), zone(own)).astimezone(timezone).time())
    return min(times)


def _crons(part: object, seen: set[int]) -> Iterator[tuple[str, str]]:
    """
    Yield the cron expressions of a part of a schedule, each with the zone that it is meant in.

    :param seen: ids of the parts that were looked into.
    """
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from _crons(each, seen)
    elif _is_of_a_schedule(part) and id(part) not in seen:
        seen.add(id(part))
        if (cron := timetable_cron(part)) is not None:
            yield cron, _name_of(timetable_zone(part))
            return
        for held in _held_by(part):
            yield from _crons(held, seen)


def _instant(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
