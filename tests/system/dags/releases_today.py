"""A script that takes its day from the clock, at import: each run gives it its own."""

from pathlib import Path

from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

# At half past midnight it is still yesterday in UTC.
with DAG("releases_today", schedule=CronTriggerTimetable("30 0 * * *", timezone="Europe/Berlin")):
    deploy = VenvDeployOperator(
        task_id="deploy", name="today", source=Path(__file__).with_name("releases_today")
    )
    VenvRunOperator(task_id="run", release=deploy.output, command=["report.py"], clock="report_date")
