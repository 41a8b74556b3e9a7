"""Clearing an old run under a real scheduler, where the Dag's bundle has versions: those of a git repository."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from uv import find_uv_bin

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
    """Return a function that commits that script, and a Dag that changes with the tag: the commit."""
    repository = tmp_path / "repository"
    (repository / "script").mkdir(parents=True)

    def git(*words):
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        done = subprocess.run(
            ["git", *who, "-C", repository, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(text, *, tag):
        (repository / "script" / "report.py").write_text(f"print({text!r})\n")
        (repository / "names.py").write_text(DAG.format(tag=tag))
        git("add", ".")
        git("commit", "-qm", text)
        return git("rev-parse", "HEAD")

    git("init", "-q", "-b", "main")
    return commit


@pytest.fixture(scope="module")
def git_provider(tmp_path_factory):
    """Return a folder with the git provider, which needs no other version of what is installed."""
    folder = tmp_path_factory.mktemp("git-provider")
    packages = ("apache-airflow-providers-git==1.0.1", "GitPython==3.2.1", "gitdb==4.0.12", "smmap==5.0.3")
    install = [
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--python",
        sys.executable,
        "--target",
        folder,
        *packages,
    ]
    subprocess.run([find_uv_bin(), *install], check=True)
    return folder


@pytest.fixture
def airflow(tmp_path, push, git_provider):
    push("one", tag="a")
    bundle = {
        "name": "repository",
        "classpath": "airflow.providers.git.bundles.git.GitDagBundle",
        "kwargs": {"repo_url": str(tmp_path / "repository"), "tracking_ref": "main", "refresh_interval": 2},
    }
    running = Airflow(
        tmp_path / "airflow",
        port=free_port(),
        env={
            "PYTHONPATH": str(git_provider),
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
        assert airflow.wait_for_run("names", run_id) == "success"
        return run_id

    def clear(run_id):
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
        airflow.api("POST", "/dags/names/clearTaskInstances", json=body)
        path = f"/dags/names/dagRuns/{run_id}"
        until(lambda: airflow.api("GET", f"{path}/taskInstances/run")["try_number"] == 2)
        assert airflow.wait_for_run("names", run_id) == "success"
        printed = airflow.api("GET", f"{path}/taskInstances/run/xcomEntries/return_value")["value"]
        return printed.strip('"'), airflow.task_log("names", run_id, "deploy", 2)

    def comes(version):
        until(lambda: airflow.api("GET", "/dags/names")["bundle_version"] == version)

    first = run()
    new = push("two", tag="a")  # the script alone: the Dag's version stays the same
    comes(new)
    second = run()
    two = current.readlink()
    printed, log = clear(first)
    assert (printed, current.readlink()) == ("one", two)
    assert "an older version of its Dag" in log

    comes(push("three", tag="b"))
    run()
    three = current.readlink()
    printed, log = clear(second)
    assert (printed, current.readlink()) == ("two", three)
    assert "an older version of its Dag" in log
