from __future__ import annotations

import io
import json
import threading
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.exceptions import (
    ArchivedFileChangedError,
    ArchivedFileNotFoundError,
    InvalidValueError,
    ManifestUnreadableError,
    OutsideArchiveError,
    RevisionNotFoundError,
)

DAY = date(2026, 3, 29)
BERLIN = ZoneInfo("Europe/Berlin")


def draft(text="<p>Hello</p>", *, report="daily_report", report_date=DAY, **changes):
    made = Draft(
        report=report,
        report_date=report_date,
        period={
            "name": "day",
            "start": datetime(report_date.year, report_date.month, report_date.day, tzinfo=BERLIN),
            "end": "2026-03-30T00:00:00+02:00",
            "timezone": "Europe/Berlin",
        },
        title="Almanac",
        files=[
            DraftFile("report.html", "text/html", text.encode()),
            DraftFile("charts/daylight.png", "image/png", b"\x89PNG"),
        ],
        rows={"almanac": 3},
        run={"dag_id": "daily_report", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1},
    )
    return replace(made, **changes)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "my reports")


def numbers(revisions):
    return [(each.manifest.report, each.manifest.report_date.isoformat(), each.number) for each in revisions]


def test_a_published_revision_is_read_back_as_it_was(archive):
    published = archive.publish(draft())

    revision = archive.open(published.uri)

    assert revision == published
    assert revision.read("report.html") == b"<p>Hello</p>"
    assert revision.read("charts/daylight.png") == b"\x89PNG"
    assert revision.manifest.rows == {"almanac": 3}
    assert revision.manifest.period["start"] == "2026-03-29T00:00:00+01:00"


def test_files_lie_where_the_layout_says(archive):
    published = archive.publish(draft())

    folder = archive.root / "daily_report/2026/03/29/r0001"
    assert (folder / "report.html").read_text() == "<p>Hello</p>"
    assert unquote(published.uri) == f"file://{folder}/manifest.json"
    facts = json.loads((folder / "manifest.json").read_bytes())
    assert facts["schema"] == 1
    assert facts["report_date"] == "2026-03-29"
    assert facts["files"][0]["name"] == "charts/daylight.png"


def test_the_same_content_again_is_the_revision_that_is_there(archive):
    first = archive.publish(draft())

    again = archive.publish(draft(run={"run_id": "another"}))

    assert again.existing
    assert not first.existing
    assert again == first


def test_other_content_is_the_next_revision(archive):
    archive.publish(draft())

    assert archive.publish(draft("other")).number == 2
    assert archive.publish(draft("other", title="Another title")).number == 3


def test_content_that_returns_is_a_revision_of_its_own(archive):
    archive.publish(draft("a"))
    archive.publish(draft("b"))

    assert archive.publish(draft("a")).number == 3
    assert archive.latest("daily_report", DAY).read("report.html") == b"a"


def test_a_draft_is_numbered_but_is_not_the_latest(archive):
    archive.publish(draft("good"))
    failed = archive.publish(draft("bad", draft=True, outcome="failed_checks"))

    assert failed.number == 2
    assert archive.latest("daily_report", DAY).number == 1
    assert archive.latest("daily_report", DAY, drafts=True).number == 2
    assert archive.publish(draft("good")).number == 1


def test_content_that_passes_its_checks_later_is_a_new_revision(archive):
    archive.publish(draft(draft=True))

    assert archive.publish(draft()).number == 2


def test_the_latest_can_be_asked_for_by_period(archive):
    day = archive.publish(draft())
    week = archive.publish(
        draft(
            period={
                "name": "week",
                "start": "2026-03-23T00:00:00+01:00",
                "end": "2026-03-31T00:00:00+00:00",
                "timezone": "UTC",
            }
        )
    )

    assert archive.latest("daily_report", DAY) == week
    assert archive.latest("daily_report", DAY, "day:2026-03-29:Europe/Berlin") == day
    assert archive.latest("daily_report", DAY, "day:2026-03-29:UTC") is None
    assert archive.publish(draft()) == day


