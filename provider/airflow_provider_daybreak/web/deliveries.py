"""The mails of all reports that somebody has to see to, and the same as CSV. FastAPI reads the annotations."""

import csv
import io
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated
from urllib.parse import urlencode

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.delivery.audit import Record
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.overview.facts import UNSENT, UnsentMail
from airflow_provider_daybreak.reports.formats.csv import neutral
from airflow_provider_daybreak.web.access import may_change, reader
from airflow_provider_daybreak.web.calendar import User
from airflow_provider_daybreak.web.day import Day, act, chosen_records, read_day, reason_of
from airflow_provider_daybreak.web.guard import Form, sent_form, token_for
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.rendering import HEADERS, page, see

_MOST_SHOWN = 500


@dataclass(frozen=True)
class Asked:
    """What an address asks for; an empty text asks for all."""

    state: str = ""
    q: str = ""

    def address(self, **changes: str) -> str:
        """Return the query of an address with changes."""
        return urlencode({name: value for name, value in {**vars(self), **changes}.items() if value})

    def matching(self, mails: list[UnsentMail]) -> list[UnsentMail]:
        """Return those of the text that is asked for, whatever their state."""
        text = self.q.casefold()
        return [
            one for one in mails if text in f"{one.report} {one.mail.recipient} {one.mail.reason}".casefold()
        ]


def _mails(user: User) -> list[UnsentMail]:
    """Return the mails that were not sent of all reports that the user may read, the newest first."""
    now = datetime.now(timezone.utc)
    hook, readable = KEEPER.hook(now), reader(user)
    reports = hook.readable_reports(now, readable)
    return [
        one for one in hook.index.unsent() if one.report in reports and (not one.dag_id or readable(one.dag_id))
    ]


def _asked(request: Request) -> Asked:
    given = {name: request.query_params.get(name, "").strip()[:200] for name in ("state", "q")}
    return Asked(**given)


Unsent = Annotated[list[UnsentMail], Depends(_mails)]


def show_deliveries(request: Request, mails: Unsent, user: User) -> Response:
    """Show the mails that were not sent, the newest first."""
    asked = _asked(request)
    matching = asked.matching(mails)
    shown = [one for one in matching if asked.state in ("", one.mail.standing)]
    changeable = {one.owner: may_change(user, one.owner) for one in shown[:_MOST_SHOWN]}
    return page(
        request,
        "deliveries",
        asked=asked,
        counts={state: sum(one.mail.standing == state for one in matching) for state in UNSENT},
        matching=len(matching),
        mails=shown[:_MOST_SHOWN],
        changeable=changeable,
        token=token_for(user) if any(changeable.values()) else "",
        hidden=max(0, len(shown) - _MOST_SHOWN),
        freshness=KEEPER.hook(datetime.now(timezone.utc)).index.freshness(),
        done=request.query_params.get("done", "")[:6],
        failed=request.query_params.get("failed", "")[:6],
    )


def tell_deliveries(request: Request, mails: Unsent) -> Response:
    """Hand over the same as CSV, whose cells are no formulas."""
    asked = _asked(request)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("report", "date", "recipient", "standing", "time", "answer", "revision", "occasion"))
    for one in asked.matching(mails):
        if asked.state in ("", one.mail.standing):
            mail = one.mail
            row = (
                one.report,
                mail.report_date,
                mail.recipient,
                mail.standing,
                mail.time,
                mail.reason,
                mail.revision,
                mail.occasion,
            )
            writer.writerow([neutral(str(value)) for value in row])
    headers = {**HEADERS, "Content-Type": "text/csv; charset=utf-8"}
    return Response(
        text.getvalue(), headers={**headers, "Content-Disposition": 'attachment; filename="deliveries.csv"'}
    )


def show_mailing_many(request: Request, user: User) -> Response:
    """Show what mailing again, or counting as sent, would do to the mails that were chosen."""
    return _mailing(request, user, request.query_params.getlist("mail"))


def _mailing(request: Request, user: BaseUser, mails: list[str]) -> Response:
    days = _chosen(mails, user)
    chosen = [(day, record) for day, records in days for record in records]
    allowed = all(may_change(user, day.dag_id) for day, _ in days)
    return page(
        request,
        "mails",
        chosen=chosen,
        doubtful=[record for _, record in chosen if record.standing == "in_doubt"],
        token=token_for(user) if allowed else "",
        dags=sorted({day.dag_id for day, _ in days}),
        id=secrets.token_hex(6),
    )


def mail_many(request: Request, user: User, form: Annotated[Form, Depends(sent_form)]) -> Response:
    """Mail again what was chosen, or count it as sent, each report date for itself, and show what is left; first, show what that would do."""
    if not form.one("do"):  # as on a day's page
        return _mailing(request, user, form.get("mail", []))
    reason, id_ = reason_of(form)
    days = _chosen(form.get("mail", []), user)
    if not all(may_change(user, day.dag_id) for day, _ in days):
        raise HTTPException(404, "Not found")
    done = failed = 0
    errors: list[str] = []
    for day, records in days:
        try:
            done += act(day, records, user, do=form.one("do"), reason=reason, id_=id_)
        except DaybreakError as error:  # noqa: PERF203 - the other days are seen to all the same
            errors.append(str(error))
            failed += len(records)
    KEEPER.look_again()
    if errors and not done:
        raise HTTPException(409, errors[0])
    query = urlencode({"done": done, **({"failed": failed} if failed else {})})
    return see(request, f"deliveries?{query}")


def _chosen(given: list[str], user: User) -> list[tuple[Day, list[Record]]]:
    """
    Return the mails that were chosen, by day.

    :raises HTTPException: 400 where none is, or one is no mail, 404 where one may not be read.
    """
    days: dict[tuple[str, str], list[str]] = {}
    for each in given[:_MOST_SHOWN]:
        report, _, rest = each.partition("/")
        day, _, key = rest.partition("/")
        days.setdefault((report, day), []).append(key)
    if not days:
        raise HTTPException(400, "Choose one mail at least.")
    found = [(read_day(report, day, user), keys) for (report, day), keys in days.items()]
    return [(day, chosen_records(day, keys)) for day, keys in found]
