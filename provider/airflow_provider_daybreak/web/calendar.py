"""A report's page: a calendar of its dates, and how to make up for those that lack one. FastAPI reads the annotations."""

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.archive.layout import is_report
from airflow_provider_daybreak.hooks.filling import Filling, fillable, filling_of
from airflow_provider_daybreak.hooks.overview import OverviewHook
from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.web.access import may_change, reader
from airflow_provider_daybreak.web.guard import Form, log_action, sent_form, token_for
from airflow_provider_daybreak.web.in_use import used_by
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.rendering import page, see

_MONTHS = 3
_MOST_DAYS = 370  # that are filled at once

User = Annotated[BaseUser, Depends(get_user)]


@dataclass(frozen=True)
class Reading:
    """
    What somebody looks at, who may.

    :param rows: how the report stands for each date in the range that is shown.
    """

    report: str
    rows: list[Row]
    hook: OverviewHook
    now: datetime

    @property
    def dag_id(self) -> str:
        """The Dag whose it is, or nothing."""
        return self.rows[-1].dag_id if self.rows else ""


def read_report(report: str, user: BaseUser, since: date, until: date) -> Reading:
    """
    Return how a report stands for each date in a range.

    :raises HTTPException: 404 for one that is absent, or that the user may not read.
    """
    now = datetime.now(timezone.utc)
    hook = KEEPER.hook(now)
    rows = None
    if is_report(report):
        rows = hook.history(report, now, since=since, until=until, readable=reader(user))
    if rows is None:
        raise HTTPException(404, "Not found")
    return Reading(report, rows, hook, now)


def show_calendar(request: Request, report: str, user: User) -> Response:
    """Show how a report stands for each date of some months."""
    today = datetime.now(timezone.utc).date()
    last = _month_of(request.query_params.get("until", ""), today)
    months = [_earlier(last, back) for back in range(_MONTHS - 1, -1, -1)]
    found = read_report(report, user, months[0], _end_of(last))
    rows = {row.report_date: row for row in found.rows}
    past = [row for row in reversed(found.rows) if row.archived or row.run or _was_due(row, found.now)]
    changes = may_change(user, found.dag_id)
    return page(
        request,
        "calendar",
        report=report,
        dag_id=found.dag_id,
        months=months,
        weeks={month: calendar.Calendar().monthdatescalendar(month.year, month.month) for month in months},
        rows=rows,
        past=past,
        open_days=[row.report_date for row in past if fillable(row) and _was_due(row, found.now)]
        if changes
        else [],
        today=today,
        earlier=_earlier(months[0], 1),
        later=_end_of(last) + timedelta(days=1) if last < today.replace(day=1) else None,
        latest=last,
        freshness=found.hook.index.freshness(),
        filled=request.query_params.get("filled", "")[:6],
        schedule=found.hook.schedule_of(report),
        releases=used_by(report, found.hook, found.now, user),
    )


def show_filling(request: Request, report: str, user: User) -> Response:
    """Show what filling the days that were picked would do."""
    days = _days_of(request.query_params.getlist("day"))
    found, filling = _filling(report, user, days)
    changes = may_change(user, found.dag_id)
    return page(
        request,
        "fill",
        report=report,
        filling=filling,
        late=sum(day.mails for day in filling.made if day.too_late),
        days=days,
        token=token_for(user) if changes and filling.made else "",
        may_change=changes,
    )


def fill(request: Request, report: str, user: User, form: Annotated[Form, Depends(sent_form)]) -> Response:
    """Have Airflow make up for the days that were picked, and show the calendar."""
    days = _days_of(form.get("day", []))
    even_if_late = form.one("even_if_late") == "yes"
    found, filling = _filling(report, user, days, even_if_late=even_if_late)
    dag_id = filling.schedule.dag_id
    if not may_change(user, dag_id) or not may_change(user, found.dag_id):
        raise HTTPException(404, "Not found")
    made = [day.row.report_date.isoformat() for day in filling.made]
    if not made:
        raise HTTPException(409, "There is nothing to fill on these days any more.")
    filling.begin(user.get_name())
    log_action(user, "fill", dag_id=dag_id, report=report, days=made, even_if_late=even_if_late)
    KEEPER.look_again()
    return see(request, f"calendar/{quote(report)}?filled={len(made)}")


def _filling(
    report: str, user: BaseUser, days: list[date], *, even_if_late: bool = False
) -> tuple[Reading, Filling]:
    found = read_report(report, user, days[0], days[-1])
    return found, filling_of(
        found.hook,
        report,
        since=days[0],
        until=days[-1],
        now=found.now,
        only=frozenset(days),
        even_if_late=even_if_late,
    )


def _days_of(given: list[str]) -> list[date]:
    """
    Return the days that were picked, in turn.

    :raises HTTPException: 400 where there is none, one is no date, or they are too many.
    """
    try:
        days = sorted({date.fromisoformat(each) for each in given[: 2 * _MOST_DAYS]})
    except ValueError as error:
        raise HTTPException(400, "One of the days is no date.") from error
    if not days:
        raise HTTPException(400, "Pick one day at least.")
    if days[-1] - days[0] > timedelta(days=_MOST_DAYS):
        raise HTTPException(400, f"Pick days within {_MOST_DAYS} days.")
    return days


def _was_due(row: Row, now: datetime) -> bool:
    return row.due is not None and row.due <= now and row.standing.state != "not_due"


def _month_of(said: str, today: date) -> date:
    """Return the first day of the month that an address asks for, of this one where it asks for none that can be shown."""
    try:
        month = date.fromisoformat(f"{said[:7]}-01")
    except ValueError:
        return today.replace(day=1)
    return min(max(month, date(1990, 1, 1)), today.replace(day=1))


def _earlier(month: date, back: int) -> date:
    number = month.year * 12 + month.month - 1 - back
    return date(number // 12, number % 12 + 1, 1)


def _end_of(month: date) -> date:
    return month.replace(day=calendar.monthrange(month.year, month.month)[1])
