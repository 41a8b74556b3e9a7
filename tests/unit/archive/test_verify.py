from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.archive.verify import Damage, verify


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


@pytest.fixture
def revision(archive):
    return archive.publish(
        Draft(
            report="daily_report",
            report_date=date(2026, 3, 29),
            period={
                "name": "day",
                "start": "2026-03-29T00:00:00+00:00",
                "end": "2026-03-31T00:00:00+00:00",
                "timezone": "UTC",
            },
            title="Almanac",
            files=[DraftFile("report.html", "text/html", b"<p>"), DraftFile("data/a.csv", "text/csv", b"a")],
            rows={},
            run={},
        )
    )


def damages(archive):
    return [damage for verified in verify(archive) for damage in verified.damages]


def test_what_is_as_published_has_no_damage(archive, revision):
    (verified,) = verify(archive)

    assert verified == replace(verified, uri=revision.uri, bytes=4, damages=())


def test_a_changed_a_missing_and_a_replaced_file_are_found(archive, revision):
    revision.path("report.html").write_bytes(b"forged")
    revision.path("data/a.csv").unlink()
    revision.path("data/a.csv").mkdir()

    assert damages(archive) == [
        Damage("data/a.csv", "something else lies in its place"),
        Damage("report.html", "its bytes are not those that were published"),
    ]


def test_a_changed_snapshot_is_found(archive, revision):
    files = [DraftFile("data/a.snapshot.jsonl", "application/jsonl", b"{}", snapshot=True)]
    made = archive.publish(Draft("pay", date(2026, 3, 29), revision.manifest.period, "Pay", files, {}, {}))
    (made.folder / "data" / "a.snapshot.jsonl").write_bytes(b"[]")

    assert damages(archive) == [Damage("data/a.snapshot.jsonl", "its bytes are not those that were published")]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("title", "Another", "its digest is not that of its files, title and period"),
        ("revision", 2, "it is that of another revision"),
        ("report", "weekly", "it is that of another revision"),
    ],
)
def test_a_changed_manifest_is_found(archive, revision, field, value, problem):
    path = revision.folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))

    assert damages(archive) == [Damage("manifest.json", problem)]


def test_a_damaged_manifest_does_not_end_the_search(archive, revision):
    archive.publish(
        Draft(
            report="weekly",
            report_date=date(2026, 3, 29),
            period=revision.manifest.period,
            title="Week",
            files=[],
            rows={},
            run={},
        )
    )
    (revision.folder / "manifest.json").write_text("{")

    first, second = verify(archive)

    assert first.damages == (Damage("manifest.json", "it is no manifest; restore it from a backup"),)
    assert second.damages == ()


def test_a_publisher_that_died_is_no_damage(archive, revision):
    (revision.folder / "manifest.json").unlink()

    assert list(verify(archive)) == []
