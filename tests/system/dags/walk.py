"""Small daily reports, and a script that fails: what somebody walks through in the browser, and copies."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

NAME = "walk"
ITEM = "tea"
AGAIN = {"retries": 1, "retry_delay": timedelta(0)}
PARAMS = {"report_date": ""}

with DAG(dag_id=NAME, schedule="0 9 * * *", catchup=False, default_args=AGAIN, params=PARAMS):
    report = ReportOperator(
        task_id="render_report",
        report=NAME,
        template=Path(__file__).with_name("delivery.md.j2"),
        data={"sales": [{"region": ITEM, "units": 3}]},
    )
    ReportEmailOperator(task_id="mail_report", report=report.output)

with DAG(dag_id=f"{NAME}_down", schedule=None, default_args=AGAIN, params=PARAMS):
    report = ReportOperator(
        task_id="render_report",
        report=f"{NAME}_down",
        template=Path(__file__).with_name("delivery.md.j2"),
        data={"sales": [{"region": ITEM, "units": 3}]},
    )
    ReportEmailOperator(task_id="mail_report", report=report.output, smtp_conn_id="smtp_walk")

with DAG(dag_id=f"{NAME}_failing", schedule=None, default_args=AGAIN):
    deploy = VenvDeployOperator(task_id="deploy", name=NAME, source=Path(__file__).with_name("walk"))
    for kind in ("value", "module"):
        VenvRunOperator(task_id=kind, release=deploy.output, command=["fails.py", kind])
