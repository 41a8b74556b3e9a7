"""The index says what archive and ledger say, whatever happened to it, and reads only what changed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.exceptions import ArchiveAwayError, IndexUnwritableError
from airflow_provider_daybreak.overview import refreshing
from airflow_provider_daybreak.overview.index import Index, index_path
from airflow_provider_daybreak.overview.refreshing import refresh
from tests.mail import draft

NOW = datetime(2026, 11, 27, 9, 5, tzinfo=timezone.utc)
TODAY = NOW.date()
LONG_AGO = date(2024, 2, 29)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


@pytest.fixture
def index(tmp_path, archive):
    return Index(index_path(tmp_path / "index", archive.uri))


@pytest.fixture
def reads(monkeypatch):
    """Return the days that were read, of those that were looked at."""
    found, read_day = [], refreshing.read_day

    def watched(archive, report, day, **known):
        read = read_day(archive, report, day, **known)
        found.extend([(report, day)] if read else [])
        return read

    monkeypatch.setattr(refreshing, "read_day", watched)
    return found


def publish(archive, report="sales", day=TODAY, **changes):
    start = changes.pop("start", day)
    made = draft(report, day, start=f"{start}T00:00:00+00:00", end=f"{day + timedelta(days=1)}T00:00:00+00:00")
    return archive.publish(replace(made, **changes))


def mail(archive, revision, recipient="ann@example.org", status="sent", reason="250 taken", generation=0):
    ledger, manifest = ledger_of(archive, revision.manifest), revision.manifest
    key = key_of(manifest.report, manifest.period_key, recipient)
    facts = {
        "report": manifest.report,
        "report_date": manifest.report_date.isoformat(),
        "recipient": recipient,
        "revision": manifest.revision,
        "occasion": "",
    }
    with ledger.held(key, generation):
        ledger.commit(key, generation, facts)
        if status:
            ledger.settle(key, generation, status, reason, facts)
    ledger.synchronise()


def settle(archive):
    """Make all that lies in the archive old enough for its time of change to tell it from what comes."""
    for folder, names, files in os.walk(archive.root):
        for name in (*names, *files):
            os.utime(f"{folder}/{name}", (NOW.timestamp() - 60, NOW.timestamp() - 60))


def known(index, report="sales", day=TODAY):
    return index.archived(since=day, until=day)[report][day]


def test_everything_that_the_archive_has_is_known_after_everything_was_looked_at(archive, index):
    publish(archive, day=LONG_AGO)
    mail(archive, publish(archive))
    mail(archive, publish(archive, "costs"), "bo@example.org", "refused", "550 no such user")

    assert refresh(archive, index, now=NOW, everything=True)

    assert known(index, day=LONG_AGO).revision == 1
    assert known(index).mails.standings == {"sent": 1}
    mails = known(index, "costs").mails
    assert (mails.standings, mails.recipient, mails.reason) == (
        {"refused": 1},
        "bo@example.org",
        "550 no such user",
    )
    assert [(each.recipient, each.standing) for each in index.mails("costs", TODAY)] == [
        ("bo@example.org", "refused")
    ]
    assert index.freshness().complete == NOW.isoformat()
    assert index.freshness().total == 0


def test_only_what_changed_is_read_again(archive, index, reads):
    for day in range(5):
        mail(archive, publish(archive, day=TODAY - timedelta(days=day)))
    settle(archive)
    refresh(archive, index, now=NOW, everything=True)
    assert len(reads) == 5
    reads.clear()

    refresh(archive, index, now=NOW, everything=True)
    assert reads == []

    publish(archive, day=TODAY, title="Another")
    refresh(archive, index, now=NOW)
    assert reads == [("sales", TODAY)]
    assert known(index).revision == 2
    assert known(index).revisions == 2


def test_a_day_that_changed_just_now_is_read_again_for_a_clock_of_files_may_not_tell_two_changes_apart(
    archive, index, reads
):
    publish(archive)
    now = datetime.now(timezone.utc)
    refresh(archive, index, now=now, everything=True)

    refresh(archive, index, now=now + timedelta(milliseconds=1), asked=[("sales", TODAY.isoformat())])

    assert reads == [("sales", TODAY)] * 2


def test_a_mail_that_was_deferred_is_known_as_sent_once_it_is(archive, index):
    made = publish(archive)
    mail(archive, made, status="deferred", reason="451 later")
    settle(archive)
    refresh(archive, index, now=NOW, everything=True)
    refresh(archive, index, now=NOW)
    assert known(index).mails.standings == {"deferred": 1}

    mail(archive, made, generation=1)
    refresh(archive, index, now=NOW)

    assert known(index).mails.standings == {"sent": 1}


def test_a_mail_whose_sender_is_gone_comes_in_doubt_without_a_change_of_any_file(archive, index, monkeypatch):
    mail(archive, publish(archive), status="")
    settle(archive)
    silence = "airflow_provider_daybreak.delivery.ledger.silence"
    monkeypatch.setattr(silence, lambda *_: (timedelta(seconds=1), False))
    refresh(archive, index, now=NOW, everything=True)
    assert known(index).mails.standings == {"in_flight": 1}

    monkeypatch.setattr(silence, lambda *_: (None, False))
    refresh(archive, index, now=NOW)

    assert known(index).mails.standings == {"in_doubt": 1}


def test_a_period_that_began_long_before_brings_its_ledger_along(archive, index):
    refresh(archive, index, now=NOW, everything=True)

    mail(archive, publish(archive, start=date(2026, 1, 1)))
    refresh(archive, index, now=NOW)

    assert known(index).mails.sent == 1
    assert index.mails("sales", date(2026, 1, 1))


def test_a_day_far_away_is_found_when_it_is_named(archive, index):
    publish(archive)
    refresh(archive, index, now=NOW, everything=True)
    publish(archive, day=LONG_AGO)

    refresh(archive, index, now=NOW)
    assert index.archived(since=LONG_AGO, until=LONG_AGO) == {}

    refresh(archive, index, now=NOW, asked=[("sales", LONG_AGO.isoformat())])
    assert known(index, day=LONG_AGO).revision == 1


def test_what_was_removed_is_forgotten(archive, index):
    publish(archive)
    publish(archive, "costs")
    publish(archive, day=LONG_AGO)
    refresh(archive, index, now=NOW, everything=True)

    shutil.rmtree(archive.root / "sales/2024")
    shutil.rmtree(archive.root / "costs")
    refresh(archive, index, now=NOW, everything=True)

    assert set(index.archived(since=LONG_AGO, until=TODAY)) == {"sales"}
    assert list(index.archived(since=LONG_AGO, until=TODAY)["sales"]) == [TODAY]


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema": 99}', b"\xff\xfe", b"[]"], ids=repr)
def test_a_manifest_that_is_damaged_is_a_problem_of_its_day_alone(archive, index, content):
    publish(archive, "costs")
    made = publish(archive)
    (made.folder / "manifest.json").write_bytes(content)

    refresh(archive, index, now=NOW, everything=True)

    assert "Cannot read the manifest" in known(index).problem
    assert known(index, "costs").problem == ""


def test_an_archive_that_is_away_leaves_what_is_known_and_says_since_when(archive, index):
    publish(archive)
    refresh(archive, index, now=NOW, everything=True)
    away = archive.root.rename(archive.root.with_name("elsewhere"))

    for minutes in (1, 2):
        with pytest.raises(ArchiveAwayError, match="no reports any more"):
            refresh(archive, index, now=NOW + timedelta(minutes=minutes), everything=True)

    freshness = index.freshness()
    assert "no reports any more" in freshness.problem
    assert freshness.since == (NOW + timedelta(minutes=1)).isoformat()
    assert known(index).revision == 1

    away.rename(archive.root)
    refresh(archive, index, now=NOW + timedelta(minutes=3))
    assert index.freshness().problem == ""


@pytest.mark.parametrize("damage", ["text", "middle", "empty"])
def test_an_index_that_is_damaged_is_made_anew(archive, index, damage):
    for day in range(30):
        mail(archive, publish(archive, day=TODAY - timedelta(days=day)))
    refresh(archive, index, now=NOW, everything=True)
    with sqlite3.connect(index.path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = index.path.read_bytes()
    index.path.write_bytes(
        {
            "text": b"no database at all" * 100,
            "middle": data[:4096] + os.urandom(len(data) - 4096),
            "empty": b"",
        }[damage]
    )

    index.freshness()
    refresh(archive, index, now=NOW, everything=True)

    assert known(index).mails.sent == 1
    assert len(index.archived(since=LONG_AGO, until=TODAY)["sales"]) == 30


def test_an_index_that_is_removed_is_made_anew(archive, index):
    publish(archive)
    refresh(archive, index, now=NOW, everything=True)

    index.discard()
    assert index.freshness().complete == ""
    refresh(archive, index, now=NOW, everything=True)

    assert known(index).revision == 1


def test_an_index_that_cannot_lie_where_it_should_says_where_and_what_to_do(archive, tmp_path):
    (tmp_path / "taken").write_text("a file")

    with pytest.raises(IndexUnwritableError, match=r"taken/x\.sqlite.*Set \[daybreak\] index"):
        refresh(archive, Index(tmp_path / "taken" / "x.sqlite"), now=NOW)


def test_of_two_processes_one_brings_it_up_to_date_and_the_other_is_told(archive, index):
    publish(archive)
    with index.alone() as ours:
        assert ours
        assert not refresh(archive, index, now=NOW)
    assert refresh(archive, index, now=NOW)


_PROGRAM = """
import sys
from datetime import datetime, timezone
from pathlib import Path
from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.overview.index import Index, index_path
from airflow_provider_daybreak.overview.refreshing import refresh
archive = Archive(Path(sys.argv[1]))
index = Index(index_path(Path(sys.argv[2]), archive.uri))
print("begins", flush=True)
while True:
    refresh(archive, index, now=datetime.now(timezone.utc), everything=True)
    index.archived(since=datetime(2024, 1, 1).date(), until=datetime(2027, 1, 1).date())
    if len(sys.argv) > 3:
        break
