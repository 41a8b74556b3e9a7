from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import create_autospec

import pytest

from airflow_provider_daybreak.web.links import OpenReportLink


@pytest.fixture
def link_of(monkeypatch):
    """Return a function that gives the link of a task with that result."""

    def link(result, operator=None):
        from airflow.sdk.execution_time.xcom import XCom

        monkeypatch.setattr(XCom, "get_value", create_autospec(XCom.get_value, return_value=result))
        return OpenReportLink().get_link(operator, ti_key=None)

    return link


@pytest.fixture(autouse=True)
def archive(monkeypatch, tmp_path):
    """URI of the archive of the settings."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", tmp_path.as_uri())
    return tmp_path.as_uri()


def test_the_link_is_relative_to_the_uis_base(link_of, archive):
    manifest = f"{archive}/daily_report/2026/03/29/r0002/manifest.json"
    result = {"report": "daily_report", "report_date": "2026-03-29", "revision": 2, "manifest": manifest}

    assert link_of(result) == "daybreak/reports/daily_report/2026-03-29/2/"


@pytest.mark.parametrize("result", [None, "text", {}, {"report": "daily_report"}])
def test_a_task_that_made_no_report_has_no_link(link_of, result):
    assert link_of(result) == ""


def test_a_report_of_another_archive_has_no_link(link_of, archive):
    manifest = f"{archive}2/daily_report/2026/03/29/r0002/manifest.json"

    assert (
        link_of({"report": "daily_report", "report_date": "2026-03-29", "revision": 2, "manifest": manifest})
        == ""
    )


@pytest.mark.parametrize(("archive_of_task", "linked"), [(None, True), ("file:///elsewhere", False)])
def test_a_mail_task_opens_the_report_that_it_mailed(link_of, archive_of_task, linked):
    result = {"report": "daily_report", "report_date": "2026-03-29", "revision": 2, "message_ids": {}}
    task = SimpleNamespace(archive=archive_of_task)

    assert link_of(result, task) == ("daybreak/reports/daily_report/2026-03-29/2/" if linked else "")
