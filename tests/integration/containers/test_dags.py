"""The containers of the Dags that come with the package."""

from __future__ import annotations

import base64
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.exceptions import ContainerFailedError
from airflow_provider_daybreak.operators.docker import ImageBuild

pytestmark = pytest.mark.engine

DAGS = Path(__file__).parents[3] / "dags"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_the_example_sums_up_sales(run, content):
    files = DAGS / "container_example"

    result = run(
        image="",
        build=ImageBuild(files, network="host"),
        inputs={"sales.csv": files / "sales.csv"},
        outputs={"summary.md": "/out/summary.md"},
    )

    assert result["last_line"] == "3 products"
    assert "| Lamp      |      7 |" in content(result["outputs"]["summary.md"]).decode()


@pytest.fixture
def pdf(run):
    """Return a function that makes a PDF of what is given."""

    def make(inputs, **arguments):
        return run(
            image="",
            build=ImageBuild(DAGS / "daily_report" / "pdf", network="host"),
            inputs=inputs,
            outputs={"report.pdf": "/out/report.pdf"},
            **arguments,
        )

    return make


def test_a_reports_revision_becomes_the_same_pdf_by_socket_and_over_tcp(pdf, content, archive, proxy):
    midnight = datetime(2026, 3, 29, tzinfo=timezone.utc)
    revision = archive_at(archive).publish(
        Draft(
            report="almanac",
            report_date=date(2026, 3, 29),
            period={
                "name": "day",
                "start": midnight.isoformat(),
                "end": midnight.isoformat(),
                "timezone": "UTC",
            },
            title="Almanac",
            rows={},
            run={"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1},
            files=[
                DraftFile("report.html", "text/html", b"<h1>Sunrise</h1><img src='charts/day.png' alt=''>"),
                DraftFile("charts/day.png", "image/png", PIXEL),
            ],
        )
    )

    first, second = (
        pdf({".": {"manifest": revision.uri}}, docker_url=address)["outputs"]["report.pdf"]
        for address in (None, proxy().url)
    )

    assert content(first).startswith(b"%PDF-")
    assert first["sha256"] == second["sha256"]


def test_what_makes_a_pdf_finds_its_fonts_known(pdf):
    """Else it looks at each of them in each run, since what it notes of them in its home goes with the container."""
    make_and_look = "python /app/render.py && find $HOME -name '*.cache-*' | wc -l"

    result = pdf({"report.html": "<p lang=de>Größe 12 €"}, entrypoint=["sh", "-c", make_and_look])

    assert result["last_line"] == "0"


@pytest.mark.parametrize(
    "source",
    ["file:///etc/passwd", "../etc/passwd", "http://169.254.169.254/", "charts/gone.png", "/etc/passwd"],
)
def test_a_report_that_refers_to_what_is_not_its_own_makes_no_pdf(pdf, source):
    with pytest.raises(
        ContainerFailedError, match="is no file of the report. Refer to its files by relative URLs"
    ):
        pdf({"report.html": f"<img src='{source}'>"})
