"""
The plugin's pages: archived reports, each for those who may read its Dag.

Only the API server imports this module, so what costs a task seconds may stand at its top. FastAPI reads the
annotations, which are therefore no strings here.
"""

import logging
import re
from datetime import date, datetime, timezone
from functools import partial
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, Request, Response  # noqa: TID253 - see above
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse  # noqa: TID253 - see above
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.archive import Archive, Revision
from airflow_provider_daybreak.context.address import report_address
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.exceptions import (
    ArchiveAwayError,
    ArchivedFileChangedError,
    ArchivedFileNotFoundError,
    ArchiveError,
    DaybreakError,
    IndexUnwritableError,
    InvalidValueError,
)
from airflow_provider_daybreak.exceptions.french import next_step
from airflow_provider_daybreak.version_compat import as_called
from airflow_provider_daybreak.web import session
from airflow_provider_daybreak.web.access import may_read
from airflow_provider_daybreak.web.again import run_again
from airflow_provider_daybreak.web.api import describe, show_badge, tell_figures
from airflow_provider_daybreak.web.calendar import fill, show_calendar, show_filling
from airflow_provider_daybreak.web.check import check, show_check
from airflow_provider_daybreak.web.content import (
    HEADERS,
    Content,
    content_of,
    for_frame,
    framed_problem,
    large_file,
    page_of,
    with_way_back,
)
from airflow_provider_daybreak.web.day import answer_held, mail, show_day, show_mailing
from airflow_provider_daybreak.web.deliveries import (
    mail_many,
    show_deliveries,
    show_mailing_many,
    tell_deliveries,
)
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.patience import patiently
from airflow_provider_daybreak.web.releases import roll_back, show_lock, show_releases
from airflow_provider_daybreak.web.rendering import language_asked, page
from airflow_provider_daybreak.web.runs import reports_of
from airflow_provider_daybreak.web.tabs import show_dag, show_day_of_run
from airflow_provider_daybreak.web.today import show_static, show_today, tell_today
from airflow_provider_daybreak.web.words import WORDS

log = logging.getLogger(__name__)

