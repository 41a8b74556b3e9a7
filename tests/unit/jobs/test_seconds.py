from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.seconds import of_amazon, without_seconds


@pytest.mark.parametrize(
    ("said", "expression"),
    [
        ("cron(0 9 * * ? *)", "0 9 * * *"),
        ("cron(30 6 ? * MON-FRI *)", "30 6 * * MON-FRI"),
        ("cron(0 9 ? * 2-6 *)", "0 9 * * 1-5"),
        ("cron(0 9 ? * 1,7 *)", "0 9 * * 0,6"),
        ("cron(0 9 ? * 2#1 *)", "0 9 * * 1#1"),
        ("cron(0 9 1 * ? *)", "0 9 1 * *"),
    ],
)
def test_amazon_counts_the_days_of_a_week_from_one(said, expression):
    assert of_amazon(said) == expression


@pytest.mark.parametrize(
    "said",
    ["rate(1 day)", "at(2026-01-01T09:00:00)", "cron(0 9 * * ? 2027)", "cron(0 9 * * *)", "0 9 * * *", ""],
)
def test_what_has_no_time_of_day_that_comes_again_is_refused(said):
    with pytest.raises(InvalidScheduleError):
        of_amazon(said)


def test_seconds_are_none_or_refused():
    assert [without_seconds("0 0 9 * * *"), without_seconds("0 9 * * *")] == ["0 9 * * *", "0 9 * * *"]
    with pytest.raises(InvalidScheduleError, match="it names seconds"):
        without_seconds("*/30 * * * * *")
