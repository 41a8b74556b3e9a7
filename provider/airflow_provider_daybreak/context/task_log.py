"""What scripts printed in runs of a Dag, as Airflow's logs have it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.context.schedules import date_of_run

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

_SCRIPTS = (
    "airflow_provider_daybreak.hooks.releases.stdout",
    "airflow_provider_daybreak.hooks.releases.stderr",
)
_OPERATOR = "VenvRunOperator"
_OURS = "airflow_provider_daybreak."
_MOST = 400  # runs that are looked at, the last ones


def printed(dag_id: str, zone: Any) -> dict[date, list[str] | None]:
    """
    Return the lines that the scripts of each report date's last run printed; None where nothing of its log is found here.

    :param zone: of the Dag's schedule.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    found: dict[date, list[str] | None] = {}
    with create_session() as session:
        asked = (
            select(DagRun)
            .where(DagRun.dag_id == dag_id)
            .order_by(DagRun.run_after.desc(), DagRun.id.desc())
            .limit(_MOST)
        )
        for run in session.scalars(asked):
            day = date_of_run(run, zone)
            if day is not None and day not in found and str(run.state) == "success":
                found[day] = _lines_of(run, session)
    return found


def _lines_of(run: Any, session: Session) -> list[str] | None:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.log.log_reader import TaskLogReader
    from sqlalchemy import select
    from sqlalchemy.orm import selectinload

    asked = (
        select(TaskInstance)
        .where(
            TaskInstance.dag_id == run.dag_id,
            TaskInstance.run_id == run.run_id,
            TaskInstance.operator == _OPERATOR,
            TaskInstance.start_date.is_not(None),
        )
        .order_by(TaskInstance.start_date)
        .options(selectinload(TaskInstance.trigger))  # which the reader asks for once the session is gone
    )
    logging.getLogger("airflow.utils.log.file_task_handler").setLevel(
        logging.CRITICAL
    )  # it is told what is not found
    events = [
        event
        for task in session.scalars(asked).all()
        for text in TaskLogReader().read_log_stream(task, task.try_number, {"end_of_log": False})
        for line in str(text).splitlines()
        if (event := _event(line))
    ]
    if not any(str(event.get("logger", "")).startswith(_OURS) for event in events):
        return None  # a worker's disk that is gone, or a store that is away: of ours each task says something
    return [str(event.get("event", "")) for event in events if event.get("logger") in _SCRIPTS]


def _event(line: str) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:  # what a task's own libraries wrote
        return {}
    return said if isinstance(said, dict) else {}