def test_files_without_manifest_are_no_revision_and_other_content_passes_them_by(archive):
    published = archive.publish(draft())
    (archive.root / "daily_report/2026/03/29/r0001/manifest.json").unlink()

    assert archive.latest("daily_report", DAY) is None
    assert list(archive.revisions()) == []
    with pytest.raises(RevisionNotFoundError):
        archive.open(published.uri)
    assert archive.publish(draft("other")).number == 2
    assert [each.number for each in archive.revisions()] == [2]


def test_content_whose_publisher_died_completes_its_own_number(archive):
    archive.publish(draft())
    (archive.root / "daily_report/2026/03/29/r0001/manifest.json").unlink()

    assert archive.publish(draft()).number == 1


def test_revisions_are_listed_by_report_and_date(archive):
    for report in ("weekly", "daily_report"):
        for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 2, 28), DAY):
            archive.publish(draft(report=report, report_date=day))

    found = archive.revisions("daily_report", since=date(2026, 1, 1), until=date(2026, 2, 28))

    assert numbers(found) == [("daily_report", "2026-01-01", 1), ("daily_report", "2026-02-28", 1)]
    assert archive.reports() == ["daily_report", "weekly"]
    assert len(list(archive.revisions())) == 8
    assert list(archive.revisions("unheard_of")) == []


def test_what_is_no_report_is_not_listed(archive):
    archive.publish(draft())
    archive.store_artifact("report.pdf", io.BytesIO(b"%PDF"))
    (archive.root / "lost+found").mkdir()
    (archive.root / "daily_report/2026/02/31").mkdir(parents=True)
    (archive.root / "daily_report/2026/notes.txt").write_text("")

    assert archive.reports() == ["daily_report"]
    assert len(list(archive.revisions())) == 1


@pytest.mark.parametrize("report", ["", "..", "A", "a/b", "-a", "a" * 65, "_artifacts", "a\n", None])
def test_a_name_that_is_no_slug_is_refused(archive, report):
    with pytest.raises(InvalidValueError, match="Invalid report"):
        draft(report=report)
    with pytest.raises(InvalidValueError, match="Invalid report"):
        archive.latest(report, DAY)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "manifest.json", "a\\b", "a\x00", "x" * 201],
)
def test_a_file_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InvalidValueError, match="Invalid name of an archived file"):
        draft(files=[DraftFile(name, "text/plain", b"")])


def test_two_files_of_one_name_are_refused():
    with pytest.raises(InvalidValueError, match="each name once"):
        draft(files=[DraftFile("a", "text/plain", b""), DraftFile("a", "text/plain", b"")])


def test_a_file_that_was_changed_is_an_error(archive):
    revision = archive.publish(draft())
    revision.path("report.html").write_text("<p>Hullo</p>")

    with pytest.raises(ArchivedFileChangedError, match="not those that were published"):
        revision.read("report.html")


def test_a_file_that_is_gone_is_an_error(archive):
    revision = archive.publish(draft())
    revision.path("report.html").unlink()

    with pytest.raises(ArchivedFileChangedError, match="it is gone"):
        revision.read("report.html")


def test_a_link_in_place_of_a_file_is_not_followed(archive, tmp_path):
    revision = archive.publish(draft())
    (tmp_path / "secret").write_text("<p>Hello</p>")
    revision.path("report.html").unlink()
    revision.path("report.html").symlink_to(tmp_path / "secret")

    with pytest.raises(ArchivedFileChangedError, match="something else lies in its place"):
        revision.read("report.html")


def test_a_file_that_never_was_is_an_error_that_names_those_there_are(archive):
    with pytest.raises(ArchivedFileNotFoundError, match="it has charts/daylight.png, report.html"):
        archive.publish(draft()).read("report.pdf")


