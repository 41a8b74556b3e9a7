from __future__ import annotations

from datetime import date, timedelta

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, MissingColumnError, TemplateError
from airflow_provider_daybreak.reports.checks import expression, fresh, min_rows, no_nulls
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.rows import Rows

PERIOD = period_of(date(2026, 3, 29), timezone=zone("Europe/Berlin"))
DATA = {"sales": Rows.of([{"n": 1, "day": "2026-03-28"}, {"n": None, "day": "2026-03-29"}], name="sales")}


@pytest.mark.parametrize(
    ("check", "passed", "found"),
    [
        (min_rows("sales"), True, "2 rows"),
        (min_rows("sales", 3), False, "2 rows"),
        (no_nulls("sales", "day"), True, "none missing"),
        (no_nulls("sales"), False, "1 missing in n"),
        (fresh("sales", "day"), True, "newest is 2026-03-30T00:00:00+02:00"),
        (fresh("sales", "day", timedelta(0)), True, "newest is 2026-03-30T00:00:00+02:00"),
        (expression("sales | length == 2"), True, "it is True"),
        (expression("sales | map(attribute='n') | select | sum > 1"), False, "it is False"),
    ],
)
def test_a_check_says_what_it_found(check, passed, found):
    outcome = check.outcome(DATA, PERIOD)

    assert (outcome.passed, outcome.found) == (passed, found)


def test_data_that_ends_too_early_is_not_fresh():
    stale = {"sales": Rows.of([{"day": date(2026, 3, 20)}, {"day": None}])}

    assert not fresh("sales", "day").outcome(stale, PERIOD).passed


def test_no_date_at_all_is_not_fresh():
    assert fresh("sales", "day").outcome({"sales": Rows(("day",), [])}, PERIOD).found == "no date"


@pytest.mark.parametrize(
    ("check", "error"),
    [
        (min_rows("sale"), InvalidValueError),
        (no_nulls("sales", "price"), MissingColumnError),
        (fresh("sales", "n"), InvalidValueError),
        (expression("salse"), TemplateError),
        (expression("1 +"), TemplateError),
    ],
)
def test_a_check_of_what_is_not_there_is_an_error(check, error):
    with pytest.raises(error):
        check.outcome(DATA, PERIOD)
