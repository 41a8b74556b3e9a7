from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import between, checked, instants, looks_like_field, times_a_day
from airflow_provider_daybreak.jobs.job import Rule, When

BERLIN = ZoneInfo("Europe/Berlin")


def of_day(expression, rule, day):
    start = datetime.fromisoformat(f"2026-{day}T00:00:00").replace(tzinfo=BERLIN)
    found = between(When((expression,), "Europe/Berlin", rule), BERLIN, start, start.replace(hour=23))
    return [each.astimezone(BERLIN).strftime("%H:%M%z") for each in found]


@pytest.mark.parametrize(
    ("rule", "left_out", "twice"),
    [
        (Rule.DEBIAN, ["03:00+0200"], ["02:30+0200"]),
        (Rule.ROBFIG, [], ["02:30+0200", "02:30+0100"]),
        (Rule.SYSTEMD, ["03:00+0200"], ["02:30+0200"]),
    ],
)
def test_each_scheduler_has_its_own_way_with_the_days_on_which_clocks_change(rule, left_out, twice):
    assert of_day("30 2 * * *", rule, "03-29") == left_out
    assert of_day("30 2 * * *", rule, "10-25") == twice


def test_two_restricted_days_are_either_of_them():
    start = datetime(2026, 6, 1, tzinfo=timezone.utc)

    found = instants(When(("0 9 15 * 1",), "UTC"), ZoneInfo("UTC"), start, 4)

    assert [each.day for each in found] == [1, 8, 15, 22]


def test_several_times_are_in_order():
    found = instants(
        When(("0 17 * * *", "0 9 * * *")), ZoneInfo("UTC"), datetime(2026, 6, 1, tzinfo=timezone.utc), 3
    )

    assert [(each.day, each.hour) for each in found] == [(1, 9), (1, 17), (2, 9)]


@pytest.mark.parametrize("expression", ["0 9 * * 1-5", "0 */2 * * *", "0,30 9-17 * * *", "0 9 1,15 * 5"])
def test_what_cron_takes_is_taken_as_it_is(expression):
    assert checked(expression, Rule.DEBIAN) == expression


def test_an_alias_is_its_fields():
    assert checked("@weekly", Rule.DEBIAN) == "0 0 * * 0"


def test_only_cron_itself_means_both_days_by_a_step():
    assert checked("0 9 */2 * 1", Rule.ROBFIG) == "0 9 */2 * 1"
    with pytest.raises(InvalidScheduleError, match="days that are both"):
        checked("0 9 */2 * 1", Rule.DEBIAN)


def test_a_minute_that_was_forgotten_is_said():
    with pytest.raises(
        InvalidScheduleError, match="60 times a day, each minute of hour 16: surely once is meant"
    ):
        checked("* 16 * * *", Rule.DEBIAN)


def test_times_of_a_day_are_counted():
    assert times_a_day(When(("0,30 9-10 * * *", "0 17 * * *"))) == 5


@pytest.mark.parametrize(
    ("word", "is_one"), [("*/5", True), ("mon-fri", True), ("python", False), ("root", False)]
)
def test_a_field_is_told_from_a_program(word, is_one):
    assert looks_like_field(word) is is_one


@pytest.mark.parametrize("said", ["{{ .Values.schedule }}", "${SCHEDULE}", "$(when)", "<%= cron %>"])
def test_a_variable_that_nobody_has_filled_in_is_called_that(said):
    with pytest.raises(InvalidScheduleError, match="it is a variable that nobody has filled in"):
        checked(said, Rule.ROBFIG)


@pytest.mark.parametrize(
    ("expression", "said"), [("0 9 30 2 *", "month 2 has no day 30"), ("0 9 31 4,jun *", "has no day 31")]
)
def test_what_never_comes_is_said(expression, said):
    with pytest.raises(InvalidScheduleError, match=said):
        checked(expression, Rule.DEBIAN)


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("60 9 * * *", "A minute is 0 to 59"),
        ("0 24 * * *", "An hour is 0 to 23"),
        ("0 9 32 * *", "A day of the month is 1 to 31"),
        ("0 9 * 13 *", "A month is 1 to 12"),
        ("0 9 * * 8", "A day of the week is 0 to 7"),
    ],
)
def test_of_a_field_that_is_none_it_is_said_what_was_expected(expression, said):
    with pytest.raises(InvalidScheduleError, match=said):
        checked(expression, Rule.DEBIAN)
