"""A running script under a real scheduler: whatever ends its task ends all that it started."""

from __future__ import annotations

import pytest

from tests.waiting import is_running, until

pytestmark = pytest.mark.scheduler


@pytest.fixture
def job(stack, tmp_path):
    """Return a function that starts a run of a Dag, and returns its id and the processes of its script."""

    def start(dag_id):
        pids = tmp_path / "pids"
        stack.airflow.wait_for_dag(dag_id)
        run = stack.airflow.trigger(dag_id, conf={"pids": str(pids)})
        until(pids.exists)
        processes = pids.read_text().split()
        assert all(map(is_running, processes))
        return run, processes

    return start


@pytest.mark.parametrize("what", ["task", "run"])
def test_marking_it_failed_ends_the_script_and_its_children(stack, job, what):
    run, processes = job("releases_long_job")
    path = f"/dags/releases_long_job/dagRuns/{run}"
    if what == "task":
        stack.airflow.api("PATCH", f"{path}/taskInstances/run", json={"new_state": "failed"})
    else:
        stack.airflow.api("PATCH", path, json={"state": "failed"})

    until(lambda: not any(map(is_running, processes)))

    assert stack.airflow.tasks("releases_long_job", run)["run"] == "failed"


def test_a_timeout_ends_the_script_and_its_children(stack, job):
    run, processes = job("releases_timeout")

    until(lambda: not any(map(is_running, processes)))

    assert stack.wait(run, dag_id="releases_timeout").startswith("failed")
    assert "AirflowTaskTimeout" in stack.airflow.task_log("releases_timeout", run, "run")


def test_a_script_that_asks_for_today_gets_the_day_of_each_run_of_a_backfill(stack):
    dag = "/dags/releases_today"
    stack.airflow.wait_for_dag("releases_today")
    stack.airflow.api("PATCH", dag, json={"is_paused": True})  # what runs meanwhile may lock SQLite
    bounds = ("--from-date", "2026-03-28T00:00+01:00", "--to-date", "2026-03-30T12:00+02:00")
    stack.airflow.backfill("releases_today", *bounds)
    stack.airflow.api("PATCH", dag, json={"is_paused": False})

    window = {"logical_date_gte": "2026-03-27T00:00:00Z", "logical_date_lte": "2026-03-31T00:00:00Z"}
    said = set()
    for run in stack.airflow.runs("releases_today", **window):
        assert stack.wait(run, dag_id="releases_today") == "success"
        value = stack.airflow.api("GET", f"{dag}/dagRuns/{run}/taskInstances/run/xcomEntries/return_value")
        said.add(value["value"].strip('"'))
    assert said == {"2026-03-28 00:30", "2026-03-29 00:30", "2026-03-30 00:30"}
