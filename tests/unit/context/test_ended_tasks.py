from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_daybreak.containers.identity import Task
from airflow_provider_daybreak.context.ended_tasks import ended

TASK = Task("dag", "run", "task", -1)


def instance(answers):
    """Return a task instance of an Airflow that knows these states, and the questions that it was asked."""
    asked = []

    def ask(*, dag_id, task_ids, run_ids):
        asked.append((dag_id, task_ids, run_ids))
        known = answers.get(dag_id, {})
        return {
            run: {key: state for key, state in known[run].items() if key.startswith(task_ids[0])}
            for run in run_ids
            if run in known
        }

    return SimpleNamespace(get_task_states=ask), asked


@pytest.mark.parametrize("state", ["success", "failed", "skipped", "upstream_failed", "removed"])
def test_a_task_in_a_last_state_has_ended(state):
    ti, _ = instance({"dag": {"run": {"task": state}}})

    assert ended(ti, [TASK]) == {TASK}


@pytest.mark.parametrize(
    "state",
    ["running", "queued", "scheduled", "up_for_retry", "up_for_reschedule", "deferred", "restarting", None],
)
def test_a_task_that_may_be_tried_again_has_not(state):
    ti, _ = instance({"dag": {"run": {"task": state}}})

    assert ended(ti, [TASK]) == set()


def test_a_run_that_airflow_does_not_know_has_not_ended():
    ti, _ = instance({})

    assert ended(ti, [TASK]) == set()


def test_of_mapped_tasks_each_has_its_own_state():
    mapped = [TASK._replace(map_index=index) for index in range(3)]
    ti, asked = instance({"dag": {"run": {"task_0": "success", "task_1": "running", "task_2": "failed"}}})

    assert ended(ti, mapped) == {mapped[0], mapped[2]}
    assert len(asked) == 1


def test_many_runs_are_asked_for_by_parts():
    tasks = [TASK._replace(run_id=f"run {number}") for number in range(120)]
    ti, asked = instance({"dag": {task.run_id: {"task": "failed"} for task in tasks}})

    assert ended(ti, tasks) == set(tasks)
    assert [len(run_ids) for _, _, run_ids in asked] == [50, 50, 20]


def test_an_airflow_that_can_not_tell_is_said_to_be_so_and_nothing_has_ended(caplog):
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
    from airflow.sdk.execution_time.comms import ErrorResponse

    def ask(**_):
        raise AirflowRuntimeError(ErrorResponse(error=ErrorType.GENERIC_ERROR))

    assert ended(SimpleNamespace(get_task_states=ask), [TASK]) == set()
    assert "does not say which tasks of Dag dag have ended" in caplog.text


def test_a_preview_has_no_airflow_to_ask():
    assert ended(SimpleNamespace(), [TASK]) == set()
