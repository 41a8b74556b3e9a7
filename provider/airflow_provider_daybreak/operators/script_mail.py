"""What a task says of the mail that its script sent by itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.script_mail import ScriptMail
from airflow_provider_daybreak.operators.approval import ask
from airflow_provider_daybreak.operators.delivery import DeliveryInfo, info_of

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_daybreak.context.mailing_script import Mailed

log = logging.getLogger(__name__)


class ScriptMailInfo(DeliveryInfo):
    """
    What became of the mail that a script sent by itself: the XCom ``mail`` of its task.

    ``messages`` is how many there are in the revision of that ``manifest``. Addresses have ``(message 2)`` after one
    that got several, and ``refused`` are also those whom the relay refused before the server.
    """

    manifest: str
    messages: int


def kept(mail: str | ScriptMail, context: Context) -> ScriptMail | None:
    """
    Return what becomes of the mail that a script sends by itself, or None where it sends it directly.

    In shadow nothing leaves: what would be sent directly is archived instead.

    :param mail: what the task says of it.
    """
    from airflow_provider_daybreak.context.shadow import why_in_shadow

    options = ScriptMail.of(mail)
    if options is None and (why := why_in_shadow(context)):
        log.info("What the script mails is archived, and not sent: %s", why)
        return ScriptMail(mode="capture")
    return options


def tell(operator: BaseOperator, mailed: Mailed, context: Context, *, then: str) -> Any:
    """
    Push what became of a script's mail, and return the script's output; or ask, and leave the worker.

    :param then: name of the operator's method that gets the answer.
    :raises AirflowSkipException: nobody has got anything, though somebody was to.
    """
    from airflow_provider_daybreak.version_compat import AirflowSkipException

    revision, question = mailed.revision, mailed.question
    if question is not None and revision is not None:
        ask(
            operator,
            context,
            subject=question.subject,
            body=question.body,
            then=then,
            manifest=revision.uri,
            ended=mailed.ended,
            proposal=question.proposal,
        )
    ti, value = context["ti"], mailed.ended["value"]
    if mailed.again:
        for key, pushed in mailed.ended["xcoms"].items():
            ti.xcom_push(key=key, value=pushed)
    ti.xcom_push(key="mail", value=_info(mailed))
    if mailed.nothing and ScriptMail.of(operator.mail) is not None:  # type: ignore[attr-defined]  # each of ours has it
        if value is not None:
            ti.xcom_push(key="return_value", value=value)
        raise AirflowSkipException(f"The script ended well, and nothing was mailed: {mailed.nothing}")
    return value


def _info(mailed: Mailed) -> ScriptMailInfo:
    revision = mailed.revision
    return {
        **info_of(mailed.report, mailed.report_date, revision.number if revision else 0, mailed.summary),
        "manifest": revision.uri if revision else "",
        "messages": revision.manifest.rows["mails"] if revision else 0,
    }
