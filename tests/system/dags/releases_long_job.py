"""A script that goes on for ten minutes, and leaves a child behind: with a timeout and without."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

for dag_id, timeout in {"releases_long_job": None, "releases_timeout": timedelta(seconds=5)}.items():
    with DAG(dag_id, schedule=None, params={"pids": ""}, max_active_runs=3):
        deploy = VenvDeployOperator(
            task_id="deploy", name=dag_id, source=Path(__file__).with_name("releases_long_job")
        )
        run = VenvRunOperator(
            task_id="run",
            release=deploy.output,
            command=["job.py"],
            env={"PIDS": "{{ params.pids }}"},
            execution_timeout=timeout,
        )
