"""
A real scheduler, whose task processes and their supervisors are killed all over a run.

At one point of either as a rule, and at ten in a sweep.
"""

from __future__ import annotations

import os
import signal
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from demo.airflow import Airflow, free_port
from tests.attacks import often
from tests.waiting import until

pytestmark = [pytest.mark.engine, pytest.mark.scheduler]

POINTS = often(1, 10)
LONGEST = 3.5  # seconds that a run of the task takes
DAG = """
    import os
    from datetime import timedelta
    from airflow.sdk import DAG
    from airflow_provider_daybreak.operators.docker import ScriptDockerOperator

    def note(context):
        ti = context["ti"]
        with open("{pids}/" + ti.run_id + "." + str(ti.try_number), "w") as file:
            file.write(f"{{os.getpid()}} {{os.getppid()}}\\n")

    with DAG("sweep", schedule=None, max_active_runs=4):
        ScriptDockerOperator(
            task_id="work",
            image="python:3.12-slim",
            command=["sh", "-c", "for n in 1 2 3 4; do echo line $n; sleep 0.5; done; cat /in/word /in/word > /out/x"],
            inputs={{"word": "{{{{ run_id }}}}"}},
            outputs={{"x": "/out/x"}},
            secrets={{"token": "canary-{{{{ 1 + 1 }}}}-of-the-sweep"}},
            pre_execute=note,
            retries=6,
            retry_delay=timedelta(seconds=1),
        )

    with DAG("once", schedule=None, params={{"script": "true"}}):
        ScriptDockerOperator(
            task_id="work",
            image="python:3.12-slim",
            command=["sh", "-c", "{{{{ params.script }}}}"],
            pre_execute=note,
        )
"""


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    home = tmp_path_factory.mktemp("sweep")
    (home / "dags").mkdir()
    (home / "pids").mkdir()
    (home / "dags" / "sweep.py").write_text(textwrap.dedent(DAG).format(pids=home / "pids"))
    airflow = Airflow(
        home,
        port=free_port(),
        dags={"sweep": home / "dags"},
        env={
            # A lost task is noticed in seconds rather than in five minutes.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "12",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
        },
    )
    airflow.start()
    try:
        airflow.wait_until_ready()
        airflow.wait_for_dag("sweep")
        yield airflow
    finally:
        airflow.stop()


@pytest.fixture
def events(engine):
    """Return the list of what happens to containers: the engine itself remembers a few hundred events only."""
    noted = []
    stream = engine.events(filters={"label": "daybreak.dag_id=sweep", "type": "container"}, decode=True)

    def note():
        for event in stream:
            noted.append(event)  # noqa: PERF402 - one by one, as they happen

    threading.Thread(target=note, daemon=True).start()
    yield noted
    stream.close()


def killed_run(airflow, engine, events, victim, delay):
    """Trigger a run, kill its task's process or supervisor so many seconds after it began, and say what came of it."""
    run_id = airflow.trigger("sweep")
    process, supervisor = _begun(airflow, run_id)
    time.sleep(delay)
    with suppress(ProcessLookupError):  # it was done before
        os.kill(process if victim == "process" else supervisor, signal.SIGKILL)
    state = _ended(airflow, "sweep", run_id)
    of_run = [event for event in events if event["Actor"]["Attributes"]["daybreak.run_id"] == run_id]
    return {
        "run_id": run_id,
        "victim": victim,
        "delay": round(delay, 2),
        "state": state,
        "most_at_once": _most_at_once(of_run),
        "containers": sum(event["Action"] == "create" for event in of_run),
        "left": len(engine.containers(all=True, filters={"label": f"daybreak.run_id={run_id}"})),
        "tries": len(list((airflow.home / "pids").glob(f"{run_id}.*"))),
        "content": _content(airflow, run_id) if state == "success" else None,
    }


def _begun(airflow, run_id):
    """Wait until a run's task begins, and return the ids of its process and its supervisor."""
    note = airflow.home / "pids" / f"{run_id}.1"
    until(lambda: note.exists() and note.read_text().endswith("\n"), told=lambda: f"{run_id} never began")
    return (int(pid) for pid in note.read_text().split())


def _ended(airflow, dag_id, run_id):
    """Wait until a run ends, and return its state."""

    def ended():
        state = _state(airflow, dag_id, run_id)
        return state if state in ("success", "failed") else None

    return until(ended, told=lambda: f"{run_id} never ended")


def _state(airflow, dag_id, run_id):
    with suppress(httpx.TimeoutException):  # a busy machine
        return airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"]


def _most_at_once(events):
    """Return how many containers existed at once, by what the engine noted."""
    most = existing = 0
    for event in sorted(events, key=lambda event: event["timeNano"]):
        existing += {"create": 1, "destroy": -1}.get(event["Action"], 0)
        most = max(most, existing)
    return most


def _content(airflow, run_id):
    path = f"/dags/sweep/dagRuns/{run_id}/taskInstances/work/xcomEntries/return_value"
    value = airflow.api("GET", path, params={"deserialize": "true"})["value"]
    uri = value["outputs"]["x"]["uri"]
    return Path(unquote(urlsplit(uri).path)).read_text()


@pytest.mark.attack("kills")
def test_wherever_a_worker_is_killed_there_is_one_container_and_the_right_result(
    airflow, engine, events, tried
):
    points = [
        (victim, LONGEST * (number + 0.5) / POINTS)
        for number in range(POINTS)
        for victim in ("process", "supervisor")
    ]
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda point: killed_run(airflow, engine, events, *point), points))

    tried(len(results))
    print(*results, sep="\n")
    for result in results:
        assert result["state"] == "success", result
        assert result["content"] == result["run_id"] * 2, result
        assert result["most_at_once"] == 1, result
        assert result["left"] == 0, result
    _no_canary(airflow)


def _no_canary(airflow):
    """Search all that Airflow has stored and logged: its database, its logs, and what it shows of the runs."""
    canary = b"canary-2-of-the-sweep"
    found = [path for path in airflow.home.rglob("*") if path.is_file() and canary in path.read_bytes()]
    assert found == []


def test_what_a_worker_leaves_that_is_lost_in_its_last_try_is_removed_by_a_later_run(airflow, engine):
    def left(run_id):
        return engine.containers(all=True, filters={"label": f"daybreak.run_id={run_id}"})

    airflow.wait_for_dag("once")
    lost = airflow.trigger("once", conf={"script": "sleep 600"})
    process, supervisor = _begun(airflow, lost)
    until(lambda: left(lost))
    for pid in (supervisor, process):
        os.kill(pid, signal.SIGKILL)

    assert _ended(airflow, "once", lost) == "failed"
    assert len(left(lost)) == 1
    later = airflow.trigger("once")
    assert _ended(airflow, "once", later) == "success"

    assert left(lost) == left(later) == []
    assert f"was left when task work of run {lost} ended" in airflow.task_log("once", later, "work")
