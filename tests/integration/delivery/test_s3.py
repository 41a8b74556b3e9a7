from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.upkeep import Upkeep
from airflow_provider_daybreak.exceptions import DaybreakError, LedgerUnsafeError, StorageNotAtomicError
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowRescheduleException
from tests.integration.delivery.scripted import ScriptedServer, address
from tests.mail import draft


@pytest.fixture
def archive(uri):
    return archive_at(uri)


@pytest.fixture
def ledger(archive, revision):
    return Ledger(archive.deliveries("daily_report", revision.manifest.report_date))


@pytest.fixture
def revision(archive):
    return archive.publish(draft())


def test_a_mail_goes_out_once_with_a_ledger_on_s3(mail, server, revision):
    people = [f"p{number}@example.org" for number in range(20)]
    first = mail(to=people, attachments=["data/rows.csv"])
    again = mail(to=people)

    assert sorted(first["sent"]) == sorted(again["already_sent"]) == sorted(people)
    assert len(server.mails) == 20
    assert revision.uri.startswith("s3://")


def test_a_store_that_lets_two_create_a_file_is_refused_before_anything_is_sent(mail, server, revision, store):
    assert revision
    store.deaf = True

    with pytest.raises((AirflowFailException, StorageNotAtomicError)):
        mail()
    assert server.mails == []


def test_a_store_that_looks_first_and_then_writes_is_found_where_several_try_at_once(ledger, store):
    ledger.probe(at_once=8)
    store.racy = True

    ledger.probe()  # one after the other it does as it should
    with pytest.raises(LedgerUnsafeError, match="was created twice"):
        ledger.probe(at_once=8)


def test_ledgers_of_one_bucket_are_probed_once(archive, store):
    with Upkeep() as upkeep:
        for number in range(5):
            Ledger(archive.root / f"report_{number}", upkeep=upkeep).probe()
        store.deaf = True
        Ledger(archive.root / "another", upkeep=upkeep).probe()
    with pytest.raises((LedgerUnsafeError, StorageNotAtomicError)):
        Ledger(archive.root / "another").probe()


def test_a_commit_whose_answer_was_lost_is_still_ours(ledger, store):
    store.lose = 1

    assert ledger.commit("k", 0, {"digest": "d"})


def test_one_of_two_gets_the_right_to_send(ledger):
    assert ledger.commit("k", 0, {"digest": "d"})
    assert not ledger.commit("k", 0, {"digest": "d"})


def retried(mail):
    """Return what a try says of the one recipient, be it an error."""
    try:
        return str(mail())
    except (OSError, BotoCoreError, DaybreakError, AirflowFailException) as error:
        return str(error)
    except AirflowRescheduleException as error:
        return f"jane@example.org is in flight, until {error.reschedule_date}"


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("puts", range(1, 8))
def test_a_store_that_fails_after_any_put_leads_to_no_second_mail(puts, applied, mail, server, revision, store):
    assert revision
    store.break_after(puts, applied=applied)
    retried(mail)
    store.mend()
    says = [retried(mail) for _ in range(3)][-1]

    assert "jane@example.org" in says
    assert len(server.mails) <= 1
    if "already_sent': ['jane@example.org']" in says:
        assert len(server.mails) == 1


APART = """
import logging, sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
import time_machine
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.delivery import claims, process
from airflow_provider_daybreak.delivery.ledger import Ledger
from tests.integration.delivery.attempt import attempt, mailing

folder, uri, port, minutes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
logging.basicConfig(stream=sys.stdout)
claims.uptime_clock = process._machine = lambda: f"machine {minutes}"
time_machine.travel(datetime.now(timezone.utc) + timedelta(minutes=minutes)).start()
print("ready", flush=True)
sys.stdin.readline()
for number in [100 + minutes, *range(10)[:: minutes // 5]]:  # one of its own, and all that the other sends, from the other end
    one = mailing(folder, number, ["good"], on_unknown="resend")
    one.ledger = Ledger(archive_at(uri).root / f"ledgers/{number}")
    attempt(one, port)
"""


def test_two_workers_whose_clocks_are_far_apart_are_told_so_and_send_each_mail_once(tmp_path, uri):
    Archive(tmp_path / "reports").publish(draft())
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    with ScriptedServer() as server:
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", APART, tmp_path, uri, str(server.port), minutes],
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for minutes in ("-5", "5")
        ]
        for worker in workers:
            assert worker.stdout.readline() == "ready\n"
        said = [worker.communicate("go\n", timeout=300)[0] for worker in workers]

        assert server.taken == Counter({address("good", number): 1 for number in (95, 105, *range(10))})
    for text, apart in zip(said, ("behind", "ahead of"), strict=True):
        assert re.search(rf"this machine's clock is 0:0[45]:\d\d {apart} that of s3://", text)
