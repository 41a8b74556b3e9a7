"""The page Reports today, and the same as JSON. FastAPI reads the annotations, which are therefore no strings here."""

from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from fastapi.responses import JSONResponse  # noqa: TID253 - as above
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.hooks.filters import Filters, choices
from airflow_provider_daybreak.hooks.overview import DAYS, Overview
from airflow_provider_daybreak.web.access import reader
from airflow_provider_daybreak.web.guard import token_for
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.rendering import HEADERS, HERE, page
from airflow_provider_daybreak.web.ways import ways_for

_STATIC = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def overview(user: Annotated[BaseUser, Depends(get_user)]) -> Overview:
    """Return how the reports stand that a user may read."""
    now = datetime.now(timezone.utc)
    return KEEPER.hook(now).today(now, readable=reader(user))


def show_today(
    request: Request,
    found: Annotated[Overview, Depends(overview)],
    user: Annotated[BaseUser, Depends(get_user)],
) -> Response:
    """Show how the reports stand, the worst first, as the address asks for them."""
    filters = Filters.of(request.query_params)
    asked = found.matching(filters)
    tags, owners = choices(found.rows)
    way = ways_for(user)
    rows = [(row, way(row)) for row in filters.shown(asked.rows)]
    return page(
        request,
        "today",
        overview=found,
        asked=asked,
        filters=filters,
        rows=rows,
        token=token_for(user) if any(way and way.run_id for _, way in rows) else "",
        again=request.query_params.get("again", "")[:200],
        tags=tags,
        owners=owners,
        days=DAYS,
    )


def tell_today(request: Request, found: Annotated[Overview, Depends(overview)]) -> Response:
    """Tell a program how the reports stand, as the address asks for them."""
    return JSONResponse(found.facts(Filters.of(request.query_params)), headers=HEADERS)


def show_static(name: str) -> Response:
    """
    Show a part of the pages that is the same for all.

    :raises HTTPException: 404 where there is none of that name.
    """
    content = _static().get(name)
    if content is None:
        raise HTTPException(404, "Not found")
    headers = {**HEADERS, "Cache-Control": "private, max-age=300", "Content-Type": _STATIC[Path(name).suffix]}
    return Response(content, headers=headers)


@cache
def _static() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (HERE / "static").iterdir() if path.suffix in _STATIC}
