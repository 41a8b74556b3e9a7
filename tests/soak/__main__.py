"""
Soak the whole chain: a year's reports while everything that can be killed is killed, at random and by a seed.

Airflow runs on PostgreSQL with its components as processes of their own. Each report date is deployed for, run,
rendered, counted in a container and mailed to three people, while tasks, their supervisors, scripts, containers, scheduler,
Dag processor, API server, triggerer, database, mail server and engine are killed, the disk is filled, the mail server misbehaves, and
the clock is set. Then everything is let run to its end, and counted:

- no mail was taken twice; each that the ledger calls sent was taken once; one that is in doubt was taken once or not at all,
  and no mail is anything else;
- each day has its report, whole, with its own figures, and no script of a day ran beside another of it;
- releases verify; no process of a run is left, and no container once the run of the day after has been: as users are told, a
  container task removes what ended ones have left.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import httpx
import psutil

from demo.api import AirflowFailedError
from tests.soak.faults import Later, befall
from tests.soak.services import Soaked

FIRST = date(2025, 1, 1)
PEOPLE = ("ann@example.org", "bo@example.org", "cy@example.org")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=120, help="report dates to run (default: %(default)s)")
    parser.add_argument(
        "--pause", type=float, default=2.5, help="seconds between faults, on average (default: %(default)s)"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=60,
        help="begin no other report date after so many (default: %(default)s)",
    )
    parser.add_argument("--keep", action="store_true", help="leave the folder of the soak")
    arguments = parser.parse_args()
    most = (date.today() - FIRST).days  # noqa: DTZ011 - to a day
    if arguments.days >= most:
        parser.error(
            f"argument --days: Airflow fills no day that is to come: less than {most} are there since {FIRST}"
        )
    home = Path(tempfile.mkdtemp(prefix="daybreak-soak-"))
    home.chmod(0o755)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    print(f"Seed {arguments.seed}, {arguments.days} days, in {home}", flush=True)
    stack = Soaked(home, disk=256)
    try:
        stack.start()
        happened = soak(stack, arguments)
        violations = judge(stack, days_of(stack), happened)
    finally:
        stack.stop()
        if not arguments.keep:
            shutil.rmtree(home, ignore_errors=True)
    for violation in violations:
        print(f"VIOLATED: {violation}")
    print(f"{sum(happened.values())} faults, {len(violations)} violations")
    return bool(violations)


def soak(stack, arguments) -> Counter[str]:
    """Run the days under faults until all have ended, then once more in peace; return the faults."""
    chance = random.Random(arguments.seed)
    later = Later()
    stack.later = later.add
    last = FIRST + timedelta(days=arguments.days - 1)
    bounds = ("--from-date", FIRST.isoformat(), "--to-date", f"{last}T23:00:00", "--max-active-runs", "6")
    stack.airflow.backfill("soak", *bounds)
    happened: Counter[str] = Counter()
    deadline = time.monotonic() + arguments.minutes * 60
    told = time.monotonic()
    while (states := run_states(stack)) is None or set(states) - {"success", "failed"}:
        if time.monotonic() > deadline:
            print("The time is over: what has begun ends in peace.", flush=True)
            give_up(stack, later)
            break
        until = time.monotonic() + chance.expovariate(1 / arguments.pause)
        if fault := befall(stack, chance):
            happened[fault] += 1
        while time.monotonic() < until:
            stack.ensure()
            later.run()
            time.sleep(0.1)
        if time.monotonic() > told + 30:
            told = time.monotonic()
            print(f"{sum(happened.values())} faults; runs: {dict(states or {})}", flush=True)
    later.run(everything=True)
    settle(stack)
    run_the_day_after(stack)
    print("Faults:", ", ".join(f"{count} {fault}" for fault, count in happened.most_common()))
    return happened


def run_states(stack) -> Counter[str] | None:
    """Return how many runs are in which state; None while Airflow does not answer."""
    with suppress(AirflowFailedError, httpx.HTTPError, KeyError):
        return Counter(run["state"] for run in runs(stack))
    with suppress(httpx.HTTPError):
        stack.airflow.log_in(stack.airflow.password)  # the clock ended the login
    return None


def runs(stack):
    found, offset = [], 0
    while True:
        answer = stack.airflow.client.get(
            "/api/v2/dags/soak/dagRuns",
            params={"limit": "100", "offset": str(offset), "order_by": "logical_date"},
        )
        answer.raise_for_status()
        page = answer.json()["dag_runs"]
        found += page
        offset += len(page)
        if not page or offset >= answer.json()["total_entries"]:
            return found


def settle(stack) -> None:
    """Let all runs end; what failed is cleared, as a person would who looks at it, unless a mail is in doubt."""
    if stack.clock:
        stack.clock.catch_up()
    stack.services[
        "scheduler"
    ].kill()  # what a LocalExecutor was given and has lost stays queued for as long as that one runs
    stack.wait_until_healthy()
    if stack.engine:
        stack.engine.wait(stack.ensure)
    for attempt in range(3):
        deadline = time.monotonic() + 900
        while (states := run_states(stack)) is None or set(states) - {"success", "failed"}:
            if time.monotonic() > deadline:
                raise SystemExit(f"Runs don't end: {states}")
            stack.ensure()
            time.sleep(1)
        doubtful = {record.report_date for record in records(stack) if record.standing in ("in_doubt", "held")}
        failed = [
            run for run in runs(stack) if run["state"] == "failed" and run["logical_date"][:10] not in doubtful
        ]
        print(f"In peace: {dict(states)}, {len(failed)} failed without a doubt about a mail", flush=True)
        if not failed or attempt == 2:
            return
        for run in failed:
            body = {"dry_run": False, "only_failed": True, "dag_run_id": run["dag_run_id"]}
            stack.airflow.api("POST", "/dags/soak/clearTaskInstances", json=body)


def give_up(stack, later) -> None:
    """Begin no other report date: those that have not begun are none."""
    later.run(everything=True)
    stack.wait_until_healthy()
    stack.airflow.cancel_backfills("soak")
    for run in runs(stack):
        if run["start_date"] is None:
            stack.airflow.api("DELETE", f"/dags/soak/dagRuns/{run['dag_run_id']}")


def days_of(stack) -> list[date]:
    """Return the report dates that have begun, which follow each other."""
    days = [date.fromisoformat(run["logical_date"][:10]) for run in runs(stack)]
    assert days == [FIRST + timedelta(days=number) for number in range(len(days))]
    return days


def run_the_day_after(stack) -> None:
    """Run one report more, in peace."""
    left = stack.containers("-a")
    day = days_of(stack)[-1] + timedelta(days=1)
    stack.airflow.backfill("soak", "--from-date", day.isoformat(), "--to-date", f"{day}T23:00:00")
    settle(stack)
    logs = (stack.home / "airflow" / "logs").rglob("*.log")
    removed = sum(log.read_text(errors="replace").count(", which was left when task ") for log in logs)
    print(
        f"{len(left)} containers were left before the day after; tasks removed {removed} of ended ones in all"
    )


def records(stack):
    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.delivery.audit import deliveries

    return list(deliveries(Archive(stack.data / "reports"), "soak"))


def judge(stack, days, happened) -> list[str]:
    """Return what was violated."""
    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.archive.verify import verify

    wrong = []
    taken = Counter()
    for note in stack.mails.glob("*.mail"):
        recipient, subject = note.read_text().split("\t")
        taken[subject.strip().rpartition(" ")[2], recipient] += 1
    wrong += [f"{key} was mailed {count} times" for key, count in taken.items() if count > 1]
    ledger = {(record.report_date, record.recipient): record for record in records(stack)}
    standings = Counter(record.standing for record in ledger.values())
    for day in days:
        for person in PEOPLE:
            key = (day.isoformat(), person)
            standing = ledger[key].standing if key in ledger else "unknown to the ledger"
            if standing not in ("sent", "in_doubt", "held") or (standing == "sent" and taken[key] != 1):
                wrong.append(f"{key} is {standing}, and was taken {taken[key]} times")
    archive = Archive(stack.data / "reports")
    for day in days:
        revisions = list(archive.revisions("soak", since=day, until=day))
        units = day.isoformat().replace("-", "")
        if len(revisions) != 1:
            wrong.append(f"{day} has {len(revisions)} revisions")
        elif units not in revisions[0].read("data/figures.csv").decode():
            wrong.append(f"the report of {day} has another day's figures")
    damaged = [one for one in verify(archive, "soak") if one.damages]
    wrong += [f"damaged: {one}" for one in damaged]
    wrong += [f"{note.stem} ran twice at once" for note in stack.notes.glob("*.beside")]
    wrong += left_over(stack)
    done = subprocess.run(
        ["daybreak", "releases", "verify", "soak"],
        env=stack.airflow.env,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        wrong.append(f"releases verify: {done.stdout[-500:]}{done.stderr[-500:]}")
    doubts = Counter(
        "taken" if taken[key] else "not taken"
        for key, record in ledger.items()
        if record.standing == "in_doubt"
    )
    print(
        f"{len(days)} days; {sum(taken.values())} mails taken; the ledger: {dict(standings)}; in doubt: {dict(doubts)}; kills: {happened.total()}"
    )
    return wrong


def left_over(stack) -> list[str]:
    """Return what runs have left behind."""
    listed = stack.containers("-a")
    wrong = [f"{len(listed)} containers are left"] if listed else []
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    left = [line for line in lines if "figures.py" in line and str(stack.home) in line]
    return wrong + [f"a process is left: {line}" for line in left]


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.exit(main())
