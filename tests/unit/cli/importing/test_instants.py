"""A Dag runs when its job ran: two years of both, in five zones, equal but where the report says so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_daybreak.cli.importing.instants import after, changed_days, times_of
from airflow_provider_daybreak.jobs.cron import between
from airflow_provider_daybreak.jobs.job import Rule, When

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
END = datetime(2028, 1, 1, tzinfo=timezone.utc)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
EXPRESSIONS = ("0 9 * * 1-5", "30 2 * * *", "15 0 1,15 * 5", "0 9,17 * * sun", "0 0 29 2 *", "59 23 31 * *")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("rule", [Rule.DEBIAN, Rule.ROBFIG, Rule.SYSTEMD])
def test_its_instants_are_those_of_the_old_scheduler_but_for_days_that_are_told(expression, zone, rule):
    when = When((expression,), zone, rule)
    old = between(when, ZoneInfo(zone), START, END)
    new = [each for each in after(when, START, len(old) + 10) if each < END]

    differ = {str(each.astimezone(ZoneInfo(zone)).date()) for each in set(old) ^ set(new)}

    changes = {
        each.day for year in (0, 1) for each in times_of(when, START + timedelta(days=365 * year)).differences
    }
    assert differ <= changes
    assert len(changes) <= 4


def test_the_days_on_which_clocks_change_are_found():
    days = changed_days(ZoneInfo("Europe/Berlin"), START)

    assert [str(day.date()) for day in days] == ["2026-03-29", "2026-10-25"]
    assert changed_days(ZoneInfo("Asia/Kathmandu"), START) == ()


def test_a_difference_says_both_times():
    [spring, autumn] = times_of(When(("30 2 * * *",), "Europe/Berlin"), START).changes

    assert (spring.before, spring.after) == (("03:00+0200",), ("03:30+0200",))
    assert (autumn.before, autumn.after) == (("02:30+0200",), ("02:30+0100",))


def test_several_times_of_one_job_are_in_order():
    times = times_of(When(("0 17 * * *", "0 9 * * *"), "UTC"), START)

    assert [each.hour for each in times.after] == [9, 17, 9, 17, 9]
    assert times.after == times.before
