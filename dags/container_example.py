"""A script with a Dockerfile and a requirements.txt of its own: built once, run apart, files in and files out."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.docker import ImageBuild, ScriptDockerOperator

NAME = Path(__file__).stem  # this file's: of the Dag and the folder
FILES = Path(__file__).parent / NAME

with DAG(
    dag_id=NAME,
    description="A script in its own container. Needs a Docker engine",
    schedule=None,
    tags=["daybreak", "example"],
    doc_md=__doc__,
):
    ScriptDockerOperator(
        task_id="summarise_sales",
        build=ImageBuild(
            FILES, network="host"
        ),  # pip needs a network while the image is built; the run has none
        inputs={"sales.csv": FILES / "sales.csv"},
        outputs={"summary.md": "/out/summary.md"},
    )
