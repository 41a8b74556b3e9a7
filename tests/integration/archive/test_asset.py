from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys

import pytest

pytestmark = pytest.mark.scheduler

DAGS = """
from datetime import date, datetime

from airflow.sdk import DAG, get_current_context, task

from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak import archive_of, report_asset
from airflow_provider_daybreak.context.archive import announce
from airflow_provider_daybreak.operators.report import ReportOperator

with DAG("makes_the_report", schedule=None, start_date=datetime(2026, 1, 1)):

    @task
    def render_report():
        archive = archive_of()
        revision = archive.publish(
            Draft(
                report="daily_report",
                report_date=date(2026, 3, 29),
                period={"name": "day", "start": "2026-03-29T00:00:00+00:00", "end": "2026-03-30T00:00:00+00:00", "timezone": "UTC"},
                title="Almanac",
                files=[DraftFile("report.html", "text/html", b"<p>")],
                rows={"almanac": 7},
                run={},
            )
        )
        announce(get_current_context(), archive, revision)

    render_report()

with DAG("waits_for_the_report", schedule=[report_asset("daily_report")], start_date=datetime(2026, 1, 1)):

    @task
    def use(): ...

    use()

with DAG("makes_one_of_many", schedule=None, start_date=datetime(2026, 1, 1), params={"shop": "rome"}):
    ReportOperator(
        task_id="render_report", report="sales_{{ params.shop }}", template="sales.md.j2", report_date="2026-03-29"
    )

with DAG("waits_for_rome", schedule=[report_asset("sales_rome")], start_date=datetime(2026, 1, 1)):
    use()
"""
EVENTS = """
select asset.uri, alias.name, event.extra
from asset_event event
join asset on asset.id = event.asset_id
left join asset_alias_asset_event via on via.event_id = event.id
left join asset_alias alias on alias.id = via.alias_id
order by event.id
"""


@pytest.fixture
def airflow(tmp_path):
    """Return a function that runs an ``airflow`` command in a home with those Dags."""
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "reports.py").write_text(DAGS)
    (tmp_path / "dags" / "sales.md.j2").write_text("# Sales\n")
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__DAYBREAK__ARCHIVE": (tmp_path / "reports").as_uri(),
    }

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    run("db", "migrate")
    run("dags", "reserialize")
    return run


def test_a_report_that_was_published_is_an_event_of_the_asset_that_dags_wait_for(airflow, tmp_path):
    airflow("dags", "test", "makes_the_report")

    with sqlite3.connect(tmp_path / "airflow.db") as database:
        events = database.execute(
            "select asset.uri, asset_event.extra from asset_event join asset on asset.id = asset_event.asset_id"
        ).fetchall()
        waiting = database.execute(
            "select uri from asset join dag_schedule_asset_reference r on r.asset_id = id"
        )
        ((uri, extra),) = events
        assert (uri,) in waiting.fetchall()
    assert uri == f"daybreak://localhost{tmp_path}/reports/daily_report"
    assert (
        json.loads(extra)["manifest"]
        == f"file://{tmp_path}/reports/daily_report/2026/03/29/r0001/manifest.json"
    )
    assert json.loads(extra)["rows"] == {"almanac": 7}


def test_a_report_whose_name_is_a_template_makes_no_asset_that_a_dag_names_already(airflow, tmp_path):
    airflow("dags", "test", "makes_one_of_many")
    airflow("dags", "test", "makes_one_of_many", "--conf", '{"shop": "oslo"}')

    with sqlite3.connect(tmp_path / "airflow.db") as database:
        events = database.execute(EVENTS).fetchall()
    root = f"daybreak://localhost{tmp_path}/reports"
    assert [event[:2] for event in events] == [
        (f"{root}/sales_rome", None),
        (f"{root}/sales_oslo", "daybreak_reports"),
    ]
    assert [json.loads(event[2])["report"] for event in events] == ["sales_rome", "sales_oslo"]