def test_a_manifest_of_another_place_is_not_opened(archive, tmp_path):
    other = Archive(tmp_path / "other").publish(draft())

    for uri in (
        other.uri,
        f"{archive.uri}/daily_report/2026/03/29/r0001/../../../../../../other/manifest.json",
        f"{archive.uri}/daily_report/2026/03/29/r0001/report.html",
        f"{archive.uri}/daily_report/2026/02/31/r0001/manifest.json",
        f"{archive.uri}/daily_report/2026/03/29/r00001/manifest.json",
    ):
        with pytest.raises(OutsideArchiveError, match="is no manifest in the archive"):
            archive.open(uri)


def test_what_an_archive_says_of_its_own_reports_holds_where_it_was_moved_to(tmp_path):
    before = Archive(tmp_path / "before").publish(draft()).uri
    (tmp_path / "before").rename(tmp_path / "after")

    opened = Archive(tmp_path / "after").open_own(before)

    assert opened.uri == before.replace("before", "after")
    with pytest.raises(OutsideArchiveError):
        Archive(tmp_path / "after").open_own("file:///daily_report/2026/02/31/r0001/manifest.json")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": 99}'])
def test_a_damaged_manifest_is_an_error(archive, data):
    revision = archive.publish(draft())
    (archive.root / "daily_report/2026/03/29/r0001/manifest.json").write_bytes(data)

    with pytest.raises(ManifestUnreadableError, match="Cannot read the manifest"):
        archive.open(revision.uri)


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        *(("report", "../other"), ("report", 7), ("report_date", "tomorrow"), ("report_date", 20260329)),
        *(
            ("revision", "1"),
            ("revision", 0),
            ("revision", True),
            ("title", None),
            ("created", []),
            ("draft", 1),
        ),
        *(("period", []), ("period", {}), ("period", {"name": 1, "start": "", "end": "", "timezone": ""})),
        *(("rows", []), ("rows", {"sales": "3"}), ("run", None), ("queries", {"sales": 3}), ("checks", [3])),
        *(("files", {}), ("files", [3]), ("files", [{}]), ("digest", 3), ("unknown", 1), ("schema", "1")),
        *(
            ("name", "../../other"),
            ("name", "/etc/passwd"),
            ("name", "manifest.json"),
            ("name", 3),
            ("name", "a\0"),
        ),
        *(("bytes", "4"), ("sha256", None), ("media_type", 3), ("snapshot", "no"), ("more", 1)),
    ],
)
def test_a_manifest_of_another_shape_is_an_error_that_says_so(archive, fact, value):
    revision = archive.publish(draft())
    path = archive.root / "daily_report/2026/03/29/r0001/manifest.json"
    facts = json.loads(path.read_bytes())
    of_file = fact in ("name", "bytes", "sha256", "media_type", "snapshot", "more")
    (facts["files"][0] if of_file else facts)[fact] = value
    path.write_text(json.dumps(facts))

    with pytest.raises(ManifestUnreadableError, match="Cannot read the manifest"):
        archive.open(revision.uri)


def damage(revision):
    revision.folder.joinpath("manifest.json").write_text("{")


def test_a_damaged_revision_is_left_out_of_a_list_with_a_warning(archive, caplog):
    archive.publish(draft("a"))
    damaged = archive.publish(draft("b"))
    archive.publish(draft(report_date=date(2026, 3, 30)))
    damage(damaged)

    assert numbers(archive.revisions()) == [
        ("daily_report", "2026-03-29", 1),
        ("daily_report", "2026-03-30", 1),
    ]
    (warning,) = caplog.messages
    assert f"Cannot read the manifest {damaged.uri!r}: it is no manifest" in warning
    assert "airflow daybreak reports verify" in warning


@pytest.mark.parametrize("text", ["a", "b", "c"])
def test_a_date_with_a_damaged_revision_is_published_under_the_next_number(archive, text, caplog):
    archive.publish(draft("a"))
    damaged = archive.publish(draft("b"))
    damage(damaged)

    published = archive.publish(draft(text))

    assert (published.number, published.existing) == (3, False)
    assert archive.publish(draft(text)) == published
    assert archive.latest("daily_report", DAY) == published
    assert damaged.uri in caplog.text


