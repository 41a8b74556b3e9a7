"""A chain whose tasks are bound to one of two workers, one that any of them runs, and a mail that both want to send."""

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

FILES = Path(__file__).parent / "workers"
NOTES = os.environ.get("WORKERS_NOTES", "")
PEOPLE = [f"{name}@example.org" for name in ("ann", "bo", "cy")]
QUEUES = {
    "workers_chain": ("a", "b", "a", ["b"]),
    "workers_race": ("a", "b", "b", ["a", "b"]),
    "workers_any": ("any", "any", "any", ["any"]),
}

for dag_id, (for_deploy, for_run, for_report, for_mail) in QUEUES.items():
    with DAG(
        dag_id,
        schedule="0 6 * * *",
        start_date=datetime(2099, 1, 1),  # noqa: DTZ001 - nothing starts by itself
        catchup=False,
        max_active_runs=16,  # more than two workers do at once
        params={"report_date": "", "seconds": 0.5},
        default_args={"retries": 20, "retry_delay": timedelta(seconds=1)},
    ):
        deploy = VenvDeployOperator(task_id="deploy", name=dag_id, source=FILES, queue=for_deploy)
        run = VenvRunOperator(
            task_id="run",
            release=deploy.output,
            command=["figures.py", NOTES, "{{ params.seconds }}"],
            output="json",
            queue=for_run,
        )
        report = ReportOperator(
            task_id="render",
            report=dag_id,
            template=FILES / "report.md.j2",
            data={"figures": run.output},
            queue=for_report,
        )
        for queue in for_mail:
            ReportEmailOperator(
                task_id=f"mail_{queue}",
                report=report.output,
                to=PEOPLE,
                max_lateness=None,
                on_unknown="hold" if dag_id == "workers_any" else "assume_sent",
                queue=queue,
            )
