"""What the tabs of a Dag, and of a task, show: the report's calendar, and its day. FastAPI reads the annotations."""

from datetime import datetime, timezone
from urllib.parse import quote

from fastapi import Request, Response  # noqa: TID253 - only the API server imports this module
from fastapi.responses import RedirectResponse  # noqa: TID253 - as above
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.web.access import may_read, reader
from airflow_provider_daybreak.web.calendar import User
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.rendering import HEADERS, address_of, page
from airflow_provider_daybreak.web.runs import reports_of


def show_dag(request: Request, dag_id: str, user: User) -> Response:
    """
    Send the browser to the calendar of a Dag's report, or show which it has.

    :raises HTTPException: 404 where the user may not read the Dag, as for one that is not there.
    """
    if not may_read(user, dag_id):
        raise HTTPException(404, "Not found")
    now = datetime.now(timezone.utc)
    known = KEEPER.hook(now).readable_reports(now, reader(user))
    return _one_or_all(
        request, {report: f"calendar/{quote(report)}" for report in known if known[report] == dag_id}
    )


def show_day_of_run(request: Request, dag_id: str, run_id: str, user: User) -> Response:
    """
    Send the browser to the day of the report that a run made, or show which there are.

    :raises HTTPException: 404, as of :func:`show_dag`.
    """
    if not may_read(user, dag_id):
        raise HTTPException(404, "Not found")
    days = {(made.report, made.report_date) for made in reports_of(dag_id, run_id)}
    return _one_or_all(
        request, {f"{report}, {day}": f"day/{quote(report)}/{quote(day)}" for report, day in sorted(days)}
    )


def _one_or_all(request: Request, addresses: dict[str, str]) -> Response:
    """Send the browser to the one address that there is, or show all of them, by what is said of each."""
    if len(addresses) == 1:
        [address] = addresses.values()
        return RedirectResponse(address_of(request, address), headers=dict(HEADERS))
    shown = {text: address_of(request, address) for text, address in addresses.items()}
    return page(request, "tab", addresses=shown)
