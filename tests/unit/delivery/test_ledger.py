from __future__ import annotations

import json
import os
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
import time_machine

from airflow_provider_daybreak.delivery import ledger as module
from airflow_provider_daybreak.delivery.claims import FORMER_LIFETIME, LIFETIME
from airflow_provider_daybreak.delivery.ledger import Ledger, key_of
from airflow_provider_daybreak.exceptions import LedgerUnsafeError

FACTS = {"digest": "d1", "recipient": "jane@example.org", "message_id": "<1@example.org>", "date": "2026-03-29"}


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger(tmp_path / "deliveries")
    yield ledger
    for generation in range(3):
        with ledger.held("k", generation):
            pass
    ledger.synchronise()


def test_parts_of_a_key_can_not_be_shifted_into_each_other():
    assert key_of("a", "bc", "d") != key_of("ab", "c", "d")


def test_one_of_two_gets_the_right_to_send(ledger):
    assert ledger.commit("k", 0, FACTS)
    assert not ledger.commit("k", 0, FACTS)


def test_a_commit_is_in_flight_while_its_process_lives(ledger):
    ledger.commit("k", 0, FACTS)

    assert ledger.entry("k").standing == "in_flight"


def age(ledger, name, by):
    """Make a file of the mail that old, and a little older."""
    path = ledger.folder / "k" / name
    then = time.time() - by.total_seconds() - 1
    os.utime(path, (then, then))


def test_a_commit_that_nobody_renews_is_in_doubt_after_its_lifetime(ledger):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", LIFETIME - timedelta(seconds=30))
    until = ledger.entry("k").until
    assert ledger.entry("k").standing == "in_flight"

    age(ledger, "commit.0", LIFETIME)

    assert ledger.entry("k").standing == "in_doubt"
    assert timedelta(0) < until - datetime.now(timezone.utc) < timedelta(seconds=31)


def test_a_commit_that_was_renewed_is_in_flight(ledger):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", LIFETIME * 2)
    (ledger.folder / "k" / "alive.0").touch()

    assert ledger.entry("k").standing == "in_flight"
    age(ledger, "alive.0", LIFETIME)
    assert ledger.entry("k").standing == "in_doubt"


def test_a_sign_of_life_is_that_of_its_own_commit(ledger):
    ledger.commit("k", 0, FACTS)
    ledger.settle("k", 0, "deferred", "451 later", FACTS)
    ledger.commit("k", 1, FACTS)
    (ledger.folder / "k" / "alive.0").touch()

    age(ledger, "commit.1", LIFETIME)

    assert ledger.entry("k").standing == "in_doubt"


def test_a_commit_of_an_older_version_which_renews_none_has_all_that_smtp_may_take(ledger):
    ledger.commit("k", 0, FACTS)
    path = ledger.folder / "k" / "commit.0"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "lifetime"}))

    age(ledger, "commit.0", FORMER_LIFETIME - timedelta(seconds=30))
    assert ledger.entry("k").standing == "in_flight"
    age(ledger, "commit.0", FORMER_LIFETIME)
    assert ledger.entry("k").standing == "in_doubt"


def test_a_clock_that_goes_wrong_on_one_host_puts_nothing_in_doubt(ledger):
    ledger.commit("k", 0, FACTS)

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(hours=1)):
        assert ledger.entry("k").standing == "in_flight"


def test_a_lifetime_that_is_none_counts_as_the_longest(ledger):
    ledger.commit("k", 0, FACTS)
    path = ledger.folder / "k" / "commit.0"
    for lifetime in (None, "x", -1, 0, 1e300, float("nan"), [], True):
        path.write_text(json.dumps({**json.loads(path.read_text()), "lifetime": lifetime}))

        assert ledger.entry("k").standing == "in_flight"


def test_a_commit_is_in_doubt_as_soon_as_its_process_has_ended(ledger, monkeypatch):
    gone = {**module.identity(), "pid": 2**22 + 1}  # over any pid_max
    monkeypatch.setattr(module, "identity", lambda: gone)
    ledger.commit("k", 0, FACTS)

    assert ledger.entry("k").standing == "in_doubt"


