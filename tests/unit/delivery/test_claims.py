from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from airflow_provider_daybreak.delivery import claims as module
from airflow_provider_daybreak.delivery.claims import Claims, now

CLAIM = ("key", 0)
LONG = timedelta(minutes=20)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is set, as ``clock[0]``."""
    clock = [1000.0]
    monkeypatch.setattr(module, "now", lambda: clock[0])
    return clock


def test_a_claim_stands_for_three_quarters_of_its_lifetime(clock):
    claims = Claims(lambda _claim: None, LONG)
    claims.hold(CLAIM, clock[0])

    clock[0] += LONG.total_seconds() * 0.74
    assert claims.stands(CLAIM)
    clock[0] += LONG.total_seconds() * 0.02
    assert not claims.stands(CLAIM)
    claims.release(CLAIM)
    claims.end()


def test_a_claim_that_is_not_held_does_not_stand():
    claims = Claims(lambda _claim: None, LONG)

    assert not claims.stands(CLAIM)


def test_a_living_sender_renews_its_claim():
    before, renewed = set(threading.enumerate()), threading.Event()
    claims = Claims(lambda _claim: renewed.set(), timedelta(seconds=2))

    claims.hold(CLAIM, now())

    assert renewed.wait(30)
    claims.release(CLAIM)
    claims.end()
    assert "daybreak-ledger-claims" not in {each.name for each in set(threading.enumerate()) - before}


def test_a_claim_that_has_lapsed_is_never_taken_up_again(clock):
    """As where the machine was suspended: what wakes up must not go on with what another has taken over."""
    renewed = []
    claims = Claims(renewed.append, LONG)
    claims.hold(CLAIM, clock[0])

    clock[0] += LONG.total_seconds()
    claims._renew_one(CLAIM)

    assert renewed == []
    assert not claims.stands(CLAIM)
    claims.release(CLAIM)
    claims.end()


def test_a_renewal_that_took_too_long_is_none(clock):
    def slow(_claim):
        clock[0] += LONG.total_seconds()

    claims = Claims(slow, LONG)
    claims.hold(CLAIM, clock[0])

    claims._renew_one(CLAIM)

    assert not claims.stands(CLAIM)
    claims.release(CLAIM)
    claims.end()


def test_a_claim_that_can_not_be_renewed_lapses(clock, caplog):
    def full(_claim):
        raise OSError(28, "No space left on device")

    claims = Claims(full, LONG)
    claims.hold(CLAIM, clock[0])

    claims._renew_one(CLAIM)

    assert "can't be renewed" in caplog.text
    assert claims.stands(CLAIM)
    clock[0] += LONG.total_seconds()
    assert not claims.stands(CLAIM)
    claims.release(CLAIM)
    claims.end()
