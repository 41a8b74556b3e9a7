"""What lost workers and engines that went away have left is removed, by its own task or by a later one."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_daybreak.containers.container import Container
from airflow_provider_daybreak.exceptions import ContainerStoppedError
from airflow_provider_daybreak.hooks import container as hooks
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from tests.integration.containers.conftest import IMAGE
from tests.waiting import until

pytestmark = pytest.mark.engine


@pytest.fixture
def leave(worker, archive, engine, containers):
    """Return a function that has a worker lost with no try to come, and returns what it left."""

    def lost(run_id, **arguments):
        known = {container["Id"] for container in containers()}
        operator = ScriptDockerOperator(
            task_id="work",
            image=IMAGE,
            command=["sleep", "60"],
            archive=archive,
            outputs={"x": "/out/x"},
            **arguments,
        )
        process = worker(operator, run_id=run_id)
        new = until(
            lambda: [one for one in containers() if one["Id"] not in known and one["State"] == "running"]
        )
        process.kill()
        process.join()
        return new[0]["Id"]

    yield lost
    for container in containers():
        engine.remove_container(container["Id"], v=True, force=True)


@pytest.fixture
def later(context, archive):
    """Return a function that runs a task of a later run, in an Airflow that knows these states of others."""

    def run(states, **what):
        of_run = context(run_id="later", **what)
        of_run["ti"].get_task_states = lambda **_: {run_id: {"work": state} for run_id, state in states.items()}
        operator = ScriptDockerOperator(task_id="work", image=IMAGE, command=["true"], archive=archive)
        return operator.execute(of_run)

    return run


def test_a_later_task_removes_what_was_left_of_tasks_that_have_ended_and_nothing_else(
    leave, later, containers, volumes, engine
):
    before = volumes()
    _, going_on, kept = leave("over"), leave("going on"), leave("kept")
    engine.rename(kept, f"{engine.inspect_container(kept)['Name'].lstrip('/')}-kept-1")

    assert later({"over": "failed", "going on": "running", "kept": "failed"})["exit_code"] == 0

    assert {container["Id"] for container in containers()} == {going_on, kept}
    later({"over": "failed", "going on": "failed", "kept": "failed"})
    engine.remove_container(kept, v=True, force=True)
    assert volumes() == before


def test_a_task_of_another_airflow_removes_nothing(leave, later, containers, monkeypatch, tmp_path):
    left = leave("over")
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "another").as_uri())

    later({"over": "failed"})

    assert [container["Id"] for container in containers()] == [left]


@pytest.mark.parametrize("how", ["away", "broken"])
def test_a_container_whose_engine_is_away_when_its_work_is_done_is_removed_when_that_is_back(
    run, proxy, monkeypatch, how, content
):
    between = proxy()
    dispose, goes = Container.dispose, iter([True])

    def come_back():
        between.away, between.broken = False, set()

    def as_it_goes_away(self, *, keep):
        if next(goes, False):
            between.away, between.broken = how == "away", {"DELETE"} if how == "broken" else set()
            threading.Timer(1.5, come_back).start()
        dispose(self, keep=keep)

    monkeypatch.setattr(Container, "dispose", as_it_goes_away)

    result = run("echo x > /out/x", outputs={"x": "/out/x"}, docker_url=between.url)

    assert content(result["outputs"]["x"]) == b"x\n"  # and run has seen that no container is left


def test_a_process_that_airflow_has_lost_makes_no_container(context, archive, containers, monkeypatch):
    """The next try may be over by then: who would remove it?"""
    monkeypatch.setattr(hooks, "is_ours", lambda *_: False)
    operator = ScriptDockerOperator(task_id="work", image=IMAGE, command=["true"], archive=archive)

    with pytest.raises(ContainerStoppedError):
        operator.execute(context())

    assert containers() == []
