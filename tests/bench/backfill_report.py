"""The daily report without its PDF: what ``backfill`` measures beside the same by stock operators."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator
from airflow_provider_daybreak.reports.sources import ScriptSource

FILES = Path(os.environ["BENCH_FILES"])  # dags/daily_report

with DAG(
    dag_id="backfill_report",
    schedule="0 9 * * *",
    start_date=datetime(2099, 1, 1),  # noqa: DTZ001 - nothing starts by itself
    max_active_runs=4,
):
    deploy = VenvDeployOperator(task_id="deploy", name="backfill_report", source=FILES / "script")
    report = ReportOperator(
        task_id="render_report",
        report="backfill_report",
        template=FILES / "report.md.j2",
        data={"almanac": ScriptSource(deploy.output, ["almanac.py", "--place", "Berlin"])},
        locale="en_GB",
    )
    ReportEmailOperator(task_id="mail_report", report=report.output, to="you@example.org", max_lateness=None)
