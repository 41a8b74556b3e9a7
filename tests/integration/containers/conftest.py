"""A real engine, tasks of a Dag of the test's own, and the promise that nothing is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import uuid

import pytest

from airflow_provider_daybreak.exceptions import ContainerStoppedError
from tests.integration.containers.proxy import Proxy

IMAGE = "python:3.12-slim"
fork = multiprocessing.get_context("fork")


@pytest.fixture
def dag_id():
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def archive(tmp_path):
    return (tmp_path / "archive").as_uri()


@pytest.fixture
def containers(engine, dag_id):
    """Return a function that lists the containers of this test's Dag."""
    return lambda: engine.containers(all=True, filters={"label": f"daybreak.dag_id={dag_id}"})


@pytest.fixture
def context(make_context, dag_id):
    """Return a function that makes the context of one try."""
    return lambda **what: make_context(**{"dag_id": dag_id, "task_id": "work", "run_id": "run", **what})


@pytest.fixture
def run(context, archive, containers):
    """Return a function that runs a task, and check afterwards that no container is left."""
    from airflow_provider_daybreak.operators.docker import ScriptDockerOperator

    def start(script=None, *, in_context=None, **arguments):
        if script is not None:
            arguments["command"] = ["sh", "-c", script]
        arguments = {"image": IMAGE, "archive": archive, **arguments}
        operator = ScriptDockerOperator(task_id="work", **arguments)
        return operator.execute(in_context or context())

    yield start
    assert containers() == []


@pytest.fixture
def content():
    """Return a function that reads the file that an output became."""
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    return lambda output: Path(unquote(urlsplit(output["uri"]).path)).read_bytes()


@pytest.fixture
def proxy():
    """Return a function that starts a socket proxy before the engine, so that it is reached over TCP."""
    proxies = []

    def start(rules=None):
        proxies.append(Proxy(rules))
        return proxies[-1]

    yield start
    for started in proxies:
        started.close()


@pytest.fixture
def worker(context):
    """Return a function that starts a try of a task in a process of its own, as a worker does."""
    processes = []

    def start(operator, **what):
        def work():
            signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
            try:
                operator.execute(context(**what))
            except BaseException as error:  # noqa: BLE001 - what the test looks at
                os._exit(20 if isinstance(error, ContainerStoppedError) else 1)
            os._exit(0)

        process = fork.Process(target=work)
        process.start()
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.join()
