"""
A script as somebody has it in a crontab: it builds its mail and sends it by itself, and was not changed.

Its today is the day of its run, also where that is caught up on. It mails once for each day, whatever is retried, cleared
or run again, over the connection ``smtp_default`` and with that connection's password. What it mailed is in the archive.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

NAME = Path(__file__).stem  # this file's: of the Dag, the release, the mail in the archive, and the folder
SCRIPT = Path(__file__).parent / NAME
SCHEDULE = CronTriggerTimetable(
    "0 9 * * *",
    timezone="Europe/Berlin",
    run_immediately=timedelta(0),  # unpausing mails nothing: the first run is the next one due
)
RECEIVER = "you@example.org"

with DAG(
    dag_id=NAME,
    description="A script that mails by itself, once a day. Needs the connection smtp_default, to mail it over",
    schedule=SCHEDULE,
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    tags=["daybreak", "example"],
    doc_md=__doc__,
) as dag:
    deploy = VenvDeployOperator(task_id="deploy_script", name=NAME, source=SCRIPT)
    VenvRunOperator(
        task_id="run_script",
        release=deploy.output,
        command=["report.py"],
        env={"EMAIL_RECEIVER": RECEIVER},
        clock="report_date",
        mail="once",
    )
