from __future__ import annotations

import io
import os
from dataclasses import replace
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
import time_machine

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.archive.prune import prune

OLD = date(2026, 1, 15)
NEW = date(2026, 3, 29)
BEFORE = date(2026, 3, 1)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


@pytest.fixture
def publish(archive):
    """Return a function that publishes a report on its own date, as a daily run would."""

    def publish_one(report_date, text="<p>", *, on=None, report="daily_report", period="day", start=None):
        start = start or report_date
        draft = Draft(
            report=report,
            report_date=report_date,
            period={
                "name": period,
                "start": f"{start}T00:00:00+00:00",
                "end": "2026-03-31T00:00:00+00:00",
                "timezone": "UTC",
            },
            title="Almanac",
            files=[
                DraftFile("report.html", "text/html", text.encode()),
                DraftFile("charts/a.png", "image/png", b"PNG"),
            ],
            rows={},
            run={},
        )
        with time_machine.travel(datetime.combine(on or report_date, datetime.min.time(), timezone.utc)):
            return archive.publish(draft)

    return publish_one


def mailed(archive, report_date, **facts):
    ledger = archive.deliveries("daily_report", report_date) / ("a" * 64)
    storage.create_if_absent(ledger / "prepared.json", repr(facts).encode())
    return ledger


def made_on(uri, day):
    path = Path(uri.removeprefix("file://"))
    instant = datetime.combine(day, datetime.min.time(), timezone.utc).timestamp()
    os.utime(path, (instant, instant))
    return path


def files(archive):
    return sorted(
        path.relative_to(archive.root).as_posix() for path in archive.root.rglob("*") if path.is_file()
    )


def test_what_is_older_goes_and_what_is_not_stays(archive, publish):
    old, new = publish(OLD), publish(NEW)

    removed = list(prune(archive, before=BEFORE))

    assert [(each.kind, each.uri) for each in removed] == [("revision", old.uri)]
    assert list(archive.revisions()) == [new]
    assert not (archive.root / "daily_report/2026/01").exists()


def test_a_dry_run_lists_the_same_and_removes_nothing(archive, publish):
    publish(OLD)
    before = files(archive)

    listed = list(prune(archive, before=BEFORE, dry_run=True))

    assert files(archive) == before
    assert listed == list(prune(archive, before=BEFORE))


def test_an_old_date_that_was_made_lately_stays(archive, publish):
    publish(OLD, on=NEW)

    assert list(prune(archive, before=BEFORE)) == []


def test_only_the_report_that_is_asked_for_is_pruned(archive, publish):
    publish(OLD)
    publish(OLD, report="weekly")

    list(prune(archive, before=BEFORE, report="weekly"))

    assert archive.reports() == ["daily_report"]


def test_what_was_mailed_is_remembered(archive, publish):
    publish(OLD)
    ledger = mailed(archive, OLD)

    list(prune(archive, before=BEFORE))

    assert (ledger / "prepared.json").exists()
    assert list(archive.revisions()) == []


def test_the_number_of_a_mailed_revision_stays_that_contents(archive, publish):
    publish(OLD, "first")
    publish(OLD, "second")
    mailed(archive, OLD)
    list(prune(archive, before=BEFORE))

    assert files(archive) == [
        f"daily_report/2026/01/15/deliveries/{'a' * 64}/prepared.json",
        "daily_report/2026/01/15/r0001/claim.json",
        "daily_report/2026/01/15/r0002/claim.json",
    ]
    assert publish(OLD, "first").number == 1
    assert publish(OLD, "second").number == 2
    assert publish(OLD, "third").number == 3


def test_a_ledger_at_the_start_of_the_period_counts(archive, publish):
    publish(OLD, period="month", start=date(2026, 1, 1))
    mailed(archive, date(2026, 1, 1))

    list(prune(archive, before=BEFORE))

    assert (archive.root / "daily_report/2026/01/15/r0001/claim.json").exists()


def test_pruning_again_finds_nothing(archive, publish):
    publish(OLD)
    mailed(archive, OLD)
    list(prune(archive, before=BEFORE))

    assert list(prune(archive, before=BEFORE)) == []


