"""
A year backfilled on PostgreSQL with the LocalExecutor, beside the same three steps by stock operators, in turn.

``BENCH_DAYS`` says how many days, 365 by default; ``BENCH_BLOCK`` how many of them are backfilled in one turn, at most 100.
What each task took is printed, too.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import date, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from harness import Figure

from demo.airflow import Airflow, free_port
from demo.setting import prepare
from tests.bench.chain import PASSWORD, env_of_stock
from tests.soak.services import Service, make_database

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
DAYS = int(os.environ.get("BENCH_DAYS", "365"))
BLOCK = int(os.environ.get("BENCH_BLOCK", "73"))
FIRST = date(2025, 1, 1)
OURS, STOCK = "backfill_report", "stock_report"
MINUTES = 120


def figures() -> Iterator[Figure]:
    home = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    home.chmod(0o755)  # the database is another user's
    catcher, env = prepare(home, PASSWORD)
    dags = home / "dags"
    dags.mkdir()
    for name in (OURS, STOCK):
        shutil.copy(HERE / f"{name}.py", dags)
    port = free_port()
    database = Service("database", make_database(home / "database", port, "airflow"), home / "database.log")
    env |= env_of_stock(home, image=False) | {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres",
    }
    airflow = Airflow(home / "airflow", port=free_port(), env=env, dags={"bench": dags})
    try:
        database.ensure()
        time.sleep(3)
        airflow.start()
        airflow.wait_until_ready(seconds=900)
        for dag in (OURS, STOCK):
            airflow.wait_for_dag(dag, seconds=900)
            _backfill(airflow, dag, FIRST - timedelta(days=2), 1)  # makes release and environment
        taken: dict[str, list[float]] = {OURS: [], STOCK: []}
        used: dict[str, list[float]] = {OURS: [], STOCK: []}
        memory = []
        for begin in range(0, DAYS, BLOCK):
            size = min(BLOCK, DAYS - begin)
            for dag in (OURS, STOCK):
                before = _cpu_seconds()
                taken[dag].append(_backfill(airflow, dag, FIRST + timedelta(days=begin), size))
                used[dag].append(_cpu_seconds() - before)
                print(
                    f"{dag}: {size} days from {begin} on in {taken[dag][-1]:.0f} s, of processors {used[dag][-1]:.0f} s",
                    flush=True,
                )
            memory.append(_memory(airflow))
        for dag in (OURS, STOCK):
            print(f"{dag}: {_of_tasks(airflow, dag)}", flush=True)
        mails = Counter(message_from_bytes(path.read_bytes())["Subject"] for path in catcher.messages())
    finally:
        airflow.stop()
        database.stop()
        catcher.stop()
        shutil.rmtree(home, ignore_errors=True)
    doubled = sum(count - 1 for count in mails.values())
    missing = 2 * (DAYS + 1) - len(mails)
    yield Figure(
        "backfill.seconds_a_day", sum(taken[OURS]) / DAYS, sum(taken[STOCK]) / DAYS, 1.0, "s", "stock operators"
    )
    yield Figure(
        "backfill.cpu_seconds_a_day",
        sum(used[OURS]) / DAYS,
        sum(used[STOCK]) / DAYS,
        1.0,
        "s",
        "stock operators",
    )
    yield Figure("backfill.mails_twice_or_missing", doubled + missing, None, 0, "mails")
    if len(memory) > 1:  # the first turn loads what is loaded once
        yield Figure("backfill.memory_at_the_end", memory[-1], memory[0], 1.1, "MB", "after the first turn")


def _cpu_seconds() -> float:
    """Return what Airflow, the database and all that they have waited for took of processors up to now."""
    taken = 0.0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # who waits for it has its time then
            taken += sum(process.cpu_times()[:4])
    return taken


def _memory(airflow: Airflow) -> float:
    """Return the MB that all of Airflow's processes have, what they share counted once."""
    kept = 0
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # a task's, which ends
            if process.environ().get("AIRFLOW_HOME") == str(airflow.home):
                kept += process.memory_full_info().pss
    return kept / 1e6


def _of_tasks(airflow: Airflow, dag: str) -> str:
    """Return the median seconds of each task, from the start of its process to its end."""
    seconds: dict[str, list[float]] = {}
    path = f"/dags/{dag}/dagRuns/~/taskInstances"
    for task in airflow.api("GET", path, params={"limit": 100, "order_by": "-start_date"})["task_instances"]:
        seconds.setdefault(task["task_id"], []).append(task["duration"] or 0.0)
    return ", ".join(f"{name} {statistics.median(times):.2f} s" for name, times in seconds.items())


def _backfill(airflow: Airflow, dag: str, first: date, days: int) -> float:
    """Backfill the days; return the seconds from the first run's start to the last one's end."""
    last = first + timedelta(days=days - 1)
    asked = {"logical_date_gte": f"{first}T00:00:00Z", "logical_date_lte": f"{last}T23:59:00Z"}
    airflow.backfill(dag, "--from-date", str(first), "--to-date", f"{last}T23:00:00", "--max-active-runs", "4")
    deadline = time.monotonic() + 60 * MINUTES
    while True:
        states = airflow.runs(dag, **asked)
        if len(states) == days and set(states.values()) <= {"success", "failed"}:
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"{dag}: {Counter(states.values())} after {MINUTES} minutes")
        time.sleep(1)
    if set(states.values()) != {"success"}:
        raise RuntimeError(f"{dag}: {Counter(states.values())}")
    found = [airflow.api("GET", f"/dags/{dag}/dagRuns/{run}") for run in states]
    begins, ends = ([datetime.fromisoformat(run[key]) for run in found] for key in ("start_date", "end_date"))
    return (max(ends) - min(begins)).total_seconds()
