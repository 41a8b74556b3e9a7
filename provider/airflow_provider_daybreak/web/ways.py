"""How what a row of Reports today tells is mended, for who may."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlencode

from airflow_provider_daybreak.hooks.filling import RUNS_AGAIN, fillable
from airflow_provider_daybreak.web.access import may_answer, may_change, may_run_again

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airflow_provider_daybreak.hooks.row import Row

_MAILED_AGAIN = {"in_doubt": "mail_or_count", "refused": "mail_it_again"}
"""By the standing of mails, what mailing them again is called."""


class Way(NamedTuple):
    """
    A way to mend something.

    :param word: what it is called, as a name of :data:`.words.WORDS`.
    :param path: of the page that it leads to, below ours, or that a form is sent to.
    :param may: says whether a user may go it, by the Dag of the row.
    :param run_id: the run of which a form has what failed done again; nothing where it is a link.
    """

    word: str
    path: str
    may: Callable[[BaseUser, object], bool]
    run_id: str = ""


def way_of(row: Row) -> Way | None:  # noqa: PLR0911 - a table, a line a return
    """Return how to mend what a row tells, or None where there is nothing that a button does."""
    reason, mails = row.standing.reason, row.archived.mails if row.archived else None
    day = f"day/{quote(row.report, safe='')}/{row.report_date}"
    if reason == "waiting":
        return Way("approve_or_reject", f"{day}#question-1", may_answer)
    if reason in _MAILED_AGAIN:
        return _mailing(day, _MAILED_AGAIN[reason], reason)
    if reason == "kept" and mails is not None and mails.count("held"):
        return _mailing(day, "send_anyway", "held")
    if row.standing.state == "failed" and row.run is not None and row.run.state in RUNS_AGAIN:
        word = "retry_mail" if reason == "not_mailed" else "run_again"
        return Way(word, f"{day}/again", may_run_again, row.run.run_id)
    if reason == "not_mailed":
        return _mailing(day, "mail_it_again", "deferred", "new")
    if row.standing.state in ("missing", "late") and fillable(row):
        days = urlencode({"day": row.report_date})
        return Way("fill_it", f"calendar/{quote(row.report, safe='')}/fill?{days}", may_change)
    return None


def _mailing(day: str, word: str, *standings: str) -> Way:
    return Way(word, f"{day}/mail?{urlencode({'standing': standings}, doseq=True)}", may_change)


def ways_for(user: BaseUser) -> Callable[[Row], Way | None]:
    """Return what says how a user may mend what a row tells; each right is asked for once, since rows are hundreds."""
    known: dict[tuple[Callable[[BaseUser, object], bool], str], bool] = {}

    def way(row: Row) -> Way | None:
        found = way_of(row)
        if found is None:
            return None
        right = found.may, row.dag_id
        if right not in known:
            known[right] = found.may(user, row.dag_id)
        return found if known[right] else None

    return way
