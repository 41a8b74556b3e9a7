from __future__ import annotations

import json
import os
import threading
import time
from datetime import datetime, timedelta, timezone

import pytest
import time_machine

from airflow_provider_daybreak.delivery import claims
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


@pytest.fixture
def other_machine(monkeypatch):
    """Make commits as another machine does, whose clock since its start nobody here can read."""
    for each in (module, claims):
        monkeypatch.setattr(each, "beat", lambda: {"clock": "another start", "seconds": 0.0})


def age(ledger, name, by):
    """Make a file of the mail that old, and a little older."""
    path = ledger.folder / "k" / name
    then = time.time() - by.total_seconds() - 1
    os.utime(path, (then, then))


@pytest.mark.usefixtures("other_machine")
def test_a_commit_that_nobody_renews_is_in_doubt_after_its_lifetime(ledger):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", LIFETIME - timedelta(seconds=30))
    until = ledger.entry("k").until
    assert ledger.entry("k").standing == "in_flight"

    age(ledger, "commit.0", LIFETIME)

    assert ledger.entry("k").standing == "in_doubt"
    assert timedelta(0) < until - datetime.now(timezone.utc) < timedelta(seconds=31)


@pytest.mark.usefixtures("other_machine")
def test_a_commit_that_was_renewed_is_in_flight(ledger):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", LIFETIME * 2)
    (ledger.folder / "k" / "alive.0").touch()

    assert ledger.entry("k").standing == "in_flight"
    age(ledger, "alive.0", LIFETIME)
    assert ledger.entry("k").standing == "in_doubt"


@pytest.mark.usefixtures("other_machine")
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
    path.write_text(
        json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k not in ("lifetime", "beat")})
    )

    age(ledger, "commit.0", FORMER_LIFETIME - timedelta(seconds=30))
    assert ledger.entry("k").standing == "in_flight"
    age(ledger, "commit.0", FORMER_LIFETIME)
    assert ledger.entry("k").standing == "in_doubt"


def test_a_clock_that_goes_wrong_on_one_host_puts_nothing_in_doubt(ledger):
    ledger.commit("k", 0, FACTS)

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(hours=1)):
        assert ledger.entry("k").standing == "in_flight"


@pytest.mark.parametrize("step", [timedelta(hours=3), timedelta(minutes=-10), timedelta(hours=-3)])
def test_a_clock_that_is_set_on_the_machine_of_the_sender_neither_ends_nor_prolongs_a_claim(
    ledger, monkeypatch, step
):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", step)  # what was stamped before a step lies that far from what is stamped after it

    since = claims.now()
    assert ledger.entry("k").standing == "in_flight"
    monkeypatch.setattr(claims, "now", lambda: since + LIFETIME.total_seconds() + 1)
    assert ledger.entry("k").standing == "in_doubt"


def test_a_claim_of_this_machine_that_was_renewed_is_in_flight_whatever_its_stamps_say(ledger, monkeypatch):
    ledger.commit("k", 0, FACTS)
    since = claims.now()
    monkeypatch.setattr(claims, "now", lambda: since + LIFETIME.total_seconds() + 1)

    claims.give_sign(ledger.folder / "k/alive.0")
    age(ledger, "alive.0", timedelta(hours=3))

    assert ledger.entry("k").standing == "in_flight"


@pytest.mark.usefixtures("other_machine")
def test_a_claim_that_the_clock_of_the_storage_stamped_ahead_of_its_time_ends_all_the_same(ledger):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", timedelta(hours=-3))

    until = ledger.entry("k").until

    assert until - datetime.now(timezone.utc) <= LIFETIME
    age(ledger, "alive.0", LIFETIME)
    assert ledger.entry("k").standing == "in_doubt"


@pytest.mark.usefixtures("other_machine")
def test_a_claim_that_the_clock_of_the_storage_overtook_is_watched_for_a_sign_of_life(ledger, monkeypatch):
    ledger.commit("k", 0, FACTS)
    age(ledger, "commit.0", timedelta(hours=3))
    entries = ledger.entries(["k"])
    waited = []

    monkeypatch.setattr(module, "sleep", waited.append)
    assert ledger.watched(entries)["k"].standing == "in_doubt"
    monkeypatch.setattr(module, "sleep", lambda _seconds: claims.give_sign(ledger.folder / "k/alive.0"))
    assert ledger.watched(entries)["k"].standing == "in_flight"

    assert waited == [LIFETIME.total_seconds() * 3 / 4]  # as long as a living sender may go without renewing it


def test_a_claim_whose_sender_has_ended_is_watched_no_longer(ledger, monkeypatch):
    gone = {**module.identity(), "pid": 2**22 + 1}  # over any pid_max
    monkeypatch.setattr(module, "identity", lambda: gone)
    monkeypatch.setattr(module, "sleep", lambda _seconds: pytest.fail("nobody is there to be looked at"))
    ledger.commit("k", 0, FACTS)

    assert ledger.watched(ledger.entries(["k"]))["k"].standing == "in_doubt"


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


def test_what_was_prepared_in_clear_is_replaced_once_it_is_to_be_encrypted(ledger):
    ledger.prepare({"k": FACTS})
    ledger.prepare({"k": {**FACTS, "encrypt": "readers"}})

    assert ledger.record("k")[1]["encrypt"] == "readers"


def test_a_place_that_lets_both_create_a_file_is_refused(ledger, monkeypatch):
    def overwrite(path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True

    monkeypatch.setattr(module.storage, "create_if_absent", overwrite)

    with pytest.raises(LedgerUnsafeError, match="was created twice"):
        ledger.probe()


@pytest.mark.parametrize(("minutes", "apart"), [(-5, "behind"), (5, "ahead of")])
def test_clocks_that_are_apart_are_said_before_anything_is_sent(ledger, caplog, minutes, apart):
    ledger.probe()
    assert caplog.text == ""

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(minutes=minutes)):
        ledger.probe()

    [record] = caplog.records
    assert f" {apart} that of {ledger.folder}: no mail goes out twice for that" in record.getMessage()


def test_a_place_that_is_safe_keeps_nothing_of_the_probe(ledger):
    ledger.probe()

    assert list(ledger.folder.iterdir()) == []


def test_a_probe_tells_what_time_it_is_at_the_storage_by_its_own_file(ledger, monkeypatch):
    made = []
    link = os.link
    monkeypatch.setattr(os, "link", lambda source, target: made.append(target.parent) or link(source, target))
    monkeypatch.setattr(
        module.storage.local, "clock", lambda _folder: pytest.fail("another file for the clock")
    )

    ledger.probe()

    assert made == [ledger.folder]


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
