"""The whole daily run under a scheduler, beside the same four steps by stock operators; and what imports cost."""

from __future__ import annotations

import os
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure

from demo.airflow import Airflow, free_port
from demo.setting import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
PASSWORD = "a password of the benchmark"
# ScriptDockerOperator is a DockerOperator, and so costs what that one costs, too.
BEFORE = "import airflow.sdk, airflow.providers.docker.operators.docker; from airflow.sdk import BaseHook, BaseOperator"
FLOOR = """
from airflow.sdk import dag, task

@task
def nothing():
    pass

@dag(schedule=None, params={"report_date": None})
def four_empty_tasks():
    tasks = [nothing.override(task_id=f"nothing_{number}")() for number in range(4)]
    for before, after in zip(tasks, tasks[1:]):
        before >> after

four_empty_tasks()
"""
OPERATORS = "from airflow_provider_daybreak.operators import delivery, docker, report, venv"


def figures() -> Iterator[Figure]:
    yield _imports()
    yield _daily_run()


def _imports() -> Figure:
    """Measure what the operators add to the imports of a Dag file with stock operators."""
    code = (
        f"import time; {BEFORE}; s = time.perf_counter(); {OPERATORS}; print(1000 * (time.perf_counter() - s))"
    )
    command = [sys.executable, "-c", code]
    times = [
        float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(ROUNDS)
    ]
    return Figure("chain.import_operators", statistics.median(times), None, 50, "ms")


def _daily_run() -> Figure:
    home = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    catcher, env = prepare(home, PASSWORD)
    dags = home / "dags"
    dags.mkdir()
    shutil.copy(Path(__file__).parent / "stock_report.py", dags)
    (dags / "four_empty_tasks.py").write_text(FLOOR)
    airflow = Airflow(home / "airflow", port=free_port(), env=env | env_of_stock(home), dags={"stock": dags})
    try:
        airflow.start()
        airflow.wait_until_ready()
        dag_ids = ("daily_report", "stock_report", "four_empty_tasks")
        for dag_id in dag_ids:
            airflow.wait_for_dag(dag_id)
        days = iter(date(2026, 11, 1) + timedelta(days=n) for n in range(100))
        _run(airflow, "daily_report", next(days))  # makes release, environment and image
        _run(airflow, "stock_report", next(days))  # makes its environment
        rounds = [[_run(airflow, dag_id, next(days)) for dag_id in dag_ids] for _ in range(ROUNDS)]
    finally:
        airflow.stop()
        catcher.stop()
        shutil.rmtree(home, ignore_errors=True)
    ours, stock, floor = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Figure(
        "chain.daily_run", ours, stock, 0.9, "s", "stock operators", floor=floor, floor_name="four empty tasks"
    )


def env_of_stock(home: Path, *, image: bool = True) -> dict[str, str]:
    """Return what the stock Dag needs to know, and whom its mail hook is to trust."""
    from airflow_provider_daybreak.operators.docker import ImageBuild

    files = ROOT / "dags" / "daily_report"
    build = ImageBuild(files / "pdf", network="host")  # as the Dag has it
    # The stock hook trusts what the process trusts: the system's authorities and the catcher's.
    authorities = home / "authorities.pem"
    system = ssl.get_default_verify_paths().cafile or os.environ.get("SSL_CERT_FILE", "")
    own = home / "mail-server.crt"  # which `prepare` wrote
    authorities.write_text((Path(system).read_text() if system else "") + own.read_text())
    (home / "stock").mkdir()
    return {
        "BENCH_FILES": str(files),
        **({"BENCH_IMAGE": build.tag(build.context())} if image else {}),
        "BENCH_WORK": str(home / "stock"),
        "SSL_CERT_FILE": str(authorities),
    }


def _run(airflow: Airflow, dag_id: str, day: date) -> float:
    """Run the Dag for the date; return the seconds from its start to its end, as the scheduler has them."""
    run_id = airflow.trigger(dag_id, conf={"report_date": day.isoformat()})
    if (state := airflow.wait_for_run(dag_id, run_id)) != "success":
        raise RuntimeError(f"{dag_id}: {state}")
    run = airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
    begin, end = (datetime.fromisoformat(run[key]) for key in ("start_date", "end_date"))
    return (end - begin).total_seconds()
