"""Wait for a person's answer: Airflow's "required actions"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_daybreak.exceptions import ApprovalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator, Context


@dataclass(frozen=True)
class Answer:
    """What somebody answered."""

    approved: bool
    by: str


def ask(
    operator: BaseOperator, context: Context, *, subject: str, body: str, then: str, **facts: Any
) -> NoReturn:
    """
    Leave the worker until somebody approves or rejects.

    :param subject: headline of the question.
    :param body: Markdown of what there is to decide.
    :param then: name of the operator's method that gets the answer as ``event``.
    :param facts: what that method gets besides, as plain JSON.
    """
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    from airflow_provider_daybreak.delivery.approval import APPROVE, REJECT
    from airflow_provider_daybreak.version_compat import AIRFLOW_V_3_3

    ti_id, options = context["ti"].id, [APPROVE, REJECT]
    upsert_hitl_detail(ti_id=ti_id, options=options, subject=subject, body=body, params={})
    if AIRFLOW_V_3_3:
        from airflow.sdk.exceptions import TaskAwaitingInput

        raise TaskAwaitingInput(method_name=then, kwargs=facts)
    from airflow.providers.standard.triggers.hitl import HITLTrigger

    operator.defer(
        trigger=HITLTrigger(ti_id=ti_id, options=options, params={}, timeout_datetime=None),
        method_name=then,
        kwargs=facts,
    )
    raise AssertionError  # defer raises


def answer_of(event: Mapping[str, Any]) -> Answer:
    """
    Return what the event of an answer says.

    :raises ApprovalError: nobody answered.
    """
    from airflow_provider_daybreak.delivery.approval import APPROVE

    if "error" in event:
        raise ApprovalError(str(event["error"]))
    user = event.get("responded_by_user") or {}
    return Answer(event["chosen_options"] == [APPROVE], str(user.get("name") or "somebody"))
