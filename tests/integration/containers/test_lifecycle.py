"""Never two containers, none left over: retries, lost workers, kills, timeouts."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest
from airflow.sdk.exceptions import AirflowTaskTimeout
from airflow.sdk.execution_time.timeout import timeout

from airflow_provider_daybreak.exceptions import (
    ContainerFailedError,
    ContainerNameTakenError,
)
from airflow_provider_daybreak.hooks.container import ContainerHook
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from tests.waiting import until

pytestmark = pytest.mark.engine

SLOW = "echo begun; n=0; while [ $n -lt 20 ]; do sleep 0.1; n=$((n+1)); done; echo x >> /out/x; echo done"
fork = multiprocessing.get_context("fork")


@pytest.fixture
def operator(archive):
    """Return a function that makes the task."""

    def make(script=SLOW, **arguments):
        arguments = {"image": "python:3.12-slim", "archive": archive, "outputs": {"x": "/out/x"}, **arguments}
        return ScriptDockerOperator(task_id="work", command=["sh", "-c", script], **arguments)

    return make


def running(containers):
    return [container for container in containers() if container["State"] == "running"]


def test_a_retry_takes_over_the_container_of_a_lost_worker(
    operator, worker, context, containers, content, volumes
):
    lost = worker(operator())
    (first,) = until(lambda: running(containers))
    lost.kill()
    lost.join()

    retry = operator()
    result = retry.execute(context(try_number=2))

    assert first["Labels"]["daybreak.try_number"] == "1"
    assert content(result["outputs"]["x"]) == b"x\n"
    assert result["last_line"] == "done"
    assert containers() == []
    assert volumes() == set()


def test_a_retry_reads_the_log_from_its_beginning(operator, worker, context, containers, monkeypatch):
    lost = worker(operator())
    until(lambda: running(containers))
    time.sleep(0.5)
    lost.kill()
    lost.join()
    seen = []
    monkeypatch.setattr(ContainerHook, "_sink", lambda _, __, line: seen.append(line))

    operator().execute(context(try_number=2))

    assert seen == ["begun", "done"]


def test_a_retry_takes_the_result_of_a_container_that_has_ended(operator, worker, context, containers, content):
    lost = worker(operator("sleep 0.5; date +%s%N > /out/x"))
    until(lambda: running(containers))
    lost.kill()
    lost.join()
    (ended,) = until(lambda: [container for container in containers() if container["State"] == "exited"])
    ended_at = ended["Status"]

    result = operator("sleep 0.5; date +%s%N > /out/x").execute(context(try_number=2))

    assert "Exited (0)" in ended_at
    assert len(content(result["outputs"]["x"])) == 20
    assert containers() == []


@pytest.mark.parametrize("state", ["failed", "never started", "other work"])
def test_a_container_that_is_no_use_is_replaced(engine, operator, worker, context, containers, content, state):
    first = operator("sleep 1; exit 1" if state == "failed" else SLOW.replace("x >>", "old >>"))
    lost = worker(first)
    (container,) = until(lambda: running(containers))
    lost.kill()
    lost.join()
    if state == "failed":
        until(lambda: not running(containers))
    elif state == "never started":
        _remake_unstarted(engine, container)

    result = operator("echo new > /out/x").execute(context(try_number=2))

    assert content(result["outputs"]["x"]) == b"new\n"
    assert containers() == []


def _remake_unstarted(engine, container):
    """Leave what a worker leaves that is lost between making a container and starting it."""
    name = container["Names"][0].lstrip("/")
    engine.remove_container(name, v=True, force=True)
    engine.create_container("python:3.12-slim", name=name, labels=container["Labels"])


def test_a_container_of_somebody_else_is_left_alone(engine, operator, context, dag_id):
    name = f"{dag_id}-mine"
    engine.create_container("python:3.12-slim", name=name)
    try:
        with pytest.raises(
            ContainerNameTakenError, match=f"Container '{name}' .* exists and is not this task's"
        ):
            operator(container_name=name).execute(context())
        assert engine.inspect_container(name)["State"]["Status"] == "created"
    finally:
        engine.remove_container(name)


def test_a_name_of_the_tasks_own_that_changes_does_not_make_two(operator, worker, context, containers, dag_id):
    lost = worker(operator(container_name=f"{dag_id}-try-1"))
    until(lambda: running(containers))
    lost.kill()
    lost.join()

    result = operator(container_name=f"{dag_id}-try-2").execute(context(try_number=2))

    assert result["container"] == f"{dag_id}-try-1"
    assert containers() == []


def test_two_tries_at_once_share_one_container(operator, worker, containers):
    most = 0
    tries = [worker(operator(), try_number=number) for number in (1, 2)]
    while any(process.is_alive() for process in tries):
        most = max(most, len(containers()))
        time.sleep(0.02)

    assert most == 1
    assert containers() == []
    assert 0 in [process.exitcode for process in tries]


@pytest.mark.parametrize("script", [SLOW * 10, "trap '' TERM; echo begun; while true; do sleep 0.1; done"])
def test_a_killed_task_ends_with_its_container_within_airflows_five_seconds(
    operator, worker, containers, volumes, script
):
    process = worker(operator(script))
    until(lambda: running(containers))
    time.sleep(0.3)

    start = time.monotonic()
    process.terminate()
    process.join(5)
    took = time.monotonic() - start

    assert process.exitcode == 20
    assert took < 5
    assert containers() == []
    assert volumes() == set()


def test_a_timeout_ends_the_container_and_is_the_error_that_is_reported(operator, context, containers, volumes):
    slow = operator("sleep 100")

    with pytest.raises(AirflowTaskTimeout), timeout(1):
        slow.execute(context())
    slow.on_kill()  # as Airflow does

    assert containers() == []
    assert volumes() == set()


@pytest.mark.parametrize(
    "how", [{"keep_on_failure": True}, {"auto_remove": "success"}, {"auto_remove": "never"}]
)
def test_a_failed_container_is_kept_on_purpose_and_does_not_hinder_the_next_try(
    engine, operator, context, containers, how
):
    with pytest.raises(ContainerFailedError):
        operator("echo evidence > /out/x; exit 1", **how).execute(context())
    (kept,) = containers()
    try:
        assert kept["Names"][0].endswith("-kept-1")
        assert kept["State"] == "exited"
        assert operator("echo good > /out/x").execute(context(try_number=2))["exit_code"] == 0
        assert [container["Id"] for container in containers()] == [kept["Id"]]
    finally:
        engine.remove_container(kept["Id"], v=True)


def test_a_process_that_airflow_has_lost_leaves_its_container_to_the_retry(
    operator, context, containers, content
):
    """Where a supervisor is killed, the task's process runs on as an orphan, and may end before or after a retry begins."""

    def supervise():
        child = os.fork()
        if child == 0:
            try:
                operator().execute(context())
            finally:
                os._exit(0)
        time.sleep(60)

    supervisor = fork.Process(target=supervise)
    supervisor.start()
    until(lambda: running(containers))
    supervisor.kill()
    supervisor.join()
    until(lambda: not running(containers))
    time.sleep(0.5)
    assert [container["State"] for container in containers()] == ["exited"]

    result = operator().execute(context(try_number=2))

    assert content(result["outputs"]["x"]) == b"x\n"
    assert containers() == []
