"""The whole chain on small data: release, run, report, container, mail. Each task has tries enough for every fault."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

FILES = Path(__file__).parent / "soak"

with DAG(
    "soak",
    schedule="0 6 * * *",
    start_date=datetime(2099, 1, 1),  # noqa: DTZ001 - nothing starts by itself
    catchup=False,
    max_active_runs=6,
    default_args={"retries": 60, "retry_delay": timedelta(seconds=2)},
):
    deploy = VenvDeployOperator(task_id="deploy", name="soak", source=FILES)
    run = VenvRunOperator(
        task_id="run",
        release=deploy.output,
        command=["figures.py", os.environ["SOAK_NOTES"]],
        output="json",
    )
    report = ReportOperator(
        task_id="render",
        report="soak",
        template=FILES / "report.md.j2",
        data={"figures": run.output},
        formats=["html", "csv"],
    )
    count = ScriptDockerOperator(
        task_id="count",
        image="python:3.12-slim",
        command=["sh", "-c", "cat /in/*.csv | wc -c > /out/bytes; sleep 0.3"],
        inputs={".": report.output},
        outputs={"bytes": "/out/bytes"},
        docker_url=os.environ["SOAK_ENGINE"] or None,
    )
    mail = ReportEmailOperator(
        task_id="mail",
        report=report.output,
        to=[f"{name}@example.org" for name in ("ann", "bo", "cy")],
        max_lateness=None,
    )
    count >> mail
