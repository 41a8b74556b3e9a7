"""A script with a Dockerfile and a requirements.txt of its own: built once, run apart, files in and files out."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.docker import ImageBuild, ScriptDockerOperator

FILES = Path(__file__).parent / "container_example"

with DAG(dag_id="container_example", schedule=None, tags=["daybreak", "example"], doc_md=__doc__):
    ScriptDockerOperator(
        task_id="summarise_sales",
        build=ImageBuild(
            FILES, network="host"
        ),  # pip needs a network while the image is built; the run has none
        inputs={"sales.csv": (FILES / "sales.csv").as_uri()},
        outputs={"summary.md": "/out/summary.md"},
    )
