"""An unmodified script's own mail, sent once for its day under a real scheduler."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.system.test_delivery import TODAY, Chain

pytestmark = pytest.mark.scheduler


def what_became(chain, run):
    return chain.airflow.api("GET", chain.path(run, "mail") + "/xcomEntries/mail")["value"]


def test_three_days_backfilled_and_cleared_are_three_mails_each_of_its_own_day(stack):
    chain = Chain(stack, "script_once")
    days = [TODAY - timedelta(days=back) for back in (4, 3, 2)]

    bounds = {"from_date": f"{days[0]}T00:00:00Z", "to_date": f"{days[-1]}T23:59:00Z"}
    stack.airflow.api("POST", "/backfills", json={"dag_id": chain.dag_id, **bounds})
    runs = [chain.run_of(day) for day in days]
    for run in runs:
        assert chain.ended(run) == "success"
        assert what_became(chain, run)["sent"] == ["you@example.org"]
    for run in runs:
        chain.clear(run)
        assert chain.ended(run) == "success"
        assert what_became(chain, run)["already_sent"] == ["you@example.org"]
        assert chain.result(run) == "mailed"

    subjects = [mail["Subject"] for mail in stack.mails("script_once of ")]
    assert sorted(subjects) == [f"Sales of {day}" for day in days]


def test_a_worker_killed_in_the_middle_of_the_script_sends_its_mail_once(stack, tmp_path):
    chain, file = Chain(stack, "script_killed"), tmp_path / "started"
    run = stack.airflow.trigger(chain.dag_id, conf={"report_date": TODAY.isoformat(), "file": str(file)})
    deadline = time.monotonic() + 120
    while not file.exists() or not file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    task = chain.task(run)["pid"]
    supervisor = int(Path(f"/proc/{task}/stat").read_text().rpartition(")")[2].split()[1])
    for process in (supervisor, task, int(file.read_text())):
        os.kill(process, signal.SIGKILL)

    assert chain.ended(run) == "success"

    assert chain.task(run)["try_number"] == 2
    assert [mail["Subject"] for mail in stack.mails("script_killed of ")] == [f"Sales of {TODAY}"]
