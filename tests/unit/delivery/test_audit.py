from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.archive.prune import prune
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from tests.mail import draft

FIRST = date(2026, 3, 1)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


def mailed(archive, report_date, *, start=None):
    """Archive a report, and write down that it was mailed."""
    start = start or report_date
    made = archive.publish(
        draft("sales", report_date, start=f"{start}T00:00:00+00:00", end="2026-03-30T00:00:00+00:00")
    )
    ledger = ledger_of(archive, made.manifest)
    key = key_of("sales", made.manifest.period_key, "ann@example.org")
    facts = {"report": "sales", "report_date": report_date.isoformat(), "recipient": "ann@example.org"}
    with ledger.held(key, 0):
        ledger.commit(key, 0, facts)
        ledger.settle(key, 0, "sent", "250 taken", facts)
    ledger.synchronise()
    return made


def test_a_range_of_dates_reads_no_other_ledger(archive, monkeypatch):
    for day in range(10):
        mailed(archive, FIRST + timedelta(days=day))
    folders, names = set(), storage.names
    monkeypatch.setattr(storage, "names", lambda folder: folders.add(str(folder)) or names(folder))

    found = list(deliveries(archive, "sales", since=date(2026, 3, 4), until=date(2026, 3, 5)))

    assert [record.report_date for record in found] == ["2026-03-04", "2026-03-05"]
    ledgers = {folder.split("/deliveries")[0][-2:] for folder in folders if "/deliveries" in folder}
    assert ledgers == {"04", "05"}


def test_mails_are_found_by_their_report_date_wherever_their_period_begins(archive):
    mailed(archive, date(2026, 3, 29), start=date(2026, 3, 23))
    mailed(archive, date(2026, 3, 30), start=date(2026, 2, 1))

    found = deliveries(archive, "sales", since=date(2026, 3, 29), until=date(2026, 3, 30))

    assert [record.report_date for record in found] == ["2026-03-29", "2026-03-30"]


def test_mails_of_a_report_that_was_pruned_are_found(archive):
    made = mailed(archive, date(2026, 3, 29), start=date(2026, 3, 23))
    old = replace(made.manifest, created="2026-03-29T00:00:00+00:00")
    (made.folder / "manifest.json").write_bytes(old.to_json())
    assert len(list(prune(archive, before=date(2026, 4, 1)))) == 1

    found = deliveries(archive, "sales", since=date(2026, 3, 29), until=date(2026, 3, 29))

    assert [record.report_date for record in found] == ["2026-03-29"]
    assert list(deliveries(archive, "sales", since=date(2026, 3, 28), until=date(2026, 3, 28))) == []


@pytest.mark.parametrize("bound", [date.min, date.max])
def test_the_ends_of_the_calendar_are_dates_as_others(archive, bound):
    mailed(archive, date(2026, 3, 29))

    assert list(deliveries(archive, "sales", since=bound, until=bound)) == []
