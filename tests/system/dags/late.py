"""A report whose run goes on until a file is there, and whose owner is told that it is late by a deadline of the Dag."""

import time
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, task
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_provider_daybreak.notifications.late import ReportLateNotifier
from airflow_provider_daybreak.operators.report import ReportOperator


@task
def go_on(until):
    while not Path(until).exists():
        time.sleep(0.2)


late = AsyncCallback(
    ReportLateNotifier,
    kwargs={"to": "owner@example.org", "report": "late_report", "timezone": "UTC"},
)
alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(seconds=5), late)

with DAG("late_report", schedule=None, params={"report_date": "", "until": ""}, deadline=alert):
    go_on("{{ params.until }}") >> ReportOperator(
        task_id="render",
        report="late_report",
        template=Path(__file__).with_name("delivery.md.j2"),
        data={"sales": []},
    )
