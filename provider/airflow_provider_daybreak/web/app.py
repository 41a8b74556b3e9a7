"""
The plugin's pages: archived reports, each for those who may read its Dag.

Only the API server imports this module, so what costs a task seconds may stand at its top. FastAPI reads the
annotations, which are therefore no strings here.
"""

import logging
import re
from datetime import date
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from fastapi import Depends, FastAPI, Request, Response  # noqa: TID253 - see above
from fastapi.responses import JSONResponse, RedirectResponse  # noqa: TID253 - see above
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.archive import Revision
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.exceptions import (
    ArchivedFileChangedError,
    ArchivedFileNotFoundError,
    ArchiveError,
    InvalidValueError,
)
from airflow_provider_daybreak.web.content import (
    HEADERS,
    Content,
    content_of,
    list_page,
    page_of,
    problem_page,
    with_way_back,
)
from airflow_provider_daybreak.web.runs import reports_of

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_FRAMED = "framed"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def make_app() -> FastAPI:
    """Return the application that Airflow mounts. Nothing in it is anonymous, nor its own description."""
    app = FastAPI(
        title="Daybreak",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(get_user)],
    )
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ArchivedFileNotFoundError, _absent)
    app.add_exception_handler(ArchivedFileChangedError, _changed)
    app.get("/runs/{dag_id}/{run_id:path}")(show_run)
    app.get("/reports/{report}/{report_date}/{number}")(show_in_folder)
    app.get("/reports/{report}/{report_date}/{number}/")(show_report)
    app.get("/reports/{report}/{report_date}/{number}/{name:path}")(show_file)
    return app


def readable(
    report: str, report_date: str, number: str, user: Annotated[BaseUser, Depends(get_user)]
) -> Revision:
    """
    Return the revision, for a user who may read the Dag that made it.

    :raises HTTPException: 404 for all that is absent, forbidden or no address at all: who may not read a
        report is not told whether there is one.
    """
    absent = HTTPException(404, "Not found")
    if not _NUMBER.fullmatch(number) or not _DATE.fullmatch(report_date):
        raise absent
    try:
        revision = archive_of().revision(report, date.fromisoformat(report_date), int(number))
    except (ArchiveError, InvalidValueError, ValueError) as error:
        log.info("No report to show: %s", error)
        raise absent from error
    dag_id = revision.manifest.run.get("dag_id")
    if not _may_read(user, dag_id):
        raise absent
    return revision


def _may_read(user: BaseUser, dag_id: object) -> bool:
    """Return whether a user may read what the Dag's tasks returned."""
    # Auth managers take "~", and no id, for any Dag.
    if not isinstance(dag_id, str) or dag_id in ("", "~"):
        return False
    return get_auth_manager().is_authorized_dag(
        method="GET",
        access_entity=DagAccessEntity.XCOM,  # as any other result of a task
        details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
        user=user,
    )


def show_run(
    request: Request, dag_id: str, run_id: str, user: Annotated[BaseUser, Depends(get_user)]
) -> Response:
    """
    Send the browser to the report of a run, or show which there are, in a tab of the run's page.

    :raises HTTPException: 404 where the user may not read the Dag, as for one that is not there.
    """
    if not _may_read(user, dag_id):
        raise HTTPException(404, "Not found")
    prefix = f"{request.base_url.path}daybreak/reports"
    addresses = {
        f"{one.report}, {one.report_date}, revision {one.revision}": (
            f"{prefix}/{quote(one.report)}/{quote(one.report_date)}/{one.revision}/?{_FRAMED}"
        )
        for one in reports_of(dag_id, run_id)
    }
    if len(addresses) == 1:
        [address] = addresses.values()
        return RedirectResponse(address, headers=dict(HEADERS))
    return Response(list_page(addresses), headers={**HEADERS, "Content-Type": "text/html; charset=utf-8"})


def show_in_folder(number: str) -> Response:
    """Send the browser to the report as a folder, since its links to its files are relative to one."""
    return RedirectResponse(f"{quote(number)}/", headers=dict(HEADERS))


def show_report(request: Request, revision: Annotated[Revision, Depends(readable)]) -> Response:
    """Show the report itself, with a way back to the run that made it, unless it is shown in the run's own page."""
    if _FRAMED in request.query_params:
        return _response(page_of(revision))
    dag_id, run_id = (str(revision.manifest.run.get(name, "")) for name in ("dag_id", "run_id"))
    run = f"{request.base_url.path}dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    return _response(with_way_back(page_of(revision), run, f"Run {run_id} of {dag_id}"))


def show_file(name: str, revision: Annotated[Revision, Depends(readable)]) -> Response:
    """Show or hand over one file of the report."""
    return _response(content_of(revision, name))


def _response(content: Content) -> Response:
    return Response(content.body, headers={**content.headers, "Content-Type": content.media_type})


def _refused(request: Request, error: Exception) -> Response:
    """Send a browser that is not logged in to the login page, which leads back here."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code == HTTPStatus.UNAUTHORIZED and "text/html" in request.headers.get("accept", ""):
        back = quote(request.url.path, safe="")
        return RedirectResponse(f"{request.base_url.path}api/v2/auth/login?next={back}", headers=dict(HEADERS))
    return _told(request, error.detail, error.status_code)


def _absent(request: Request, error: Exception) -> Response:
    log.info("No file to show: %s", error)
    return _told(request, "Not found", 404)


def _changed(request: Request, error: Exception) -> Response:
    log.error("A report can't be shown: %s", error)
    detail = "This report was changed after it was published. See: airflow daybreak reports verify"
    return _told(request, detail, 500)


def _told(request: Request, detail: str, status: int) -> Response:
    """Say what is wrong: a browser in a page that leads back, a program in JSON."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": detail}, status, headers=dict(HEADERS))
    page = problem_page(detail, request.base_url.path)
    return Response(page, status, headers={**HEADERS, "Content-Type": "text/html; charset=utf-8"})
