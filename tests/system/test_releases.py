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

    seconds = until(lambda: not any(map(is_running, processes)))

    print(f"\nall processes ended {seconds:.1f} s after the {what} was marked failed")
    assert stack.airflow.tasks("releases_long_job", run)["run"] == "failed"


def test_a_timeout_ends_the_script_and_its_children(stack, job):
    run, processes = job("releases_timeout")

    seconds = until(lambda: not any(map(is_running, processes)))

    print(f"\nall processes ended {seconds:.1f} s after they began, with a timeout of 5 s")
    assert stack.wait(run, dag_id="releases_timeout").startswith("failed")
    assert "AirflowTaskTimeout" in stack.airflow.task_log("releases_timeout", run, "run")
