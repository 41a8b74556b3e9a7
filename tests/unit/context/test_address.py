from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_daybreak.context.address import address_of
from airflow_provider_daybreak.context.archive import archive_at, archive_of
from airflow_provider_daybreak.exceptions import InvalidValueError

DAY = date(2026, 3, 29)


@pytest.fixture(autouse=True)
def archive(monkeypatch, tmp_path):
    """The archive of the settings."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "reports").as_uri())
    return archive_of()


@pytest.mark.parametrize("base", ["https://airflow.example.org/team", "https://airflow.example.org/team/ "])
def test_a_report_has_an_address_below_airflows_own(monkeypatch, archive, base):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)

    address = address_of("daily_report", DAY, archive)

    assert address == "https://airflow.example.org/team/daybreak/reports/daily_report/2026-03-29"


@pytest.mark.parametrize("base", ["", "  "])
def test_there_is_none_where_nobody_says_where_airflow_is(monkeypatch, archive, caplog, base):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)

    assert address_of("daily_report", DAY, archive) == ""
    assert not caplog.messages


@pytest.mark.parametrize(
    "base",
    [
        "airflow.example.org",
        "javascript:alert(1)",
        "ftp://airflow.example.org",
        "https://",
        "https://[::1",
        "https://ann:secret@airflow.example.org",
        "https://airflow.example.org/?a=b",
        "https://airflow.example.org/#there",
    ],
)
def test_what_no_reader_should_be_led_to_is_left_out_and_said(monkeypatch, archive, caplog, base):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)

    assert address_of("daily_report", DAY, archive) == ""
    assert "Reports have no link: [api] base_url is no address for readers" in caplog.text
    assert "secret" not in caplog.text


def test_a_report_in_another_archive_has_no_page(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")

    assert address_of("daily_report", DAY, archive_at((tmp_path / "other").as_uri())) == ""


def test_no_address_leads_out_of_the_reports(monkeypatch, archive):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org")

    with pytest.raises(InvalidValueError):
        address_of("../dags", DAY, archive)
