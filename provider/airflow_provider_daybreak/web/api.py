"""What programs are told: figures for Prometheus, a badge for a page, and the description of all of it. FastAPI reads the annotations."""

from typing import Annotated

from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from fastapi.responses import JSONResponse  # noqa: TID253 - as above
from markupsafe import escape
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.hooks.overview import Overview
from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.overview.words import STATES
from airflow_provider_daybreak.web.rendering import HEADERS
from airflow_provider_daybreak.web.today import overview

_COLOURS = {
    "delivered": "#15773a",
    "running": "#0e7490",
    "archived": "#57606f",
    "not_due": "#6b6b75",
    "late": "#96610a",
}
_BAD = "#b4231a"
_WIDE = 7  # pixels of a letter, and somewhat more

Found = Annotated[Overview, Depends(overview)]


def tell_figures(found: Found) -> Response:
    """Tell Prometheus how the reports stand: how many of each state, and of each report whether it is open, and how late."""
    lines = [
        "# HELP daybreak_reports Reports by how they stand for the last time that they were due, and earlier ones that are open.",
        "# TYPE daybreak_reports gauge",
        *(f"daybreak_reports{{{_labels(state=state)}}} {count}" for state, count in found.counts.items()),
        "# HELP daybreak_report_state 1 for the state that a report date is in.",
        "# TYPE daybreak_report_state gauge",
        *(f"daybreak_report_state{{{_of(row)},{_labels(state=row.standing.state)}}} 1" for row in found.rows),
        "# HELP daybreak_report_late_seconds How long after it was due a report arrived, or is not there yet.",
        "# TYPE daybreak_report_late_seconds gauge",
        *(
            f"daybreak_report_late_seconds{{{_of(row)}}} {row.standing.late.total_seconds():.0f}"
            for row in found.rows
            if row.standing.late is not None
        ),
    ]
    return Response(
        "\n".join(lines) + "\n", headers={**HEADERS, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def show_badge(report: str, found: Found) -> Response:
    """
    Show how a report stands as a small picture: the worst of its rows.

    :raises HTTPException: 404 where there is none that may be read.
    """
    row = next((row for row in found.rows if row.report == report), None)
    if row is None:
        raise HTTPException(404, "Not found")
    state = row.standing.state
    name, said = str(escape(report)), str(escape(STATES["en"][state].lower()))
    left, right = len(report) * _WIDE + 14, len(STATES["en"][state]) * _WIDE + 14
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{name}: {said}">'
        f"<title>{name}: {said}</title>"
        f'<rect width="{left}" height="20" fill="#3f3f46"/><rect x="{left}" width="{right}" height="20" fill="{_COLOURS.get(state, _BAD)}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{name}</text><text x="{left + right / 2}" y="14">{said}</text></g></svg>'
    )
    policy = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(picture, headers={**HEADERS, **policy, "Content-Type": "image/svg+xml"})


def describe(request: Request) -> Response:
    """Describe what there is to ask, as OpenAPI."""
    return JSONResponse(request.app.openapi(), headers=HEADERS)


def _of(row: Row) -> str:
    return _labels(report=row.report, dag_id=row.dag_id, report_date=row.report_date.isoformat())


def _labels(**labels: str) -> str:
    """Return labels as Prometheus reads them."""
    quoted = {
        name: value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in quoted.items())
