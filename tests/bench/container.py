"""A container task beside the stock DockerOperator: the same command, files in and out, and a long log."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, in_turn, kilobytes, seconds

from tests.context import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE = "python:3.12-slim"
MEGABYTE = 1_000_000
LOG = (
    "i=0; line=$(head -c 4000 /dev/zero | tr '\\0' x); while [ $i -lt 250000 ]; do echo $line; i=$((i+1)); done"
)

_runs = itertools.count()


def figures() -> Iterator[Figure]:
    os.environ["AIRFLOW_HOME"] = home = tempfile.mkdtemp(prefix="daybreak-bench-")
    from airflow.providers.docker.operators.docker import DockerOperator

    from airflow_provider_daybreak.operators.docker import File, ScriptDockerOperator

    def context():
        return make_context(dag_id="bench", task_id="work", run_id=f"run-{os.getpid()}-{next(_runs)}")

    def ours(command, **arguments):
        work = ScriptDockerOperator(task_id="work", image=IMAGE, command=command, **arguments)
        with quiet():
            return seconds(lambda: work.execute(context()))

    def stock(command):
        work = DockerOperator(
            task_id="work",
            image=IMAGE,
            command=command,
            mount_tmp_dir=False,
            auto_remove="force",
            network_mode="none",
        )
        with quiet():
            return seconds(lambda: work.execute(context()))

    sleep = ["python", "-c", "import time; time.sleep(1)"]
    ours(sleep), stock(sleep)
    yield Figure("container.memory_for_1_gb_of_log", _grown(lambda: ours(["sh", "-c", LOG])), None, 20, "MB")
    mine, theirs = in_turn(lambda: ours(sleep), lambda: stock(sleep), rounds=7)
    yield Figure("container.nothing_to_copy", mine, theirs, 1.10, "s", "DockerOperator")

    big = Path(home) / "big"
    big.write_bytes(os.urandom(50 * MEGABYTE))
    copy = ["cp", "/in/big", "/out/big"]
    files = {"inputs": {"big": File(big)}, "outputs": {"big": "/out/big"}}
    with_files, without = in_turn(lambda: ours(copy, **files), lambda: ours(["true"]), rounds=5)
    yield Figure("container.50_mb_in_and_out_more", with_files - without, None, 1.5, "s")


@contextmanager
def quiet() -> Iterator[None]:
    """Send what tasks log to nowhere: both operators log alike, and the figures are what is to be read."""
    sys.stdout.flush()
    terminal = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(terminal, 1)
        os.close(terminal)
        os.close(nowhere)


def _grown(function) -> float:
    """Return how many megabytes this process needs at most, while it runs the function, beyond what it has."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far (proc(5))
    before = kilobytes("VmRSS")
    function()
    return (kilobytes("VmHWM") - before) / 1000
