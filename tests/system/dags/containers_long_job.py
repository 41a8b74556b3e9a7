"""A container that ignores SIGTERM and goes on for ten minutes: alone, with a timeout, and kept for a look."""

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.docker import ScriptDockerOperator

OPTIONS = {
    "containers_long_job": {},
    "containers_timeout": {"execution_timeout": timedelta(seconds=5)},
    "containers_kept": {"keep_on_failure": True},
}

for dag_id, options in OPTIONS.items():
    with DAG(dag_id, schedule=None):
        ScriptDockerOperator(
            task_id="work",
            image="python:3.12-slim",
            command=["sh", "-c", "trap '' TERM; echo begun; while true; do sleep 1; done"],
            outputs={"result": "/out/result"},
            **options,
        )
