from __future__ import annotations

import json
from datetime import date

import pytest

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.audit import deliveries, listed, those_who_wait
from airflow_provider_daybreak.delivery.index import NAME
from airflow_provider_daybreak.delivery.ledger import Ledger, key_of

MANY = 150  # more than what an index is written for


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


@pytest.fixture
def ledger(archive):
    ledger = Ledger(archive.deliveries("daily_report", date(2026, 3, 29)))
    for number in range(MANY):
        add(ledger, f"reader{number}@example.org")
    return ledger


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that are read, from now on."""
    names = []
    read = storage.read

    def watched(path):
        names.append(path.name)
        return read(path)

    monkeypatch.setattr(storage, "read", watched)
    return names


def add(ledger, recipient, status="sent", report_date="2026-03-29"):
    key = key_of("daily_report", report_date, recipient)
    facts = {"report": "daily_report", "report_date": report_date, "recipient": recipient, "revision": 1}
    folder = ledger.folder / key
    folder.mkdir(parents=True, exist_ok=True)
    outcome = {**facts, "status": status, "reason": "the server said so", "time": "2026-03-30T07:00:00+00:00"}
    (folder / f"outcome.{ledger.entry(key).generation}.json").write_text(json.dumps(outcome))
    return key


def rows(ledger):
    return [record.as_row() for record in listed(ledger)]


def test_what_was_sent_is_read_once(ledger, opened):
    first = rows(ledger)
    opened.clear()

    again = rows(ledger)

    assert opened == [NAME]
    assert again == first
    assert len(again) == MANY


def test_what_came_since_is_listed_too(ledger):
    waiting = add(ledger, "joe@example.org", "deferred")
    rows(ledger)

    add(ledger, "joe@example.org", "sent")
    add(ledger, "jane@example.org", "refused")

    standings = {row["recipient"]: row["standing"] for row in rows(ledger)}
    assert (standings["joe@example.org"], standings["jane@example.org"]) == ("sent", "refused")
    assert ledger.entry(waiting).standing == "sent"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[",
        b"daybreak-ledger-index-1\n[1",
        b'daybreak-ledger-index-1\n7\n["x"]\nnull',
        b"other\n[]",
    ],
)
def test_a_damaged_index_is_made_anew(ledger, opened, content):
    before = rows(ledger)
    index = ledger.folder / NAME
    index.write_bytes(content)

    assert rows(ledger) == before
    opened.clear()
    assert rows(ledger) == before
    assert opened == [NAME]


def test_an_archive_that_takes_no_index_is_listed_all_the_same(ledger):
    (ledger.folder / NAME).mkdir()

    assert len(rows(ledger)) == MANY


def test_what_is_not_in_the_ledger_is_not_listed(ledger):
    rows(ledger)
    index = ledger.folder / NAME
    forged = json.dumps(["0" * 64, "daily_report", "2026-03-29", "eve@example.org", "", "", 1, "", ""])
    index.write_text(f"{index.read_text()}\n{forged}")

    assert "eve@example.org" not in {row["recipient"] for row in rows(ledger)}


def test_who_may_be_meant_by_a_resending_is_told_by_the_ledger_itself(ledger, opened):
    add(ledger, "joe@example.org", "refused")
    rows(ledger)
    opened.clear()

    found = {record.recipient for record in those_who_wait(ledger, {"reader7@example.org"})}

    assert found == {"joe@example.org", "reader7@example.org"}
    assert len(opened) <= 5


def test_a_small_ledger_has_no_index(archive):
    ledger = Ledger(archive.deliveries("daily_report", date(2026, 3, 30)))
    add(ledger, "joe@example.org")

    assert len(rows(ledger)) == 1
    assert NAME not in storage.names(ledger.folder)


def test_an_index_is_no_mail(archive, ledger):
    rows(ledger)

    assert NAME in storage.names(ledger.folder)
    assert len(list(deliveries(archive))) == MANY