def test_a_damaged_revision_is_not_passed_over_for_the_one_before(archive):
    """Else what it had put right would be mailed."""
    archive.publish(draft("a"))
    damage(archive.publish(draft("b")))

    with pytest.raises(ManifestUnreadableError):
        archive.latest("daily_report", DAY)


def with_snapshot(content):
    return draft(
        files=[
            DraftFile("report.html", "text/html", b"<p>"),
            DraftFile("data/sales.snapshot.jsonl", "application/jsonl", content, snapshot=True),
        ]
    )


def test_a_snapshot_is_not_what_a_reader_sees(archive):
    first = archive.publish(with_snapshot(b"1"))

    again = archive.publish(with_snapshot(b"2"))

    assert again.existing
    assert again == first
    assert first.read("data/sales.snapshot.jsonl", snapshot=True) == b"1"
    assert first.manifest.digest == draft(files=[DraftFile("report.html", "text/html", b"<p>")]).digest


def test_readers_are_given_no_snapshot(archive):
    revision = archive.publish(with_snapshot(b"1"))

    assert [file.name for file in revision.files] == ["report.html"]
    for ask in (revision.file, revision.path, revision.read):
        with pytest.raises(ArchivedFileNotFoundError, match="it has report.html\\.$"):
            ask("data/sales.snapshot.jsonl")


def test_a_number_is_not_shared_by_publishers_of_other_snapshots(archive):
    """The second may write its snapshot after the first has made the manifest."""
    first = archive.publish(with_snapshot(b"1"))
    first.folder.joinpath("manifest.json").unlink()

    assert archive.publish(with_snapshot(b"2")).number == 2
    assert archive.publish(with_snapshot(b"1")).number == 2


def test_an_artifact_lies_under_its_digest_once(archive):
    first = archive.store_artifact("report.pdf", io.BytesIO(b"%PDF"))
    second = archive.store_artifact("report.pdf", io.BytesIO(b"%PDF"))

    assert first == second
    assert first.uri.endswith(f"/_artifacts/{first.sha256}/report.pdf")
    assert Path(unquote(first.uri.removeprefix("file://"))).read_bytes() == b"%PDF"
    assert first.info() == {"uri": first.uri, "sha256": first.sha256, "bytes": 4}


@pytest.mark.parametrize("name", ["", "a/b", "..", ".env"])
def test_an_artifact_has_a_plain_name(archive, name):
    with pytest.raises(InvalidValueError):
        archive.store_artifact(name, io.BytesIO(b""))


def test_an_artifact_whose_stream_breaks_leaves_nothing(archive):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise ConnectionResetError(size)

    with pytest.raises(ConnectionResetError):
        archive.store_artifact("report.pdf", Broken())

    assert list((archive.root / "_artifacts").iterdir()) == []


def test_deliveries_of_a_date_have_a_folder_of_their_own(archive):
    assert archive.deliveries("daily_report", DAY) == archive.root / "daily_report/2026/03/29/deliveries"


def test_an_archive_is_told_from_another_at_the_same_address(archive, tmp_path):
    mark = archive.mark()
    assert Archive(archive.root).mark() == mark

    archive.root.rename(tmp_path / "moved away")

    assert archive.mark() != mark


def test_a_mark_of_any_bytes_is_one(archive):
    archive.root.mkdir()
    (archive.root / "_mark").write_bytes(b"\xff\0")

    assert len(bytes.fromhex(archive.mark())) == 16


def test_racing_publishers_get_consecutive_numbers(archive):
    gate = threading.Barrier(8)
    published = []

    def publish(text):
        gate.wait()
        published.append(archive.publish(draft(text)))

    threads = [threading.Thread(target=publish, args=(str(index),)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(each.number for each in published) == list(range(1, 9))
    assert {each.read("report.html") for each in archive.revisions()} == {b"%d" % each for each in range(8)}


def test_racing_publishers_of_the_same_content_make_one_revision(archive):
    gate = threading.Barrier(8)
    published = []

    def publish():
        gate.wait()
        published.append(archive.publish(draft()))

    threads = [threading.Thread(target=publish) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {each.number for each in published} == {1}
    assert [each.existing for each in published].count(False) == 1
