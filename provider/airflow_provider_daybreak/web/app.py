"""
The plugin's pages: archived reports, each for those who may read its Dag.

Only the API server imports this module, so what costs a task seconds may stand at its top. FastAPI reads the
annotations, which are therefore no strings here.
"""

import logging
import re
from datetime import date
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
from airflow_provider_daybreak.web.content import HEADERS, Content, content_of, page_of

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
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
    # Auth managers take "~", and no id, for any Dag.
    if not isinstance(dag_id, str) or dag_id in ("", "~"):
        raise absent
    if not get_auth_manager().is_authorized_dag(
        method="GET",
        access_entity=DagAccessEntity.XCOM,  # as any other result of a task
        details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
        user=user,
    ):
        raise absent
    return revision


def show_in_folder(number: str) -> Response:
    """Send the browser to the report as a folder, since its links to its files are relative to one."""
    return RedirectResponse(f"{quote(number)}/", headers=dict(HEADERS))


def show_report(revision: Annotated[Revision, Depends(readable)]) -> Response:
    """Show the report itself."""
    return _response(page_of(revision))


def show_file(name: str, revision: Annotated[Revision, Depends(readable)]) -> Response:
    """Show or hand over one file of the report."""
    return _response(content_of(revision, name))


def _response(content: Content) -> Response:
    return Response(content.body, headers={**content.headers, "Content-Type": content.media_type})


def _refused(request: Request, error: Exception) -> Response:
    """Send a browser that is not logged in to the login page, which leads back here."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):  # noqa: PLR2004
        back = quote(request.url.path, safe="")
        return RedirectResponse(f"{request.base_url.path}api/v2/auth/login?next={back}", headers=dict(HEADERS))
    return JSONResponse({"detail": error.detail}, error.status_code, headers=dict(HEADERS))


def _absent(_request: Request, error: Exception) -> Response:
    log.info("No file to show: %s", error)
    return JSONResponse({"detail": "Not found"}, 404, headers=dict(HEADERS))


def _changed(_request: Request, error: Exception) -> Response:
    log.error("A report can't be shown: %s", error)
    detail = "This report was changed after it was published. See: airflow daybreak reports verify"
    return JSONResponse({"detail": detail}, 500, headers=dict(HEADERS))
