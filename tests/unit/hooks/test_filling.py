"""What filling a range of days does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow_provider_daybreak.hooks.filling import filled, in_turn
from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.overview.facts import Archived
from airflow_provider_daybreak.overview.standing import RunFacts, Standing

NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def day(*, archived=False, run="", back=0, **how):
    due = NOW - timedelta(days=back, hours=3)
    one = Archived("sales", due.date(), 1) if archived else None
    facts = RunFacts("scheduled__1", run) if run else None
    return filled(Row("sales", "sales", due.date(), due, Standing("missing"), one, facts), due, NOW, 12, **how)


def test_a_day_without_report_and_run_is_filled_and_one_whose_run_failed_too():
    assert [each.line()["fill"] for each in (day(), day(run="failed"), day(archived=True, run="failed"))] == [
        "runs"
    ] * 3
    assert [each.line()["fill"] for each in (day(archived=True), day(run="running"), day(run="success"))] == [
        "stays"
    ] * 3


def test_mails_are_told_for_what_runs_and_is_not_too_late():
    assert [each.line()["mails"] for each in (day(), day(archived=True), day(back=30))] == [
        "12",
        "0",
        "too late, archived only",
    ]


def test_what_is_too_late_is_mailed_where_that_is_wanted():
    late, soon, stays = day(back=30, even_if_late=True), day(even_if_late=True), day(archived=True, back=30)

    assert [each.line()["mails"] for each in (late, soon, stays)] == ["12", "12", "0"]


def test_what_lies_behind_a_day_that_airflow_would_make_again_is_for_later():
    days = [day(archived=True), day(), day(archived=True, run="success"), day(), day(archived=True), day()]

    assert [each.line()["fill"] for each in in_turn(days)] == [
        "stays",
        "runs",
        "stays",
        "runs",
        "stays",
        "later",
    ]


def test_days_that_were_not_picked_stay_and_end_a_range_that_would_make_them():
    days = [
        day(wanted=False),
        day(),
        day(run="success", wanted=False),
        day(),
        day(run="failed", wanted=False),
        day(),
    ]

    assert [each.line()["fill"] for each in in_turn(days)] == [
        "stays",
        "runs",
        "stays",
        "runs",
        "stays",
        "later",
    ]
