"""Two Celery workers that share nothing but a database, a queue and an object store, and that die."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from airflow_provider_daybreak.releases.files import remove_tree
from tests.attacks import often
from tests.system.workers import NAMES, PEOPLE, Workers
from tests.waiting import until

pytestmark = [pytest.mark.scheduler, pytest.mark.workers]

KILLS = int(os.environ.get("DAYBREAK_KILLS", often(1, 10)))
SEED = int(os.environ.get("DAYBREAK_KILLS_SEED", "1"))
FIRST = date(2026, 1, 1)


@pytest.fixture(scope="module")
def workers():
    home = Path(tempfile.mkdtemp(prefix="daybreak-workers-"))
    home.chmod(0o755)  # the database is another user's; pytest's own folder is for its user only
    workers = Workers(home)
    try:
        workers.start()
        yield workers
    finally:
        workers.stop()
        remove_tree(home)


def of_a_day(workers, dag_id, day, **params):
    return workers.airflow.trigger(dag_id, conf={"report_date": day, **params})


RACES = [f"2026-04-0{number}" for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def chain(workers):
    """Return the id of a run whose tasks went from one worker to the other, while both raced for mails of others."""
    races = [of_a_day(workers, "workers_race", day) for day in RACES]
    run = of_a_day(workers, "workers_chain", "2026-03-01")
    assert workers.wait("workers_chain", run) == ["success"]
    assert workers.wait("workers_race", *races) == ["success"] * len(races)
    return run


def test_what_one_worker_deploys_the_other_runs_and_mails(workers, chain):
    releases = [
        {
            path.parent.name
            for path in workers.machines.glob(f"{name}/releases/workers_chain/releases/*/MANIFEST.json")
        }
        for name in NAMES
    ]
    assert releases[0] == releases[1] != set()
    assert "making it from the store" in workers.airflow.task_log("workers_chain", chain, "run")
    assert workers.taken("workers_chain", "2026-03-01") == sorted(PEOPLE)


@pytest.mark.usefixtures("chain")
def test_a_mail_that_both_workers_send_goes_out_once(workers):
    assert [workers.taken("workers_race", day) for day in RACES] == [sorted(PEOPLE)] * len(RACES)


def test_a_worker_that_dies_in_the_midst_of_a_script_and_a_mail_leaves_nothing_undone_or_done_twice(workers):
    slow = workers.mails / "mode"
    slow.write_text("slow")
    scripted = of_a_day(workers, "workers_chain", "2026-05-01", seconds=600)
    until((workers.notes / "2026-05-01.begun").exists)
    mailed = of_a_day(workers, "workers_chain", "2026-05-02")
    until(lambda: workers.taken("workers_chain", "2026-05-02"))

    workers.services["b"].kill()
    slow.unlink()

    assert workers.wait("workers_chain", scripted, mailed) == ["success", "success"]
    for day in ("2026-05-01", "2026-05-02"):
        assert workers.taken("workers_chain", day) == sorted(PEOPLE)
    mail = workers.airflow.api("GET", f"/dags/workers_chain/dagRuns/{mailed}/taskInstances/mail_b")
    assert mail["try_number"] == 2  # that it waited until the claim of the dead one ended used up no other
    assert workers.left_over() == []


@pytest.mark.attack("kills")
@pytest.mark.timeout(600 + 60 * KILLS)
def test_nothing_is_lost_or_done_twice_however_often_workers_die(workers, tried):
    tried(KILLS)
    days = [(FIRST + timedelta(days=number)).isoformat() for number in range(max(KILLS, 2))]
    (workers.mails / "mode").write_text("slow")
    chance = random.Random(SEED)
    workers.airflow.backfill("workers_any", "--from-date", days[0], "--to-date", f"{days[-1]}T23:00:00")
    for _ in range(KILLS):
        until_then = time.monotonic() + chance.uniform(4, 12)
        while time.monotonic() < until_then:
            workers.ensure()
            time.sleep(0.1)
        workers.services[chance.choice(NAMES)].kill(down=chance.uniform(0, 3))
    (workers.mails / "mode").unlink()
    runs = workers.airflow.runs("workers_any")

    ended = workers.wait("workers_any", *runs, seconds=300 + 30 * KILLS)

    standings = workers.standings("workers_any")
    told = Counter(standings.values())
    print(f"\n{KILLS} kills by seed {SEED}: {Counter(ended)}; mails by the ledger: {told}")
    assert len(runs) == len(days)
    for day in days:
        taken = workers.taken("workers_any", day)
        for person in PEOPLE:
            standing = standings[day, person]
            assert standing in ("sent", "in_doubt")
            assert taken.count(person) == 1 if standing == "sent" else taken.count(person) <= 1
        [revision] = workers.archive.revisions(
            "workers_any", since=date.fromisoformat(day), until=date.fromisoformat(day)
        )
        assert f"{int(day.replace('-', '')):,}" in revision.read("report.txt").decode()  # its own figures
    in_doubt = {day for (day, _), standing in standings.items() if standing == "in_doubt"}
    assert ended.count("failed") == len(in_doubt)
    assert list(workers.notes.glob("*.beside")) == []
