from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.hooks.run import run_of


def test_the_report_date_is_the_day_in_the_dags_zone(make_context):
    context = make_context(
        logical_date=datetime(2026, 3, 28, 23, 30, tzinfo=timezone.utc), dag_timezone="Europe/Berlin"
    )

    assert run_of(context).report_date == date(2026, 3, 29)


def test_the_zone_of_the_timetable_is_the_dags_zone(make_context):
    dag = DAG("daily", schedule=CronTriggerTimetable("0 9 * * *", timezone="Asia/Tokyo"))
    context = make_context(logical_date=datetime(2026, 3, 28, 15, 30, tzinfo=timezone.utc)) | {"dag": dag}

    assert run_of(context).report_date == date(2026, 3, 29)


def test_a_param_decides_over_the_runs_own_date(make_context):
    assert run_of(make_context(params={"report_date": "2026-01-02"})).report_date == date(2026, 1, 2)


def test_an_empty_param_leaves_it_to_the_run(make_context):
    assert run_of(make_context(params={"report_date": None})).report_date == date(2026, 3, 29)


def test_a_param_that_is_no_date_is_an_error(make_context):
    with pytest.raises(InvalidValueError, match="Invalid report_date '29.3.2026': expected a date such as"):
        run_of(make_context(params={"report_date": "29.3.2026"}))


def test_a_run_without_logical_date_takes_the_time_it_was_due(make_context):
    context = make_context()
    context["dag_run"].logical_date = None

    assert run_of(context).report_date == date(2026, 3, 29)
