from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest
import time_machine

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.archive.prune import prune
from airflow_provider_daybreak.archive.verify import Damage, verify
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.exceptions import (
    ArchivedFileChangedError,
    OutsideArchiveError,
    OwnedByAnotherDagError,
    RevisionNotFoundError,
    StorageNotAtomicError,
    StorageUnsupportedError,
)
from airflow_provider_daybreak.storage import create_if_absent, s3

DAY = date(2026, 3, 29)


def draft(text="<p>Hello</p>", **changes):
    made = Draft(
        report="daily_report",
        report_date=DAY,
        period={
            "name": "day",
            "start": "2026-03-29T00:00:00+00:00",
            "end": "2026-03-30T00:00:00+00:00",
            "timezone": "UTC",
        },
        title="Almanac",
        files=[
            DraftFile("report.html", "text/html", text.encode()),
            DraftFile("charts/daylight.png", "image/png", b"\x89PNG"),
        ],
        rows={},
        run={"dag_id": "daily_report"},
    )
    return replace(made, **changes)


def at_once(count, function):
    gate = threading.Barrier(count)
    results = []

    def call(index):
        gate.wait()
        results.append(function(index))

    threads = [threading.Thread(target=call, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_many_first_publishers_on_s3_one_owns_the_report(archive):
    def publish(number):
        try:
            return archive.publish(draft(str(number), run={"dag_id": f"dag_{number}"})).manifest.run["dag_id"]
        except OwnedByAnotherDagError as error:
            return error.owner

    owners = at_once(8, publish)

    assert owners == [archive.owner("daily_report")] * 8
    again = archive.publish(draft("again", run={"dag_id": "renamed"}), take_over=owners[0])
    assert (again.number, archive.owner("daily_report")) == (2, "renamed")


def test_a_published_revision_is_read_back_as_it_was(archive, uri):
    published = archive.publish(draft())

    revision = archive.open(published.uri)

    assert published.uri == f"{uri}/daily_report/2026/03/29/r0001/manifest.json"
    assert revision == published
    assert revision.read("charts/daylight.png") == b"\x89PNG"
    assert json.loads(revision.folder.joinpath("manifest.json").read_bytes())["revision"] == 1


def test_the_same_content_again_is_the_revision_that_is_there(archive):
    archive.publish(draft())

    again = archive.publish(draft())

    assert again.existing
    assert [each.number for each in archive.revisions()] == [1]
    assert archive.publish(draft("other")).number == 2


def test_another_process_sees_at_once_what_was_published(archive):
    """s3fs remembers listings; an API server that listed a day before must see the day's next revision."""
    archive.publish(draft())
    assert archive.latest("daily_report", DAY).number == 1
    folder, name = s3.filesystem_of(archive.root / "daily_report/2026/03/29/r0001")
    other = type(folder)(**folder.storage_options, skip_instance_cache=True)
    for file in ("report.html", "charts/daylight.png", "claim.json", "manifest.json"):
        data = other.cat_file(f"{name}/{file}").replace(b'"revision": 1', b'"revision": 2')
        other.pipe_file(f"{name[:-1]}2/{file}", data)

    assert archive.latest("daily_report", DAY).number == 2


def test_revisions_are_listed_by_report_and_date(archive):
    for day in (date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1)):
        archive.publish(draft(report_date=day))
    archive.publish(draft("other", report_date=date(2026, 2, 1)))
    archive.publish(draft(report="weekly"))
    archive.store_artifact("report.pdf", io.BytesIO(b"%PDF"))

    found = archive.revisions("daily_report", since=date(2026, 2, 1), until=date(2026, 2, 28))

    assert [(each.manifest.report_date.day, each.number) for each in found] == [(1, 1), (1, 2), (28, 1)]
    assert archive.reports() == ["daily_report", "weekly"]


def test_racing_publishers_get_consecutive_numbers(archive):
    published = at_once(8, lambda index: archive.publish(draft(str(index))))

    assert sorted(each.number for each in published) == list(range(1, 9))
    assert {each.read("report.html") for each in archive.revisions()} == {b"%d" % each for each in range(8)}


def test_racing_publishers_of_the_same_content_make_one_revision(archive):
    published = at_once(8, lambda _index: archive.publish(draft()))

    assert {each.number for each in published} == {1}
    assert [each.existing for each in published].count(False) == 1


def test_of_many_at_once_one_creates_an_object(archive):
    created = at_once(16, lambda index: create_if_absent(archive.root / "marker", b"%d" % index) and index)

    winners = [index for index in created if index is not False]
    assert [b"%d" % index for index in winners] == [(archive.root / "marker").read_bytes()]


def test_an_object_whose_creation_was_answered_too_late_was_still_created_by_us(archive, store):
    s3.probe(archive.root)
    store.lose = 1

    assert create_if_absent(archive.root / "marker", b"1")
    assert not create_if_absent(archive.root / "marker", b"1")


def test_a_conflict_with_another_conditional_write_is_waited_for(archive, store):
    assert create_if_absent(archive.root / "before", b"1")
    store.conflicts = 2

    assert create_if_absent(archive.root / "marker", b"1")


def test_a_store_that_creates_twice_is_refused(archive, store):
    store.deaf = True

    with pytest.raises(StorageNotAtomicError, match="ignores 'If-None-Match"):
        archive.publish(draft())

    store.deaf = False
    assert list(archive.revisions()) == []


def test_storage_that_is_no_s3_is_refused():
    with pytest.raises(StorageUnsupportedError, match="Cannot keep reports at 'memory://a/b"):
        archive_at("memory://a/b").publish(draft())


def test_a_store_that_is_away_is_an_error_of_the_operating_system(monkeypatch):
    extra = {
        "endpoint_url": "http://127.0.0.1:9",
        "region_name": "x",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    connection = {"conn_type": "aws", "login": "access-key", "password": "secret-key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps(connection))

    with pytest.raises(ConnectionError, match="Could not connect to the endpoint"):
        archive_at("s3://away@reports").publish(draft())


def test_an_absent_revision_is_not_found(archive, uri):
    with pytest.raises(RevisionNotFoundError):
        archive.open(f"{uri}/daily_report/2026/03/29/r0001/manifest.json")
    with pytest.raises(OutsideArchiveError):
        archive.open(f"{uri}2/daily_report/2026/03/29/r0001/manifest.json")
    assert archive.latest("daily_report", DAY) is None


def test_an_object_that_was_changed_is_an_error(archive):
    revision = archive.publish(draft())
    revision.path("report.html").write_bytes(b"forged")

    with pytest.raises(ArchivedFileChangedError):
        revision.read("report.html")


def test_an_artifact_lies_under_its_digest_once(archive, uri):
    first = archive.store_artifact("report.pdf", io.BytesIO(b"%PDF"))

    assert archive.store_artifact("report.pdf", io.BytesIO(b"%PDF")) == first
    assert first.uri == f"{uri}/_artifacts/{first.sha256}/report.pdf"
    assert (archive.root / "_artifacts" / first.sha256 / "report.pdf").read_bytes() == b"%PDF"


def test_damage_is_found(archive):
    revision = archive.publish(draft())
    archive.publish(draft(report="weekly"))
    revision.path("report.html").write_bytes(b"forged")

    damages = {verified.uri: verified.damages for verified in verify(archive)}

    assert len(damages) == 2
    assert damages[revision.uri] == (Damage("report.html", "its bytes are not those that were published"),)


def test_what_is_older_goes_but_for_what_was_mailed(archive):
    manifest = replace(archive.publish(draft()).manifest, created="2026-03-29T00:00:00+00:00")
    (archive.root / "daily_report/2026/03/29/r0001/manifest.json").write_bytes(manifest.to_json())
    create_if_absent(archive.deliveries("daily_report", DAY) / "key" / "prepared.json", b"{}")
    kept = archive.publish(draft(report_date=date(2026, 4, 29)))

    (removal,) = prune(archive, before=date(2026, 4, 1))

    assert removal.uri == f"{archive.uri}/daily_report/2026/03/29/r0001/manifest.json"
    assert list(archive.revisions()) == [kept]
    assert [name for name, _ in storage.files_below(archive.root / "daily_report/2026/03")] == [
        "29/deliveries/key/prepared.json",
        "29/r0001/claim.json",
    ]
    assert list(prune(archive, before=date(2026, 4, 1))) == []
    assert archive.publish(draft()).number == 1


@pytest.mark.parametrize("name", ["Umsatz [EU].pdf", "Umsatz*.pdf", "Umsatz?.pdf", "100% #1.pdf"])
def test_a_file_goes_by_its_name_and_not_by_a_pattern(archive, name):
    files = [DraftFile(f"attachments/{name}", "application/pdf", b"%PDF")]
    manifest = replace(archive.publish(draft(files=files)).manifest, created="2026-03-29T00:00:00+00:00")
    (archive.root / "daily_report/2026/03/29/r0001/manifest.json").write_bytes(manifest.to_json())

    assert len(list(prune(archive, before=date(2026, 4, 1)))) == 1
    assert storage.files_below(archive.root / "daily_report" / "2026") == []
    assert list(prune(archive, before=date(2026, 4, 1))) == []


def test_what_the_store_refuses_to_remove_is_an_error(archive, store):
    manifest = replace(archive.publish(draft()).manifest, created="2026-03-29T00:00:00+00:00")
    (archive.root / "daily_report/2026/03/29/r0001/manifest.json").write_bytes(manifest.to_json())
    store.keeps = True

    with pytest.raises(PermissionError):
        list(prune(archive, before=date(2026, 4, 1)))


def test_an_artifact_that_is_stored_again_while_pruning_is_at_work_stays(archive):
    with time_machine.travel(datetime(2026, 3, 29, tzinfo=timezone.utc)):
        stored = {archive.store_artifact("a.pdf", io.BytesIO(data)).uri: data for data in (b"1", b"2")}

    removals = prune(archive, before=date(2026, 4, 1))
    del stored[next(removals).uri]
    ((uri, data),) = stored.items()
    archive.store_artifact("a.pdf", io.BytesIO(data))

    assert list(removals) == []
    assert [
        f"{archive.uri}/_artifacts/{name}" for name, _ in storage.files_below(archive.root / "_artifacts")
    ] == [uri]


def test_an_object_is_as_old_as_the_store_says(archive):
    path = archive.root / "marker"
    create_if_absent(path, b"")

    assert timedelta(seconds=-1) <= storage.age(path) < timedelta(minutes=30)
    with time_machine.travel(datetime.now(timezone.utc) + timedelta(hours=1)):  # the store is in this process
        assert storage.age(path) > timedelta(minutes=59)
    assert storage.age(archive.root / "absent") is None