"""


def test_processes_that_write_at_once_and_are_killed_leave_an_index_that_is_whole(archive, index):
    for day in range(60):
        mail(archive, publish(archive, day=TODAY - timedelta(days=day)))
    words = [sys.executable, "-c", _PROGRAM, str(archive.root), str(index.path.parent)]
    writers = [subprocess.Popen(words, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for writer in writers:
            assert writer.stdout.readline() == b"begins\n"
        while not index.path.exists():
            time.sleep(0.01)
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()

    subprocess.run([*words, "once"], check=True, capture_output=True)

    with sqlite3.connect(index.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert len(index.archived(since=LONG_AGO, until=TODAY)["sales"]) == 60


def test_a_text_that_could_be_sql_is_kept_as_it_is(archive, index):
    nasty = """'); DROP TABLE revision; -- " \\ é 漢 <script>"""
    mail(archive, publish(archive, title=nasty), "o'brien@example.org", "refused", nasty)

    refresh(archive, index, now=NOW, everything=True)

    assert known(index).title == nasty
    assert known(index).mails.reason == nasty
    assert index.mails("sales", TODAY)[0].recipient == "o'brien@example.org"


def test_owners_are_known_and_one_that_cannot_be_read_is_nobody(archive, index):
    publish(archive, run={"dag_id": "daily"})
    publish(archive, "costs", run={"dag_id": "costs_dag"})
    (archive.root / "costs/owner.json").write_text("{")

    refresh(archive, index, now=NOW)

    assert index.owners() == {"sales": "daily", "costs": ""}

    (archive.root / "sales/owner.json").write_text('{"dag_id": "weekly"}')
    refresh(archive, index, now=NOW, everything=True)
    assert index.owners() == {"sales": "weekly", "costs": ""}


