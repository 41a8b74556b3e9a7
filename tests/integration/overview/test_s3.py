"""The index of an archive on storage that speaks S3."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.exceptions import ArchiveAwayError
from airflow_provider_daybreak.overview.index import Index, index_path
from airflow_provider_daybreak.overview.refreshing import refresh
from tests.mail import draft

DAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 9, 5, tzinfo=timezone.utc)


def test_what_a_store_has_is_known_and_what_changed_there_is_read_again(archive, tmp_path):
    index = Index(index_path(tmp_path, archive.uri))
    made = archive.publish(
        draft("sales", DAY, start=f"{DAY}T00:00:00+00:00", end=f"{DAY + timedelta(days=1)}T00:00:00+00:00")
    )
    ledger = ledger_of(archive, made.manifest)
    key = key_of("sales", made.manifest.period_key, "ann@example.org")
    facts = {"report": "sales", "report_date": DAY.isoformat(), "recipient": "ann@example.org", "occasion": ""}
    with ledger.held(key, 0):
        ledger.commit(key, 0, facts)
        ledger.settle(key, 0, "deferred", "451 later", facts)

    refresh(archive, index, now=NOW, everything=True)
    assert index.archived(since=DAY, until=DAY)["sales"][DAY].mails.standings == {"deferred": 1}

    with ledger.held(key, 1):
        ledger.commit(key, 1, facts)
        ledger.settle(key, 1, "sent", "250 taken", facts)
    ledger.synchronise()
    refresh(archive, index, now=NOW)
    assert index.archived(since=DAY, until=DAY)["sales"][DAY].mails.standings == {"sent": 1}


def test_a_store_that_refuses_leaves_what_is_known(archive, tmp_path, monkeypatch):
    index = Index(index_path(tmp_path, archive.uri))
    archive.publish(draft("sales", DAY, start=f"{DAY}T00:00:00+00:00", end=f"{DAY}T23:00:00+00:00"))
    refresh(archive, index, now=NOW, everything=True)
    monkeypatch.setattr("airflow_provider_daybreak.storage.s3.names", _refuse)

    with pytest.raises(ArchiveAwayError, match="the store is away"):
        refresh(archive, index, now=NOW)

    assert index.archived(since=DAY, until=DAY)["sales"][DAY].revision == 1
    assert "the store is away" in index.freshness().problem


def _refuse(_):
    raise ConnectionError("the store is away")
