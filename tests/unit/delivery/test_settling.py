"""What is in doubt counts as sent once somebody says so; nothing else does."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.delivery.ledger import Ledger, key_of
from airflow_provider_daybreak.delivery.settling import count_as_sent
from airflow_provider_daybreak.exceptions import NothingInDoubtError


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


def mail(ledger, name, status):
    key = key_of("sales", "day", name)
    facts = {"recipient": name}
    with ledger.held(key, 0):
        ledger.commit(key, 0, facts)
        ledger.settle(key, 0, status, "what the server said", facts)
    ledger.synchronise()
    return key


def test_only_what_is_in_doubt_is_counted_and_it_says_who_did_it_and_why(ledger):
    keys = {
        status: mail(ledger, f"{status}@example.org", status) for status in ("unknown", "refused", "deferred")
    }

    assert count_as_sent(ledger, keys.values(), reason="she has it", by="ann") == ["unknown@example.org"]
    standings = {status: ledger.entry(key).standing for status, key in keys.items()}
    assert standings == {"unknown": "sent", "refused": "refused", "deferred": "deferred"}
    assert ledger.entry(keys["unknown"]).reason == "counted as sent by ann: she has it"


def test_nothing_in_doubt_is_an_error_that_says_so(ledger):
    key = mail(ledger, "sent@example.org", "sent")

    with pytest.raises(NothingInDoubtError, match="none of these mails is in doubt"):
        count_as_sent(ledger, [key], reason="again", by="ann")
