"""Engines that are far, filtered, away, or away for a while."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import (
    ContainerFailedError,
    EngineError,
    EngineUnavailableError,
    ImagePullError,
)
from tests.integration.containers.compose import compose_rules

pytestmark = pytest.mark.engine

DOCUMENT = Path(__file__).parents[3] / "docs" / "containers.md"


def test_the_documentation_lists_the_calls_that_the_socket_proxy_allows():
    documented = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /\S+)`", DOCUMENT.read_text()))
    allowed = {
        f"{method} " + branch.replace(r"/v1\.\d+", "").replace("[^/]+", "…").replace(".+", "…")
        for method, pattern in compose_rules().items()
        for branch in pattern.split("|")
    }

    assert documented == allowed


def test_files_move_the_same_with_an_engine_behind_tcp(run, proxy, content):
    script = "sha256sum /in/big | cut -c1-64; cp /in/big /out/big"
    big = b"0123456789abcdef" * 1_000_000

    near = run(script, inputs={"big": big}, outputs={"big": "/out/big"})
    far = run(script, inputs={"big": big}, outputs={"big": "/out/big"}, docker_url=proxy().url)

    assert far["outputs"]["big"]["sha256"] == near["outputs"]["big"]["sha256"] == far["last_line"]
    assert content(far["outputs"]["big"]) == big


def test_the_socket_proxy_allows_just_the_calls_that_are_needed(
    run, proxy, tmp_path, dag_id, engine, containers
):
    through = proxy(compose_rules())
    folder = tmp_path / dag_id
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY Dockerfile /app/\n")

    built = run(
        "cp /in/a /out/a",
        image="",
        build=folder,
        inputs={"a": "x"},
        outputs={"a": "/out/a"},
        docker_url=through.url,
    )
    named = run("true", container_name=f"{dag_id}-own", docker_url=through.url)
    with pytest.raises(ContainerFailedError):
        run("exit 3", keep_on_failure=True, docker_url=through.url)
    for kept in containers():
        engine.remove_container(kept["Id"], v=True)
    with pytest.raises(ImagePullError, match="Cannot pull image"):
        run("true", image="127.0.0.1:1/no:image", docker_url=through.url)
    engine.remove_image(built["image"], force=True)

    assert named["container"] == f"{dag_id}-own"
    assert through.refused == []
    for method, pattern in compose_rules().items():
        for branch in pattern.split("|"):
            used = [path for called, path in through.calls if called == method and re.fullmatch(branch, path)]
            assert used or branch.endswith("/auth"), f"{method} {branch} is allowed and never needed"


@pytest.mark.parametrize(
    "call",
    [
        ("POST", "/v1.41/containers/x/exec"),
        ("POST", "/v1.41/containers/x/kill"),
        ("GET", "/v1.41/containers/x/export"),
        ("POST", "/v1.41/volumes/create"),
        ("DELETE", "/v1.41/images/x"),
        ("GET", "/v1.41/secrets"),
        ("POST", "/v1.41/swarm/init"),
    ],
)
def test_the_socket_proxy_refuses_what_no_task_needs(call):
    method, path = call

    assert not re.fullmatch(compose_rules().get(method, "(?!)"), path)


def test_a_call_that_a_proxy_refuses_is_named(run, proxy):
    rules = compose_rules() | {"PUT": "(?!)"}

    with pytest.raises(
        EngineError, match="The container engine refused to copy files to /in of container .*: not allowed by"
    ):
        run("true", inputs={"a": "x"}, docker_url=proxy(rules).url)


def test_an_engine_that_restarts_is_waited_for(run, proxy, content, caplog):
    between = proxy()

    def restart():
        time.sleep(1.5)
        between.leave()
        time.sleep(1.5)
        between.come_back()

    thread = threading.Thread(target=restart)
    thread.start()
    seen = run(
        "for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.5; done; echo x >/out/x",
        outputs={"x": "/out/x"},
        docker_url=between.url,
    )
    thread.join()

    assert seen["last_line"] == "line 8"
    assert caplog.text.count("No container engine answers") == 1
    assert content(seen["outputs"]["x"]) == b"x\n"


def test_an_engine_that_stays_away_leaves_the_container_to_the_next_try(
    run, proxy, content, monkeypatch, context
):
    monkeypatch.setattr("airflow_provider_daybreak.containers.outage._PATIENCE", 2)
    between = proxy()
    threading.Timer(1, between.leave).start()
    script = "sleep 2; echo x >/out/x"

    with pytest.raises(EngineUnavailableError, match="No container engine answers"):
        run(script, outputs={"x": "/out/x"}, docker_url=between.url)
    between.come_back()
    retried = run(script, outputs={"x": "/out/x"}, docker_url=between.url, in_context=context(try_number=2))

    assert content(retried["outputs"]["x"]) == b"x\n"
