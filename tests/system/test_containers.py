"""A running container under a real scheduler: whatever ends its task ends it, and leaves nothing behind."""

from __future__ import annotations

import pytest

from tests.waiting import until

pytestmark = [pytest.mark.scheduler, pytest.mark.engine]


@pytest.fixture
def job(stack, engine, volumes):
    """Return a function that starts a run of a Dag, and returns its id and a function that lists its containers."""
    dags = []

    def containers(dag_id, *, every=False):
        return engine.containers(all=every, filters={"label": f"daybreak.dag_id={dag_id}"})

    def start(dag_id):
        dags.append(dag_id)
        stack.airflow.wait_for_dag(dag_id)
        run = stack.airflow.trigger(dag_id)
        until(lambda: any(b"begun" in engine.logs(each["Id"]) for each in containers(dag_id)))
        return run, lambda **options: containers(dag_id, **options)

    yield start
    for kept in [each for dag_id in dags for each in containers(dag_id, every=True)]:
        engine.remove_container(kept["Id"], v=True, force=True)
    assert volumes() == set()


def mark_failed(stack, dag_id, run):
    path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/work"
    stack.airflow.api("PATCH", path, json={"new_state": "failed"})


def test_marking_the_task_failed_removes_the_container(stack, job):
    run, containers = job("containers_long_job")
    mark_failed(stack, "containers_long_job", run)

    until(lambda: not containers(every=True))

    assert stack.airflow.tasks("containers_long_job", run)["work"] == "failed"
    assert "Stopping container" in stack.airflow.task_log("containers_long_job", run, "work")


def test_a_timeout_removes_the_container_and_is_the_error_that_is_told(stack, job):
    run, containers = job("containers_timeout")

    until(lambda: not containers(every=True))

    assert stack.wait(run, dag_id="containers_timeout").startswith("failed")
    assert "AirflowTaskTimeout" in stack.airflow.task_log("containers_timeout", run, "work")


def test_a_container_that_is_to_be_kept_is_stopped_and_kept_under_a_name_of_its_own(stack, job):
    run, containers = job("containers_kept")
    mark_failed(stack, "containers_kept", run)

    until(lambda: not containers())
    until(lambda: any("-kept-" in name for each in containers(every=True) for name in each["Names"]))
