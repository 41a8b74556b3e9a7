"""What deploy tasks have made current on which worker, as Airflow's database has their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_TASKS = ("VenvDeployOperator", "VenvRollbackOperator")
_MOST = 5_000  # results that are looked at, the last ones


@dataclass(frozen=True)
class Deployed:
    """
    What was current under a name on a worker, when a task there had deployed it or rolled it back.

    :param release: id of the release, and ``previous`` that of the one before, or nothing.
    :param lock_sha256: digest of its lock.
    :param worker: the host that the task ran on.
    """

    name: str
    release: str
    previous: str
    lock_sha256: str
    worker: str
    at: datetime | None
    dag_id: str
    run_id: str
    task_id: str


def last_deploys(*, since: datetime, readable: Callable[[str], bool]) -> list[Deployed]:
    """
    Return the last deploy under each name on each worker, by name and worker.

    :param since: from when on runs were due.
    :param readable: whether whoever asks may read what a Dag's tasks returned, by its id.
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    one = TaskInstance
    asked = (
        select(XComModel, one.hostname, one.end_date)
        .join(DagRun, (DagRun.dag_id == XComModel.dag_id) & (DagRun.run_id == XComModel.run_id))
        .join(
            one,
            (one.dag_id == XComModel.dag_id)
            & (one.run_id == XComModel.run_id)
            & (one.task_id == XComModel.task_id)
            & (one.map_index == XComModel.map_index),
        )
        .where(XComModel.key == "return_value", DagRun.run_after >= since)
        .where(one.operator.in_(_TASKS), one.state == "success")
        .order_by(one.end_date.desc())
        .limit(_MOST)
    )
    found: dict[tuple[str, str], Deployed] = {}
    with create_session() as session:
        for row, worker, at in session.execute(asked):
            if readable(row.dag_id) and (
                made := _deployed(row, XComModel.deserialize_value(row), worker or "", at)
            ):
                found.setdefault((made.name, made.worker), made)
    return [found[place] for place in sorted(found)]


def _deployed(row: Any, result: Any, worker: str, at: datetime | None) -> Deployed | None:
    """Return what a task's result says, or None where it is none of a deploy."""
    if not isinstance(result, dict) or not {"name", "release"} <= result.keys():
        return None
    name, release, previous, lock = (
        str(result.get(key) or "") for key in ("name", "release", "previous", "lock_sha256")
    )
    return Deployed(name, release, previous, lock, worker, at, row.dag_id, row.run_id, row.task_id)
