"""A run of a Dag, as the core packages need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow_provider_daybreak.releases.dag_version import DagVersion
from airflow_provider_daybreak.reports.period import Period, PeriodName, period_of, report_date_of, zone

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    """What a task may know of its run. The context itself stays in this module."""

    ref: RunRef
    report_date: date
    timezone: ZoneInfo

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
    return Run(
        ref=RunRef(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
        ),
        report_date=report_date_of(
            timezone=zone_,
            given=report_date or (context.get("params") or {}).get("report_date"),
            partition_date=_instant(getattr(dag_run, "partition_date", None)),
            data_interval_start=_instant(getattr(dag_run, "data_interval_start", None)),
            data_interval_end=_instant(getattr(dag_run, "data_interval_end", None)),
            logical_date=_instant(getattr(dag_run, "logical_date", None)),
            run_after=_instant(getattr(dag_run, "run_after", None)),
        ),
        timezone=zone_,
    )


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


def _zone_name(dag: Any) -> str:
    """Return the zone that the Dag's schedule is written in: a cron timetable may have one of its own."""
    timetable = getattr(dag, "timetable", None)
    # Airflow has each cron timetable twice: the SDK's says `timezone`, the scheduler's `_timezone`.
    timezone = getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None) or dag.timezone
    return str(getattr(timezone, "name", timezone))


def _instant(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
