"""Which reports Airflow's Dags make, and when each is due: by their timetables, and not by what ran."""

from __future__ import annotations

import logging
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.archive.layout import is_report
from airflow_provider_daybreak.context.run import zone_of
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.overview.standing import Slot
from airflow_provider_daybreak.releases.layout import SLUG
from airflow_provider_daybreak.reports.period import report_date_of
from airflow_provider_daybreak.version_compat import slots_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

_OPERATORS = "airflow_provider_daybreak.operators."
_MAY_MAIL = ("VenvRunOperator", "ScriptDockerOperator", "ScriptPodOperator")
_SCHEME = "daybreak://"
_WINDOWS = (timedelta(days=16), timedelta(days=70), timedelta(days=400))
"""How far back the last time is looked for that something was due: most are daily, some yearly."""
_AHEAD = timedelta(days=400)
_KEPT = 8  # ranges whose answer a schedule remembers: reckoning one takes milliseconds, and a page has hundreds
_MOST = 4000  # slots that are looked at of one Dag, whatever its timetable says


@dataclass(frozen=True)
class Schedule:
    """
    What a Dag makes, and when.

    :param reports: the reports that it names.
    :param makes_others: whether its tasks may make reports that it does not name before they run, such as a script's mail.
    :param releases: names that it deploys under, or runs releases by.
    :param first_seen: when Airflow knew the Dag first.
    :param start: its ``start_date``.
    :param timetable: Airflow's own.
    """

    dag_id: str
    reports: frozenset[str]
    makes_others: bool
    zone: ZoneInfo
    timetable: Any = field(repr=False, compare=False)
    first_seen: datetime | None = None
    start: datetime | None = None
    catchup: bool = False
    paused: bool = False
    owner: str = ""
    tags: tuple[str, ...] = ()
    releases: frozenset[str] = frozenset()
    _asked: dict[tuple[date, date], list[Slot]] = field(default_factory=dict, repr=False, compare=False)

    def slots(self, since: date, until: date) -> list[Slot]:
        """Return when it is due for these report dates, both included: the first time of each date."""
        if (known := self._asked.get((since, until))) is not None:
            return known
        if len(self._asked) >= _KEPT:  # a new day began, or other days are asked for
            self._asked.clear()
        return self._asked.setdefault((since, until), self._slots(since, until))

    def _slots(self, since: date, until: date) -> list[Slot]:
        earliest = datetime.combine(since, time(), self.zone).astimezone(timezone.utc)
        latest = datetime.combine(until, time.max, self.zone).astimezone(timezone.utc)
        found = list(self._first_of_each_date(earliest, latest))
        following = [slot.due for slot in found[1:]]
        return [*map(_followed, found, following), *found[-1:]]

    def _first_of_each_date(self, earliest: datetime, latest: datetime) -> Iterator[Slot]:
        seen = before = None
        looked = 0
        while looked < _MOST:
            for info in slots_of(self.timetable, _instant(earliest), _instant(latest)):
                looked += 1
                day = self._date_of(info)
                if day == before:  # several on a date: on with the next one
                    earliest = datetime.combine(day + timedelta(days=1), time(), self.zone).astimezone(
                        timezone.utc
                    )
                    break
                if seen is None or day > seen:
                    yield Slot(day, datetime.fromtimestamp(info.run_after.timestamp(), timezone.utc))
                    seen = day
                before = day
                if looked >= _MOST:
                    return
            else:
                return
            if earliest > latest:
                return

    def _date_of(self, info: Any) -> date:
        interval = info.data_interval
        return report_date_of(
            timezone=self.zone,
            partition_date=getattr(info, "partition_date", None),
            data_interval_start=interval.start if interval else None,
            data_interval_end=interval.end if interval else None,
            logical_date=info.logical_date,
            run_after=info.run_after,
        )

    def around(self, now: datetime, days: int) -> list[Slot]:
        """
        Return when it was due in the last days, the last time before that where there was none, and the next time.

        :param days: how many days back.
        """
        today = now.astimezone(self.zone).date()
        found: list[Slot] = []
        for window in _WINDOWS:
            found = self.slots(today - max(window, timedelta(days=days)), today + timedelta(days=2))
            if any(slot.due <= now for slot in found):
                break
        if not any(slot.due > now for slot in found):
            later = self.slots(today + timedelta(days=1), today + _AHEAD)[:1]
            found = [
                *(
                    replace(slot, following=later[0].due) if later and slot is found[-1] else slot
                    for slot in found
                ),
                *later,
            ]
        last = bisect_right([slot.due for slot in found], now)
        first = today - timedelta(days=days)
        return [
            slot
            for number, slot in enumerate(found[: last + 1])
            if slot.report_date >= first or number >= last - 1
        ]


def _followed(slot: Slot, following: datetime) -> Slot:
    return replace(slot, following=following)


