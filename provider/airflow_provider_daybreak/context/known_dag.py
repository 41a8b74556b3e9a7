"""One Dag as Airflow's database knows it, for commands: its file, its schedule, and whether it is switched on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_daybreak.context.schedules import Schedules
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from airflow_provider_daybreak.context.schedules import Schedule
    from airflow_provider_daybreak.overview.standing import Slot

_OURS = "airflow_provider_daybreak.operators."
_BACK, _AHEAD = timedelta(days=40), timedelta(days=400)


@dataclass(frozen=True)
class KnownDag:
    """
    A Dag.

    :param file: where it stands, on the machine that parsed it.
    :param schedule: when it is due; None where nothing says it.
    :param others: its tasks that are no operators of ours, whose mails nothing here keeps.
    """

    dag_id: str
    file: str
    paused: bool
    schedule: Schedule | None
    others: tuple[str, ...] = ()

    def first_due_after(self, instant: datetime) -> date:
        """Return the first report date whose time comes after an instant; the next day where no schedule says it."""
        if self.schedule is None:
            return instant.date() + timedelta(days=1)
        day = instant.astimezone(self.schedule.zone).date()
        slots = self.schedule.slots(day - _BACK, day + _AHEAD)
        return next((slot.report_date for slot in slots if slot.due > instant), day + timedelta(days=1))

    def due_between(self, first: date, now: datetime) -> list[Slot]:
        """Return when it has been due for a report date and all later ones."""
        if self.schedule is None:
            return []
        today = now.astimezone(self.schedule.zone).date()
        return [slot for slot in self.schedule.slots(first, max(first, today)) if slot.due <= now]


def known_dag(dag_id: str) -> KnownDag:
    """
    Return a Dag.

    :raises InvalidValueError: Airflow knows none of that id.
    """
    from airflow.models.dag import DagModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        model = session.scalar(select(DagModel).where(DagModel.dag_id == dag_id, DagModel.is_stale.is_(False)))
        if model is None:
            expected = (
                "the id of a Dag that Airflow knows: see 'airflow dags list', and whether its file has errors"
            )
            raise InvalidValueError("DAG", dag_id, expected)
        serialized = SerializedDagModel.get(dag_id, session=session)
        tasks = (serialized.data or {}).get("dag", {}).get("tasks", ()) if serialized else ()
        said = [task.get("__var", task) for task in tasks]
        others = tuple(
            str(task.get("task_id")) for task in said if not str(task.get("_task_module", "")).startswith(_OURS)
        )
        schedule = Schedules().load(session).get(dag_id)
        return KnownDag(dag_id, str(model.fileloc or ""), bool(model.is_paused), schedule, others)


def switch(dag_id: str, *, on: bool) -> None:
    """Let a Dag's schedule run, or pause it."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagModel).where(DagModel.dag_id == dag_id).values(is_paused=not on))