def test_what_a_publisher_left_that_died_goes_when_it_is_old(archive, publish):
    folder = Path(publish(OLD).uri.removeprefix("file://")).parent
    (folder / "manifest.json").unlink()
    (folder / ".report.html.0.tmp").write_text("half")

    assert list(prune(archive, before=BEFORE)) == []
    for path in folder.rglob("*"):
        made_on(str(path), OLD)
    (removal,) = prune(archive, before=BEFORE)

    assert (removal.kind, removal.uri) == ("unfinished", folder.as_uri())
    assert not folder.exists()


def test_pruning_that_was_killed_goes_on_where_it_ended(archive, publish, monkeypatch):
    published = publish(OLD)
    ledger = mailed(archive, OLD)

    class Killed(BaseException):
        pass

    for point in range(20):
        removals = 0
        unlink = Path.unlink

        def unlink_some(path, *, missing_ok=False, point=point, unlink=unlink):
            nonlocal removals
            removals += 1
            if removals > point:
                raise Killed
            unlink(path, missing_ok=missing_ok)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "unlink", unlink_some)
            try:
                list(prune(archive, before=BEFORE))
            except Killed:
                found = archive.latest("daily_report", OLD)
                assert found is None or found.read("report.html") == b"<p>"
                list_after = list(prune(archive, before=BEFORE, dry_run=True))
                assert len(list_after) == 1
        list(prune(archive, before=BEFORE))
        assert files(archive) == [
            f"daily_report/2026/01/15/deliveries/{ledger.name}/prepared.json",
            "daily_report/2026/01/15/r0001/claim.json",
        ]
        assert publish(OLD) == replace(published)


def test_an_artifact_goes_when_no_kept_report_was_mailed_with_it(archive, publish):
    publish(OLD), publish(NEW)
    kept = archive.store_artifact("kept.pdf", io.BytesIO(b"kept"))
    gone = archive.store_artifact("gone.pdf", io.BytesIO(b"gone"))
    young = archive.store_artifact("young.pdf", io.BytesIO(b"young"))
    made_on(kept.uri, OLD), made_on(gone.uri, OLD)
    mailed(archive, NEW, attachments={"kept.pdf": kept.sha256})
    mailed(archive, date(2025, 1, 1), attachments={"gone.pdf": gone.sha256})

    removed = [each.uri for each in prune(archive, before=BEFORE) if each.kind == "artifact"]

    assert removed == [gone.uri]
    assert sorted(path.name for path in (archive.root / "_artifacts").rglob("*.pdf")) == [
        "kept.pdf",
        "young.pdf",
    ]
    assert young.bytes == 5


def test_an_artifact_that_is_stored_again_is_new_again(archive):
    made_on(archive.store_artifact("a.pdf", io.BytesIO(b"a")).uri, OLD)
    archive.store_artifact("a.pdf", io.BytesIO(b"a"))

    assert list(prune(archive, before=BEFORE)) == []


def test_an_artifact_that_is_stored_again_while_pruning_is_at_work_stays(archive):
    stored = {archive.store_artifact("a.pdf", io.BytesIO(data)).uri: data for data in (b"1", b"2")}
    for uri in stored:
        made_on(uri, OLD)

    removals = prune(archive, before=BEFORE)
    del stored[next(removals).uri]
    ((uri, data),) = stored.items()
    archive.store_artifact("a.pdf", io.BytesIO(data))

    assert list(removals) == []
    assert Path(uri.removeprefix("file://")).read_bytes() == data


def test_pruning_one_report_leaves_the_artifacts_of_all(archive, publish):
    publish(OLD)
    made_on(archive.store_artifact("a.pdf", io.BytesIO(b"a")).uri, OLD)

    assert {each.kind for each in prune(archive, before=BEFORE, report="daily_report")} == {"revision"}


def test_a_damaged_manifest_is_left_for_somebody_to_look_at(archive, publish):
    folder = Path(publish(OLD).uri.removeprefix("file://")).parent
    (folder / "manifest.json").write_text("{")

    assert list(prune(archive, before=BEFORE)) == []
    assert (folder / "report.html").exists()