class Schedules:
    """The schedules of the Dags that make reports; each version of a Dag is read once by a process."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Schedule | None]] = {}
        self._lock = Lock()

    def load(self, session: Session) -> dict[str, Schedule]:
        """
        Return the schedule of each Dag that makes reports, by its id.

        :param session: of Airflow's database.
        """
        from airflow.models.dag import DagModel
        from airflow.models.dag_version import DagVersion
        from airflow.models.serialized_dag import SerializedDagModel
        from sqlalchemy import func, select

        versions = (
            select(
                DagVersion.dag_id,
                func.max(DagVersion.version_number).label("newest"),
                func.min(DagVersion.created_at).label("first_seen"),
            )
            .group_by(DagVersion.dag_id)
            .subquery()
        )
        asked = (
            select(
                SerializedDagModel.dag_id,
                SerializedDagModel.dag_hash,
                versions.c.first_seen,
                DagModel.is_paused,
                DagModel.owners,
            )
            .join(DagVersion, SerializedDagModel.dag_version_id == DagVersion.id)
            .join(
                versions,
                (versions.c.dag_id == DagVersion.dag_id) & (versions.c.newest == DagVersion.version_number),
            )
            .join(DagModel, DagModel.dag_id == SerializedDagModel.dag_id)
            .where(DagModel.is_stale.is_(False))
        )
        rows = session.execute(asked).all()
        with self._lock:
            unknown = [row.dag_id for row in rows if self._known.get(row.dag_id, ("", None))[0] != row.dag_hash]
            for number in range(0, len(unknown), 100):
                some = unknown[number : number + 100]
                for model in SerializedDagModel.get_latest_serialized_dags(dag_ids=some, session=session):
                    self._known[model.dag_id] = (model.dag_hash, _schedule_of(model))
            found = {}
            for row in rows:
                schedule = self._known.get(row.dag_id, ("", None))[1]
                if schedule is not None:
                    found[row.dag_id] = replace(
                        schedule,
                        first_seen=with_zone(row.first_seen),
                        paused=bool(row.is_paused),
                        owner=row.owners or "",
                    )
            return found


def _schedule_of(model: Any) -> Schedule | None:
    """Return what a serialized Dag makes and when, or None where it makes no reports, or its schedule can't be read."""
    tasks = [task.get("__var", task) for task in (model.data or {}).get("dag", {}).get("tasks", ())]
    reports = frozenset(_reports_of(tasks))
    ours = [task for task in tasks if str(task.get("_task_module", "")).startswith(_OPERATORS)]
    others = any(task.get("task_type") in _MAY_MAIL or _is_unnamed(task) for task in ours)
    if not reports and not ours:
        return None
    try:
        dag = model.dag
        return Schedule(
            dag_id=model.dag_id,
            reports=reports,
            makes_others=others,
            zone=zone_of(dag),
            timetable=dag.timetable,
            start=dag.start_date,
            catchup=bool(dag.catchup),
            tags=tuple(sorted(dag.tags or ())),
            releases=frozenset(_releases_of(ours)),
        )
    except Exception:  # a timetable of a plugin that is gone, or anything that a version of Airflow can't read
        log.warning(
            "The schedule of the Dag %s can't be read: its reports are shown as not due",
            model.dag_id,
            exc_info=True,
        )
        return None


def _is_unnamed(task: Mapping[str, Any]) -> bool:
    return task.get("task_type") == "ReportOperator" and not is_report(task.get("report"))


def _reports_of(tasks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for task in tasks:
        if task.get("task_type") == "ReportOperator" and is_report(task.get("report")):
            yield str(task["report"])
        for outlet in task.get("outlets") or ():
            uri = str((outlet.get("__var", outlet) if isinstance(outlet, dict) else {}).get("uri", ""))
            name = uri.rpartition("/")[2]
            if uri.startswith(_SCHEME) and is_report(name):
                yield name


def _releases_of(tasks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for task in tasks:
        name = task.get(
            {"VenvDeployOperator": "name", "VenvRunOperator": "release"}.get(str(task.get("task_type")), "")
        )
        if isinstance(name, str) and SLUG.fullmatch(name):
            yield name


def date_of_run(run: Any, zone: ZoneInfo) -> date | None:
    """
    Return the date on the report of a run that Airflow's database has, or None where it says none that can be read.

    :param run: a row of it.
    :param zone: that of its Dag's schedule.
    """
    conf = run.conf if isinstance(run.conf, dict) else {}
    try:
        return report_date_of(
            timezone=zone,
            given=conf.get("report_date"),
            partition_date=with_zone(getattr(run, "partition_date", None)),
            data_interval_start=with_zone(run.data_interval_start),
            data_interval_end=with_zone(run.data_interval_end),
            logical_date=with_zone(run.logical_date),
            run_after=with_zone(run.run_after),
        )
    except InvalidValueError:
        return None


def with_zone(value: datetime | str | None) -> datetime | None:
    """Return an instant of the database, or of JSON, with its zone: SQLite keeps none for what is reckoned there."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return value.replace(tzinfo=timezone.utc) if value is not None and value.tzinfo is None else value


def _instant(value: datetime) -> Any:
    """Return an instant as Airflow's timetables take it."""
    from pendulum import instance

    return instance(value)
