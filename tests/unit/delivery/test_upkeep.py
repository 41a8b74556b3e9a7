from __future__ import annotations

import threading

import pytest

from airflow_provider_daybreak.delivery import ledger as module
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.upkeep import Upkeep
from airflow_provider_daybreak.exceptions import LedgerUnsafeError
from airflow_provider_daybreak.storage import local

FACTS = {"digest": "d1", "recipient": "jane@example.org", "message_id": "<1@example.org>", "date": "2026-03-29"}


@pytest.fixture
def upkeep():
    with Upkeep() as upkeep:
        yield upkeep


@pytest.fixture
def ledgers(tmp_path, upkeep):
    return [Ledger(tmp_path / f"report_{number}" / "deliveries", upkeep=upkeep) for number in range(20)]


@pytest.fixture
def own_threads():
    """Return a function that counts the threads of ledgers that began since: those of other tests may live on."""
    before = set(threading.enumerate())
    return lambda: sum(each.name.startswith("daybreak-ledger") for each in set(threading.enumerate()) - before)


def mail(ledger):
    assert ledger.commit("k", 0, FACTS)
    with ledger.held("k", 0):
        assert ledger.stands("k", 0)
        ledger.settle("k", 0, "sent", "250 taken", FACTS)
    ledger.synchronise()


def test_ledgers_that_share_their_upkeep_share_its_threads(own_threads, ledgers, upkeep):
    for ledger in ledgers:
        mail(ledger)

    assert 0 < own_threads() <= 5
    upkeep.end()
    assert own_threads() == 0


def test_a_claim_in_one_ledger_is_none_in_another_that_has_the_same_upkeep(ledgers):
    one, other = ledgers[:2]
    one.commit("k", 0, FACTS)

    assert (one.stands("k", 0), other.stands("k", 0)) == (True, False)
    with one.held("k", 0):
        pass


def test_what_was_settled_is_durable_at_the_end_at_the_latest(ledgers, upkeep, monkeypatch):
    durable = set()
    synchronise = local.synchronise
    monkeypatch.setattr(local, "synchronise", lambda path: durable.add(path) or synchronise(path))
    for ledger in ledgers:
        mail(ledger)

    upkeep.end()

    for ledger in ledgers:
        assert {ledger.folder / "k", ledger.folder / "k/outcome.0.json"} <= durable


def test_an_outcome_that_can_not_be_made_durable_is_an_error_at_the_end(ledgers, upkeep, monkeypatch):
    mail(ledgers[0])
    upkeep.end()

    def full(_path):
        raise OSError(28, "No space left on device")

    ledgers[1].commit("k", 0, FACTS)
    monkeypatch.setattr(local, "synchronise", full)
    with ledgers[1].held("k", 0):
        ledgers[1].settle("k", 0, "sent", "250 taken", FACTS)
        with pytest.raises(OSError, match="No space left"):
            upkeep.end()

    upkeep.end()  # is told once


def test_a_disk_is_probed_once_for_all_ledgers_on_it(ledgers, monkeypatch):
    probed = []
    create = module.storage.create_if_absent

    def counted(path, data, **options):
        probed.append(path.parent)
        return create(path, data, **options)

    monkeypatch.setattr(module.storage, "create_if_absent", counted)
    for ledger in ledgers:
        ledger.probe()
    assert set(probed) == {ledgers[0].folder}

    monkeypatch.setattr(module.storage, "place", lambda folder: folder)  # as if each lay on a disk of its own
    for ledger in ledgers:
        ledger.probe()
    assert set(probed) == {ledger.folder for ledger in ledgers}


def test_a_place_that_failed_is_probed_again(ledgers, monkeypatch):
    def overwrite(path, data, **_options):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return True

    monkeypatch.setattr(module.storage, "create_if_absent", overwrite)

    for ledger in ledgers[:2]:
        with pytest.raises(LedgerUnsafeError):
            ledger.probe()
