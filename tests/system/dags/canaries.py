"""Secrets wherever a chain has them, and tasks that print them in whatever form, end well, and fail."""

from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator

SOURCE = Path(__file__).with_name("canaries")
TOKEN = {"API_TOKEN": "{{ conn.canary.password }}"}

with DAG("canaries", schedule=None, params={"folder": "", "report_date": ""}):
    deploy = VenvDeployOperator(
        task_id="deploy", name="canaries", source=SOURCE, env_file="{{ params.folder }}/.env"
    )
    for task_id in ("run", "fail"):
        VenvRunOperator(
            task_id=task_id, release=deploy.output, command=["report.py", task_id], env=TOKEN, output="json"
        )
    VenvRunOperator(
        task_id="mail",
        release=deploy.output,
        command=["report.py", "mail"],
        mail=ScriptMail(smtp_conn_id="canary_mail"),
    )
    for task_id in ("run_in_container", "fail_in_container"):
        ScriptDockerOperator(
            task_id=task_id,
            image="python:3.12-slim",
            command=["python", "/in/report.py", task_id.partition("_")[0]],
            inputs={"report.py": SOURCE / "report.py"},
            secrets={"api_token": "{{ conn.canary.password }}"},
        )