@pytest.mark.parametrize(
    ("status", "standing"),
    [("sent", "sent"), ("refused", "refused"), ("deferred", "deferred"), ("unknown", "in_doubt")],
)
def test_an_outcome_decides_where_a_mail_stands(ledger, status, standing):
    ledger.commit("k", 0, FACTS)
    ledger.settle("k", 0, status, "250 ok", FACTS)

    entry = ledger.entry("k")
    assert (entry.standing, entry.reason) == (standing, "250 ok")


def test_a_deferred_mail_is_tried_again_as_the_next_generation(ledger):
    ledger.commit("k", 0, FACTS)
    ledger.settle("k", 0, "deferred", "451 later", FACTS)

    assert ledger.entry("k").generation == 1


def test_what_was_sent_once_stays_sent(ledger):
    ledger.commit("k", 0, FACTS)
    ledger.commit("k", 1, FACTS)
    ledger.settle("k", 1, "deferred", "451 later", FACTS)
    ledger.settle("k", 0, "sent", "250 ok", FACTS)

    assert ledger.entry("k").standing == "sent"


def test_an_outcome_torn_by_a_loss_of_power_leaves_the_mail_in_doubt(ledger):
    ledger.commit("k", 0, FACTS)
    ledger.settle("k", 0, "sent", "250 ok", FACTS)
    (ledger.folder / "k" / "outcome.0.json").write_bytes(b"")

    assert ledger.entry("k").standing in ("in_flight", "in_doubt")


def test_a_commit_torn_by_a_loss_of_power_leaves_the_mail_in_doubt_and_the_right_to_send_taken(ledger):
    ledger.commit("k", 0, FACTS)
    (ledger.folder / "k" / "commit.0").write_bytes(b"")

    assert ledger.entry("k").standing == "in_doubt"
    assert not ledger.commit("k", 0, FACTS)


def test_what_was_prepared_is_written_anew_when_it_was_torn(ledger):
    ledger.prepare({"k": FACTS})
    (ledger.folder / "k" / "prepared.json").write_bytes(b"{")

    assert ledger.prepare({"k": {**FACTS, "date": "later"}})["k"]["date"] == "later"


def test_what_was_prepared_for_the_same_content_is_kept(ledger):
    ledger.prepare({"k": FACTS})

    assert ledger.prepare({"k": {**FACTS, "date": "later"}})["k"]["date"] == "2026-03-29"


def test_what_was_prepared_for_other_content_is_replaced(ledger):
    ledger.prepare({"k": FACTS})

    assert ledger.prepare({"k": {**FACTS, "digest": "d2", "date": "later"}})["k"]["date"] == "later"


def test_a_place_that_lets_both_create_a_file_is_refused(ledger, monkeypatch):
    def overwrite(path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True

    monkeypatch.setattr(module.storage, "create_if_absent", overwrite)

    with pytest.raises(LedgerUnsafeError, match="was created twice"):
        ledger.probe()


def test_a_place_that_is_safe_keeps_nothing_of_the_probe(ledger):
    ledger.probe()

    assert list(ledger.folder.iterdir()) == []


def test_a_ledger_leaves_no_thread_behind(ledger):
    before = set(threading.enumerate())
    ledger.commit("k", 0, FACTS)
    with ledger.held("k", 0):
        ledger.settle("k", 0, "sent", "250 taken", FACTS)

    ledger.synchronise()

    assert [
        each for each in set(threading.enumerate()) - before if each.name.startswith("daybreak-ledger")
    ] == []


@pytest.mark.parametrize(
    ("status", "standing"), [("unknown", "in_doubt"), ("deferred", "deferred"), ("sent", "sent")]
)
def test_an_outcome_counts_though_its_commit_was_lost(ledger, status, standing):
    ledger.commit("k", 0, FACTS)
    ledger.settle("k", 0, status, "it said so", FACTS)
    ledger.synchronise()
    (ledger.folder / "k" / "commit.0").unlink()

    assert ledger.entry("k").standing == standing
    assert ledger.entry("k").generation == (0 if status == "sent" else 1)