_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_FRAMED = "framed"
_ABSENT = "Not found"
_PROBLEMS = {404: "not_there", 500: "not_shown", 503: "not_shown"}
"""Titles of pages that say what is wrong; of the others something is not done."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def make_app() -> FastAPI:
    """Return the application that Airflow mounts. Nothing in it is anonymous, nor its own description."""
    app = FastAPI(
        title="Daybreak",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        dependencies=[Depends(_who_asks)],
    )
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(ArchivedFileNotFoundError, _absent)
    app.add_exception_handler(ArchivedFileChangedError, _changed)
    app.add_exception_handler(IndexUnwritableError, _no_index)
    app.add_exception_handler(ArchiveAwayError, _away)
    app.add_exception_handler(DaybreakError, _refused_to)
    for path, act in _ACTIONS:
        app.post(path)(act)
    for path, show in _PAGES:
        app.api_route(path, methods=["GET", "HEAD"])(
            show
        )  # the server leaves out the body of what answers HEAD
    return app


def _who_asks(request: Request, user: Annotated[BaseUser, Depends(get_user)]) -> None:
    """Keep who asks, for what each page leads him to."""
    request.state.user = user


def readable(
    report: str, report_date: str, number: str, user: Annotated[BaseUser, Depends(get_user)]
) -> Revision:
    """
    Return the revision, for a user who may read the Dag that made it.

    :raises HTTPException: 404 for all that is absent, forbidden or no address at all: who may not read a
        report is not told whether there is one.
    """
    if not _NUMBER.fullmatch(number):
        raise HTTPException(404, _ABSENT)
    return _found(report, report_date, int(number), user)


def latest_readable(report: str, report_date: str, user: Annotated[BaseUser, Depends(get_user)]) -> Revision:
    """
    Return the latest revision for a date that is no draft, for a user who may read the Dag that made it.

    :raises HTTPException: 404, as of :func:`readable`.
    """
    return _found(report, report_date, None, user)


def _found(report: str, report_date: str, number: int | None, user: BaseUser) -> Revision:
    absent = HTTPException(404, _ABSENT)
    if not _DATE.fullmatch(report_date):
        raise absent
    archive = archive_of()
    try:
        day = date.fromisoformat(report_date)
        ask = (
            partial(archive.latest, report, day)
            if number is None
            else partial(archive.revision, report, day, number)
        )
        revision = patiently(archive.uri, ask)
    except (ArchiveError, InvalidValueError, ValueError) as error:
        log.info("No report to show: %s", error)
        _check_it_is_there(archive)
        raise absent from error
    if revision is None:
        _check_it_is_there(archive)
    if revision is None or not may_read(user, revision.manifest.run.get("dag_id")):
        raise absent
    return revision


def _check_it_is_there(archive: Archive) -> None:
    """
    Make sure that what is absent is so for good.

    :raises ArchiveAwayError: nothing can be read of the archive, such as where its disk is not mounted.
    """
    away = KEEPER.hook(datetime.now(timezone.utc)).index.freshness().problem
    if away:
        raise ArchiveAwayError(archive.uri, away)


def show_run(
    request: Request, dag_id: str, run_id: str, user: Annotated[BaseUser, Depends(get_user)]
) -> Response:
    """
    Send the browser to the report of a run, or show which there are, in a tab of the run's page.

    :raises HTTPException: 404 where the user may not read the Dag, as for one that is not there.
    """
    if not may_read(user, dag_id):
        raise HTTPException(404, _ABSENT)
    addresses = {
        f"{one.report}, {one.report_date}, revision {one.revision}": (
            f"{request.base_url.path}{report_address(one.report, one.report_date, one.revision)}?{_FRAMED}"
        )
        for one in reports_of(dag_id, run_id)
    }
    if len(addresses) == 1:
        [address] = addresses.values()
        return RedirectResponse(address, headers=dict(HEADERS))
    return page(request, "tab", addresses=addresses)


def show_latest(request: Request, revision: Annotated[Revision, Depends(latest_readable)]) -> Response:
    """Send the browser to the latest revision: what links in reports lead to, which know no revision."""
    manifest = revision.manifest
    address = report_address(manifest.report, manifest.report_date.isoformat(), manifest.revision)
    return RedirectResponse(f"{request.base_url.path}{address}", headers=dict(HEADERS))


def show_in_folder(number: str) -> Response:
    """Send the browser to the report as a folder, since its links to its files are relative to one."""
    return RedirectResponse(f"{quote(number)}/", headers=dict(HEADERS))


def show_report(request: Request, revision: Annotated[Revision, Depends(readable)]) -> Response:
    """Show the report itself, with a way back to the run that made it, unless it is shown in the run's own page."""
    content = patiently(revision.uri, partial(page_of, revision))
    if _FRAMED in request.query_params:
        return _response(for_frame(content))
    dag_id, run_id = (str(revision.manifest.run.get(name, "")) for name in ("dag_id", "run_id"))
    run = f"{request.base_url.path}dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
    return _response(with_way_back(content, run, f"Run {run_id} of {dag_id}", _which(revision)))


def _which(revision: Revision) -> str:
    """Return which report a page shows, since the report itself knows no revision."""
    manifest = revision.manifest
    draft = ", a draft" if manifest.draft else ""
    return f"{manifest.report}, {manifest.report_date}, revision {manifest.revision}{draft}"


def show_file(name: str, revision: Annotated[Revision, Depends(readable)]) -> Response:
    """Show or hand over one file of the report: a large one in pieces, and from where a download goes on."""
    if (large := patiently(revision.uri, partial(large_file, revision, name))) is not None:
        return FileResponse(large.path, headers=dict(large.headers), media_type=large.media_type)
    return _response(patiently(revision.uri, partial(content_of, revision, name)))


def _response(content: Content) -> Response:
    return Response(content.body, headers={**content.headers, "Content-Type": content.media_type})


