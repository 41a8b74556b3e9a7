"""Which ranges of days are none."""

from __future__ import annotations

from argparse import Namespace
from datetime import date

import pytest

from airflow_provider_daybreak.cli.today import _range
from airflow_provider_daybreak.cli.today_commands import _STATES
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.overview.standing import STATES

DAY = date(2026, 11, 27)


@pytest.mark.parametrize(
    ("since", "until", "message"),
    [
        ("2026-11-28", "2026-11-27", "not before --from"),
        ("yesterday", "2026-11-27", "a date such as"),
        ("2026-11-27", "2026-11-27T10:00", "a date such as"),
        ("0001-01-01", "9999-12-31", "at most 1830 days"),
    ],
)
def test_a_range_that_is_none_is_refused(since, until, message):
    with pytest.raises(InvalidValueError, match=message):
        _range(Namespace(since=since, until=until))


def test_a_range_of_one_day_is_that_day():
    assert _range(Namespace(since=DAY.isoformat(), until=DAY.isoformat())) == (DAY, date(2026, 11, 27))


def test_each_state_that_there_is_can_be_asked_for():
    assert _STATES == STATES
