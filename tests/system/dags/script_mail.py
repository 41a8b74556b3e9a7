"""A script that mails by itself, whose mail is sent once."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator

SCRIPTS = {
    "script_once": ["report.py", "script_once"],
    "script_killed": ["report.py", "script_killed", "{{ params.file }}"],
    "script_failing": ["report.py", "script_failing"],
}

for dag_id, command in SCRIPTS.items():
    schedule = "0 9 * * *" if dag_id == "script_once" else None
    with DAG(dag_id, schedule=schedule, catchup=False, params={"report_date": "", "file": ""}):
        deploy = VenvDeployOperator(
            task_id="deploy", name=dag_id, source=Path(__file__).with_name("script_mail")
        )
        VenvRunOperator(
            task_id="mail",
            release=deploy.output,
            command=command,
            clock="report_date",
            mail=ScriptMail(smtp_conn_id="smtp_failing") if dag_id == "script_failing" else "once",
            retries=0 if dag_id == "script_failing" else 1,
            retry_delay=timedelta(seconds=1),
        )
