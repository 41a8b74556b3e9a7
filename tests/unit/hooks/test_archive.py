from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.hooks.archive import archive_at, archive_of
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


def test_a_trailing_slash_changes_nothing(tmp_path):
    assert archive_at(f"{tmp_path.as_uri()}/").uri == tmp_path.as_uri()
    assert isinstance(archive_at(tmp_path.as_uri()).root, Path)
