"""Clearing an old run under a real scheduler, where the Dag's bundle has versions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from demo.airflow import Airflow, free_port
from tests.waiting import until

pytestmark = pytest.mark.scheduler

DAG = """
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

with DAG("names", schedule=None, tags=["{tag}"]):
    deploy = VenvDeployOperator(task_id="deploy", name="names", source=Path(__file__).parent / "script")
    VenvRunOperator(task_id="run", release=deploy.output, command=["report.py"])
"""


@pytest.fixture
def push(tmp_path):
    """Return a function that makes a version of the bundle, with that script, and a Dag that changes with the tag."""

    def make_version(name, text, *, tag):
        folder = tmp_path / f"{name}.new"
        (folder / "script").mkdir(parents=True)
        (folder / "script" / "report.py").write_text(f"print({text!r})\n")
        (folder / "names.py").write_text(DAG.format(tag=tag))
        shutil.move(folder, tmp_path / "bundle" / name)

    (tmp_path / "bundle").mkdir()
    return make_version


@pytest.fixture
def airflow(tmp_path, push):
    push("v1", "one", tag="a")
    bundle = {
        "name": "folders",
        "classpath": "tests.system.bundle_of_folders.FolderBundle",
        "kwargs": {"folder": str(tmp_path / "bundle"), "refresh_interval": 2},
    }
    running = Airflow(
        tmp_path / "airflow",
        port=free_port(),
        env={
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
            "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
            "AIRFLOW__DAYBREAK__RELEASES": str(tmp_path / "releases"),
        },
    )
    try:
        running.start()
        running.wait_until_ready()
        running.wait_for_dag("names")
        yield running
    finally:
        running.stop()


def test_a_cleared_run_runs_its_own_code_and_leaves_current_what_is(airflow, push, tmp_path):
    current = tmp_path / "releases" / "names" / "current"

    def run():
        run_id = airflow.trigger("names")
        assert airflow.wait_for_run("names", run_id, seconds=120) == "success"
        return run_id

    def clear(run_id):
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        airflow.api("POST", "/dags/names/clearTaskInstances", json=body)
        path = f"/dags/names/dagRuns/{run_id}"
        until(lambda: airflow.api("GET", f"{path}/taskInstances/run")["try_number"] == 2)
        assert airflow.wait_for_run("names", run_id, seconds=120) == "success"
        printed = airflow.api("GET", f"{path}/taskInstances/run/xcomEntries/return_value")["value"]
        return printed.strip('"'), airflow.task_log("names", run_id, "deploy", 2)

    def comes(version):
        until(lambda: airflow.api("GET", "/dags/names")["bundle_version"] == version)

    first = run()
    push("v2", "two", tag="a")  # the script alone: the Dag's version stays the same
    comes("v2")
    second = run()
    two = current.readlink()
    printed, log = clear(first)
    assert (printed, current.readlink()) == ("one", two)
    assert "an older version of its Dag" in log

    push("v3", "three", tag="b")
    comes("v3")
    run()
    three = current.readlink()
    printed, log = clear(second)
    assert (printed, current.readlink()) == ("two", three)
    assert "an older version of its Dag" in log
