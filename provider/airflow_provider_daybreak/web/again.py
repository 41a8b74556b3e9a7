"""What failed of a run is done again, where a row or a day's page is asked to. FastAPI reads the annotations."""

from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.exceptions import RunChangedError
from airflow_provider_daybreak.hooks.filters import Filters
from airflow_provider_daybreak.version_compat import clear_failed
from airflow_provider_daybreak.web.access import may_run_again
from airflow_provider_daybreak.web.calendar import User
from airflow_provider_daybreak.web.day import Shown
from airflow_provider_daybreak.web.guard import Form, log_action, sent_form
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.rendering import see
from airflow_provider_daybreak.web.ways import way_of


def run_again(
    request: Request, shown: Shown, user: User, form: Annotated[Form, Depends(sent_form)]
) -> Response:
    """
    Have Airflow do again what failed of the run that was shown, and lead back to Reports today, as it was asked for.

    :raises HTTPException: 404 where the user may not.
    :raises RunChangedError: nothing of it has failed any more, or another run came after it. Nothing was done.
    """
    row, run_id = shown.row, form.one("run_id")
    if row is None or not may_run_again(user, row.dag_id):
        raise HTTPException(404, "Not found")
    way = way_of(row)
    if way is None or not run_id or way.run_id != run_id or not clear_failed(row.dag_id, run_id):
        raise RunChangedError(row.dag_id, run_id)
    log_action(
        user,
        "run_again",
        dag_id=row.dag_id,
        task={"run_id": run_id},
        report=row.report,
        report_date=row.report_date.isoformat(),
    )
    KEEPER.look_again()
    asked = Filters.of(dict(parse_qsl(form.one("back")))).address(state="")  # the row has another state now
    return see(request, f"today?{asked}&{urlencode({'again': row.report})}")
