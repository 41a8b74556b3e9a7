from __future__ import annotations

import shutil
from datetime import date

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.archive.find import Revisions, find_revisions
from airflow_provider_daybreak.exceptions import ArchivedFileChangedError, InvalidValueError
from tests.mail import draft


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _file: None)
    return Archive(tmp_path / "reports")


@pytest.fixture
def many(archive):
    """Return the revisions of more reports than stay open."""
    found = Revisions(archive)
    for number in range(100):
        found.add(archive.publish(draft(f"sales_{number}")))
    return found


def test_each_revision_is_the_one_that_was_added_open_or_not(archive, many):
    assert {report: revision.manifest.report for report, revision in many.items()} == {
        report: report for report in archive.reports()
    }


def test_another_revision_in_the_place_of_one_is_not_taken_for_it(archive, many):
    other = archive.publish(draft("sales_99", text="Other figures"))
    folder = archive.folder("sales_99", date(2026, 3, 29), 1)
    shutil.copy(other.folder / "manifest.json", folder / "manifest.json")

    with pytest.raises(ArchivedFileChangedError, match="not the one that was looked at before"):
        many["sales_99"]


def test_a_report_that_is_named_twice_or_none_at_all_is_refused(archive, many):
    with pytest.raises(InvalidValueError, match="each report once"):
        many.add(many["sales_99"])
    with pytest.raises(InvalidValueError, match="the result of a report task"):
        list(find_revisions(archive, [], report_date=date(2026, 3, 29)))
