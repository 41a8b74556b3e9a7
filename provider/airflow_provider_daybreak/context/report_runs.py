"""The runs of Dags that make reports, by report date, as the overview needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.context.schedules import date_of_run, with_zone
from airflow_provider_daybreak.overview.standing import RunFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from airflow_provider_daybreak.context.schedules import Schedule

_TASKS = {"failed": ("failed",), "running": ("running", "deferred", "up_for_retry", "up_for_reschedule")}
"""By a run's state, those of its tasks that say why."""
_MOST = 20_000  # runs that are looked at, the last ones


def runs_of(
    schedules: Mapping[str, Schedule], *, since: datetime, session: Session
) -> dict[tuple[str, date], RunFacts]:
    """
    Return the last run of each Dag for each report date.

    :param schedules: by Dag.
    :param since: from when on runs were due.
    :param session: of Airflow's database.
    """
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    names = (
        "dag_id",
        "run_id",
        "state",
        "start_date",
        "queued_at",
        "end_date",
        "logical_date",
        "run_after",
        "conf",
    )
    columns = [getattr(DagRun, name) for name in (*names, "data_interval_start", "data_interval_end")]
    columns += [DagRun.partition_date] if hasattr(DagRun, "partition_date") else []
    asked = (
        select(*columns)
        .where(DagRun.dag_id.in_(list(schedules)), DagRun.run_after >= since)
        .order_by(DagRun.run_after.desc(), DagRun.id.desc())
        .limit(_MOST)
    )
    found: dict[tuple[str, date], Any] = {}
    for row in session.execute(asked):
        day = date_of_run(row, schedules[row.dag_id].zone)
        if day is not None:
            found.setdefault((row.dag_id, day), row)
    tasks = _tasks_of([row for row in found.values() if str(row.state) in _TASKS], session)
    return {
        place: RunFacts(
            run_id=row.run_id,
            state=str(row.state),
            start=with_zone(row.start_date or row.queued_at),
            end=with_zone(row.end_date),
            task=tasks.get((row.dag_id, row.run_id), ""),
        )
        for place, row in found.items()
    }


def _tasks_of(runs: Collection[Any], session: Session) -> dict[tuple[str, str], str]:
    """Return the task of each run that failed first, or that is at work."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    states = {(row.dag_id, row.run_id): _TASKS[str(row.state)] for row in runs}
    if not states:
        return {}
    asked = (
        select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state)
        .where(
            TaskInstance.dag_id.in_({dag_id for dag_id, _ in states}),
            TaskInstance.run_id.in_({run_id for _, run_id in states}),
            TaskInstance.state.in_({state for each in _TASKS.values() for state in each}),
        )
        .order_by(TaskInstance.end_date.desc())
    )
    return {
        (row.dag_id, row.run_id): row.task_id
        for row in session.execute(asked)
        if str(row.state) in states.get((row.dag_id, row.run_id), ())
    }


def first_runs(dag_ids: Collection[str], session: Session) -> dict[str, datetime]:
    """Return when the first run was due that each Dag's schedule started, as far as Airflow's database goes back."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import func, select

    asked = (
        select(DagRun.dag_id, func.min(DagRun.run_after))
        .where(DagRun.dag_id.in_(list(dag_ids)), DagRun.run_type == "scheduled")
        .group_by(DagRun.dag_id)
    )
    return {
        dag_id: moment for dag_id, first in session.execute(asked) if (moment := with_zone(first)) is not None
    }


def new_revisions(after: int, session: Session) -> tuple[int, set[tuple[str, str]]]:
    """
    Return which reports and ISO dates Airflow had events of since, and the number of the last event.

    :param after: number of the last event that is known; none is asked for where it is negative.
    """
    from airflow.models.asset import AssetEvent
    from sqlalchemy import func, select

    if after < 0:
        return session.scalar(select(func.max(AssetEvent.id))) or 0, set()
    asked = (
        select(AssetEvent.id, AssetEvent.extra).where(AssetEvent.id > after).order_by(AssetEvent.id).limit(5000)
    )
    rows = session.execute(asked).all()
    named = {
        (str(extra["report"]), str(extra["report_date"]))
        for _, extra in rows
        if isinstance(extra, dict) and {"report", "report_date", "manifest"} <= extra.keys()
    }
    return (rows[-1][0] if rows else after), named
