from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import AssetAlias

from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.context.archive import (
    announce,
    archive_at,
    archive_of,
    report_asset,
    storage_path,
)
from airflow_provider_daybreak.context.attachments import attached_files
from airflow_provider_daybreak.context.outlets import outlet_events
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.hooks.report import ReportHook
from airflow_provider_daybreak.settings import Settings


def test_the_archive_lies_where_the_settings_say(tmp_path):
    settings = Settings(archive=(tmp_path / "my reports").as_uri(), releases=tmp_path, release_store=None)

    assert archive_of(settings).root == tmp_path / "my reports"


def test_without_a_setting_it_lies_in_airflows_home():
    archive = archive_of()

    assert archive.root.parts[-2:] == ("daybreak", "reports")
    assert archive.root.is_absolute()


@pytest.mark.parametrize("uri", ["", "/var/lib/reports", "file:reports", "file://host/reports", "s3:///prefix"])
def test_what_is_no_absolute_uri_is_refused(uri):
    with pytest.raises(InvalidValueError, match="expected a URI such as file:///"):
        archive_at(uri)


@pytest.mark.parametrize("name", ["a?b.csv", "a#b.csv", "100%.csv", "a%3Fb.csv", "?#&= ü.csv"])
def test_signs_of_addresses_are_parts_of_a_files_name(tmp_path, name):
    (tmp_path / name).write_text("it")

    for uri in ((tmp_path / name).as_uri(), f"file://{tmp_path}/{name.replace('%', '%25')}"):
        assert storage_path(uri, name="uri").read_text() == "it"
        assert [(file.name, file.content) for file in attached_files([uri])] == [(f"attachments/{name}", b"it")]


@pytest.mark.parametrize(
    "uri", ["file:///tmp/a%00b", "file:///tmp/a\0b", "file:////tmp/a", "a://[", "nosuch://bucket/a"]
)
def test_what_no_file_can_be_called_is_refused(uri):
    with pytest.raises(InvalidValueError, match="expected a URI"):
        storage_path(uri, name="uri")


def test_a_trailing_slash_changes_nothing(tmp_path):
    assert archive_at(f"{tmp_path.as_uri()}/").uri == tmp_path.as_uri()
    assert isinstance(archive_at(tmp_path.as_uri()).root, Path)


@pytest.mark.parametrize(
    ("archive", "uri"),
    [
        ("s3://aws_default@reports/daybreak/", "daybreak://reports/daybreak/daily_report"),
        ("s3://reports", "daybreak://reports/daily_report"),
        ("file:///var/lib/reports", "daybreak://localhost/var/lib/reports/daily_report"),
    ],
)
def test_a_report_is_an_asset(archive, uri):
    asset = report_asset("daily_report", archive=archive)

    assert (asset.name, asset.uri) == (uri, uri)


@pytest.mark.parametrize(
    "archive",
    ["file:///tmp/a b", "file:///tmp/a%20b", "file:/tmp/a b/", "file:///tmp//a b", "file:///tmp/./%61 b"],
)
def test_a_reports_asset_has_one_name_however_its_folder_is_spelled(archive):
    name = "daybreak://localhost/tmp/a%20b/daily_report"

    assert report_asset("daily_report", archive=archive).uri == name
    assert report_asset("daily_report", archive=archive_at(archive).uri).uri == name


def test_a_uri_that_cannot_be_used_is_named_after_where_it_was_given(tmp_path):
    with pytest.raises(InvalidValueError, match="^Invalid archive 'reports'"):
        ReportHook("reports").archive  # noqa: B018 - a property
    with pytest.raises(InvalidValueError, match=r"^Invalid \[daybreak\] archive 'reports'"):
        archive_of(Settings(archive="reports", releases=tmp_path, release_store=None))


def test_a_revision_is_announced_as_an_event_of_its_asset(tmp_path):
    archive = archive_at(tmp_path.as_uri())
    period = {
        "name": "day",
        "start": "2026-03-29T00:00:00+00:00",
        "end": "2026-03-30T00:00:00+00:00",
        "timezone": "UTC",
    }
    revision = archive.publish(
        Draft(
            report="daily_report",
            report_date=date(2026, 3, 29),
            period=period,
            title="Almanac",
            files=[DraftFile("report.html", "text/html", b"x")],
            rows={"almanac": 3},
            run={},
        )
    )
    task = SimpleNamespace(outlets=[])
    events = outlet_events()

    announce({"task": task, "outlet_events": events}, archive, revision)

    (event,) = events[AssetAlias("daybreak_reports")].asset_alias_events
    assert task.outlets == [AssetAlias("daybreak_reports")]
    assert event.dest_asset_key.uri == f"daybreak://localhost{tmp_path}/daily_report"
    assert event.extra == {
        "report": "daily_report",
        "report_date": "2026-03-29",
        "period": period,
        "revision": 1,
        "manifest": revision.uri,
        "digest": revision.manifest.digest,
        "rows": {"almanac": 3},
    }