def test_the_first_date_that_a_schedule_made_is_known(archive, index):
    publish(archive, day=LONG_AGO, run={"dag_id": "d", "run_id": "manual__2024"})
    publish(archive, run={"dag_id": "d", "run_id": "scheduled__2026"})

    refresh(archive, index, now=NOW, everything=True)

    assert index.first_by_schedule() == {"sales": TODAY}
    assert index.last_dates() == {"sales": TODAY}


def test_an_index_of_another_archive_or_version_is_another_file(tmp_path):
    names = {index_path(tmp_path, uri).name for uri in ("file:///a", "file:///b", "s3://a/b")}

    assert len(names) == 3
    assert json.loads(json.dumps(sorted(names)))


def test_an_index_that_is_made_anew_looks_again_only_at_what_changed_lately(archive, index):
    for day in (LONG_AGO, TODAY - timedelta(days=20)):
        mail(archive, publish(archive, day=day))
    settle(archive)
    later = NOW + timedelta(minutes=30)
    mail(archive, publish(archive, day=TODAY - timedelta(days=9)))
    for path in archive.root.glob("sales/2026/11/18/*"):
        os.utime(path, (later.timestamp() - 60, later.timestamp() - 60))
    for path in [*archive.root.glob("sales/2024/*/*/*"), *archive.root.glob("sales/2026/11/07/*")]:
        os.utime(path, (NOW.timestamp() - 90000, NOW.timestamp() - 90000))
    refresh(archive, index, now=later, everything=True)

    since = TODAY - timedelta(days=3000)
    restless = index.restless(since=since, touched=(later - timedelta(hours=1)).timestamp())
    assert restless == [("sales", str(TODAY - timedelta(days=9)))]
    publish(archive, day=LONG_AGO, title="Another")
    refresh(archive, index, now=later, everything=True)
    assert ("sales", str(LONG_AGO)) in index.restless(since=since, touched=later.timestamp() - 1)


def test_mails_that_were_not_sent_are_known_over_all_reports_with_the_dag_that_made_the_revision(
    archive, index
):
    mail(archive, publish(archive, run={"dag_id": "sales_dag"}), status="refused", reason="550 no")
    mail(
        archive,
        publish(archive, "stock", LONG_AGO),
        recipient="bo@example.org",
        status="unknown",
        reason="lost",
    )
    mail(archive, publish(archive, "sent"))
    refresh(archive, index, now=NOW, everything=True)

    found = {(one.report, one.dag_id, one.mail.standing, one.mail.recipient) for one in index.unsent()}
    assert found == {
        ("sales", "sales_dag", "refused", "ann@example.org"),
        ("stock", "d", "in_doubt", "bo@example.org"),
    }
    assert len(index.unsent(1)) == 1
