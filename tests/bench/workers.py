"""
Two Celery workers beside one: the same chain for the same number of days, by one of them and by both, in turn.

They share what workers share: database, queue and object store. Here they share the machine's processors too, of which a task's start takes the most, so
that the script waits, as for a database, ``BENCH_WAIT`` seconds (30), and computes nothing. ``BENCH_DAYS`` says how many days a turn
has (8), ``BENCH_ROUNDS`` how many turns each has (1).
"""

from __future__ import annotations

import os
import statistics
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure

from airflow_provider_daybreak.releases.files import remove_tree
from tests.system.workers import Workers
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = int(os.environ.get("BENCH_DAYS", "8"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "1"))
WAIT = float(os.environ.get("BENCH_WAIT", "30"))
MINUTES = 30
DAG = "workers_any"


def figures() -> Iterator[Figure]:
    home = Path(tempfile.mkdtemp(prefix="daybreak-bench-"))
    home.chmod(0o755)  # the database is another user's
    workers = Workers(home)
    days = (date(2026, 1, 1) + timedelta(days=number) for number in range(10_000))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    try:
        workers.start()
        _turn(workers, [next(days) for _ in range(4)], wait=1)  # each has the release then
        for _ in range(ROUNDS):
            for number, all_taken in seconds.items():
                _have(workers, number)
                taken = _turn(workers, [next(days) for _ in range(DAYS)], wait=WAIT)
                print(f"{number} of 2 workers: {DAYS} days in {taken:.0f} s", flush=True)
                all_taken.append(taken)
        mails = [note.read_text() for note in workers.mails.glob("*.mail")]
    finally:
        workers.stop()
        remove_tree(home)
    one, both = (3600 * DAYS / statistics.median(taken) for taken in seconds.values())
    yield Figure("workers.days_an_hour", both, one, 1.7, "days", "one worker", higher_is_better=True)
    expected = 3 * (4 + 2 * ROUNDS * DAYS)
    yield Figure(
        "workers.mails_twice_or_missing",
        len(mails) - len(set(mails)) + expected - len(set(mails)),
        None,
        0,
        "mails",
    )


def _have(workers: Workers, number: int) -> None:
    """Have that many of the two workers at work."""
    second = workers.services["b"]
    second.kill(down=float("inf"))
    if number == 2:
        second.log.unlink()
        second.down_until = 0
        second.ensure()
        until(lambda: " ready." in second.log.read_text())


def _turn(workers: Workers, days: list[date], *, wait: float) -> float:
    """Run the chain for the days; return the seconds from the first one's start to the last one's end."""
    conf = [{"report_date": str(day), "seconds": wait} for day in days]
    runs = [workers.airflow.trigger(DAG, conf=one) for one in conf]
    states = workers.wait(DAG, *runs, seconds=60 * MINUTES)
    if set(states) != {"success"}:
        raise RuntimeError(f"{DAG}: {states}")
    found = [workers.airflow.api("GET", f"/dags/{DAG}/dagRuns/{run}") for run in runs]
    begins, ends = ([datetime.fromisoformat(run[key]) for run in found] for key in ("start_date", "end_date"))
    return (max(ends) - min(begins)).total_seconds()
