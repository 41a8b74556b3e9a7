"""What mail tasks wait to be answered, as Airflow's database has it, and the answer, by Airflow's own way to give one."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import QuestionChangedError
from airflow_provider_daybreak.version_compat import answer_question

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from sqlalchemy.orm import Session

_UNFINISHED = ("awaiting_input", "deferred", "running")


@dataclass(frozen=True)
class OpenQuestion:
    """
    What a task waits to be answered.

    :param asked_by: id of the try that asks: another try, which may ask something else, has another.
    :param body: Markdown.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    asked_by: UUID | str
    subject: str
    body: str

    @property
    def mark(self) -> str:
        """What tells it from any other question, and from the same task's after it was cleared: 64 hex digits."""
        return sha256("\0".join((str(self.asked_by), self.subject, self.body)).encode()).hexdigest()


def open_questions(runs: Iterable[Mapping[str, Any]]) -> list[OpenQuestion]:
    """
    Return what tasks wait to be answered.

    :param runs: where they are: ``dag_id``, ``run_id``, ``task_id`` and ``map_index`` of each, as a ledger has them.
    """
    from airflow.utils.session import create_session

    places = {_place_of(run) for run in runs}
    with create_session() as session:
        found = [_open_question(*place, session=session) for place in sorted(places)]
    return [each for each in found if each is not None]


def answer(question: OpenQuestion, option: str, *, user: BaseUser) -> None:
    """
    Answer for a user: the task goes on as if Airflow's own page had been used.

    :param question: as the user saw it.
    :param option: one of those that the task offers.
    :raises QuestionChangedError: the task asks something else by now, or nothing any more.
    :raises HTTPException: Airflow refuses the answer, such as where the task names who may give it.
    """
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        # Held until the answer is there, so that the task can't be cleared, or answered by another, in between.
        session.execute(
            select(TaskInstance.id).where(TaskInstance.id == question.asked_by).with_for_update()
        ).all()
        place = (question.dag_id, question.run_id, question.task_id, question.map_index)
        if _open_question(*place, session=session) != question:
            raise QuestionChangedError(question.task_id, question.run_id)
        answer_question(*place, option, user=user, session=session)


def _place_of(run: Mapping[str, Any]) -> tuple[str, str, str, int]:
    index = run.get("map_index", -1)
    dag_id, run_id, task_id = (str(run.get(name, "")) for name in ("dag_id", "run_id", "task_id"))
    return dag_id, run_id, task_id, index if isinstance(index, int) else -1


def _open_question(
    dag_id: str, run_id: str, task_id: str, map_index: int, *, session: Session
) -> OpenQuestion | None:
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    asked = (
        select(HITLDetail.subject, HITLDetail.body, TaskInstance.id)
        .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
        .where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.run_id == run_id,
            TaskInstance.task_id == task_id,
            TaskInstance.map_index == map_index,
            TaskInstance.state.in_(_UNFINISHED),
            HITLDetail.responded_at.is_(None),
        )
    )
    row = session.execute(asked).first()
    if row is None:
        return None
    return OpenQuestion(dag_id, run_id, task_id, map_index, row.id, str(row.subject or ""), str(row.body or ""))