def _refused(request: Request, error: Exception) -> Response:
    """Send a browser that is not logged in to the login page, which leads back here."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    if error.status_code == HTTPStatus.UNAUTHORIZED and request.headers.get("sec-fetch-dest") == "iframe":
        ended = session.session_page(request.base_url.path, language_asked(request))
        return Response(ended, 401, headers=dict(session.HEADERS))
    if error.status_code == HTTPStatus.UNAUTHORIZED and "text/html" in request.headers.get("accept", ""):
        back = quote(request.url.path, safe="")
        return RedirectResponse(f"{request.base_url.path}api/v2/auth/login?next={back}", headers=dict(HEADERS))
    return _told(request, error.detail, error.status_code)


def _absent(request: Request, error: Exception) -> Response:
    log.info("No file to show: %s", error)
    return _told(request, _ABSENT, 404)


def _changed(request: Request, error: Exception) -> Response:
    log.error("A report can't be shown: %s", error)
    detail = "This report was changed after it was published. See: airflow daybreak reports verify"
    return _told(request, detail, 500)


def _no_index(request: Request, error: Exception) -> Response:
    log.error("The overview of reports can't be shown: %s", error)
    return _told(request, "The overview can't be shown now. The API server's log says why.", 503)


def _away(request: Request, error: Exception) -> Response:
    log.error("The archive can't be read: %s", error)
    return _told(request, str(error), 503)


def _refused_to(request: Request, error: Exception) -> Response:
    log.warning("Something that a page asked for can't be done: %s", error)
    assert isinstance(error, DaybreakError)  # noqa: S101 - registered for it alone
    step = f" Que faire : {next_step(error)}" if language_asked(request) == "fr" else ""
    return _told(request, f"{error}{step}", 409)


def _told(request: Request, detail: str, status: int) -> Response:
    """Say what is wrong: a browser in a page that leads back, a program in JSON."""
    if "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"detail": as_called(detail)}, status, headers=dict(HEADERS))
    said = WORDS[language_asked(request)]["absent"] if detail == _ABSENT else as_called(detail)
    if _FRAMED in request.query_params:
        body = framed_problem(said, language_asked(request))
        return Response(body, status, headers={**HEADERS, "Content-Type": "text/html; charset=utf-8"})
    return page(request, "problem", status=status, title=_PROBLEMS.get(status, "not_possible"), detail=said)


_ACTIONS = (
    ("/check", check),
    ("/deliveries/mail", mail_many),
    ("/releases/{name}/roll_back", roll_back),
    ("/calendar/{report}/fill", fill),
    ("/day/{report}/{report_date}/mail", mail),
    ("/day/{report}/{report_date}/again", run_again),
    ("/day/{report}/{report_date}/answer", answer_held),
)

_PAGES = (
    ("/check", show_check),
    ("/deliveries", show_deliveries),
    ("/deliveries/mail", show_mailing_many),
    ("/deliveries.csv", tell_deliveries),
    ("/releases", show_releases),
    ("/releases/{name}/{release}/lock", show_lock),
    ("/dags/{dag_id}", show_dag),
    ("/tasks/{dag_id}/{run_id:path}", show_day_of_run),
    ("/api/metrics", tell_figures),
    ("/api/badge/{report}.svg", show_badge),
    ("/api/openapi.json", describe),
    ("/calendar/{report}", show_calendar),
    ("/calendar/{report}/fill", show_filling),
    ("/day/{report}/{report_date}", show_day),
    ("/day/{report}/{report_date}/mail", show_mailing),
    ("/today", show_today),
    ("/api/today", tell_today),
    ("/static/{name}", show_static),
    ("/runs/{dag_id}/{run_id:path}", show_run),
    ("/reports/{report}/{report_date}", show_latest),
    ("/reports/{report}/{report_date}/", show_latest),
    ("/reports/{report}/{report_date}/{number}", show_in_folder),
    ("/reports/{report}/{report_date}/{number}/", show_report),
    ("/reports/{report}/{report_date}/{number}/{name:path}", show_file),
)
