from __future__ import annotations

from datetime import date, timedelta

import pytest

from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    MissingColumnError,
    TemplateError,
    TemplateLimitError,
)
from airflow_provider_daybreak.reports import apart, checks
from airflow_provider_daybreak.reports.checks import expression, fresh, min_rows, no_nulls
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.templates.limits import Limits

PERIOD = period_of(date(2026, 3, 29), timezone=zone("Europe/Berlin"))
DATA = {
    "sales": Rows.of([{"n": 1, "day": "2026-03-28"}, {"n": None, "day": "2026-03-29"}], name="sales"),
    "nothing": [],
    "endless": [{"day": date.max}],
}


@pytest.mark.parametrize(
    ("check", "passed", "found"),
    [
        (min_rows("sales"), True, "2 rows"),
        (min_rows("sales", 3), False, "2 rows"),
        (no_nulls("sales", "day"), True, "none missing"),
        (no_nulls("sales"), False, "1 missing in n"),
        (fresh("sales", "day"), True, "newest is 2026-03-30T00:00:00+02:00"),
        (fresh("sales", "day", timedelta(0)), True, "newest is 2026-03-30T00:00:00+02:00"),
        (no_nulls("nothing", "day"), True, "none missing"),
        (fresh("nothing", "day"), False, "no date"),
        (fresh("endless", "day"), True, "newest is 9999-12-31T00:00:00+01:00"),
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


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            expression("salse > 0", name="sold"),
            "Cannot tell whether 'sold' holds: 'salse' is undefined. Its expression is: salse > 0",
        ),
        (expression("salse > 0"), "Cannot tell whether 'expression(salse > 0)' holds: 'salse' is undefined."),
        (
            expression("sales | selectattr('n', '>', 0)", name="sold"),
            "ask for what it gives, as in (…) | list | length > 0",
        ),
        (expression("array"), "expected what is true or false, not array([1, 2])"),
    ],
)
def test_an_expression_that_is_neither_true_nor_false_is_an_error(check, message):
    array = pytest.importorskip("numpy").array([1, 2])

    with pytest.raises(TemplateError) as caught:
        check.outcome({**DATA, "array": array}, PERIOD)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: min_rows("sales", "5"), "number of rows in a check '5': expected a whole number"),
        (lambda: fresh("sales", "day", timedelta.max), "expected one of at most 36,500 days"),
    ],
)
def test_a_check_of_nonsense_is_refused_where_it_is_written(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()


def test_what_pandas_has_for_nothing_is_missing():
    pd = pytest.importorskip("pandas")
    data = {"sales": [{"n": pd.NA}, {"n": pd.NaT}, {"n": 1}]}

    assert no_nulls("sales", "n").outcome(data, PERIOD).found == "2 missing in n"


def test_an_expression_that_takes_hours_in_one_step_is_ended(monkeypatch):
    monkeypatch.setattr(apart, "_GRACE", 0.5)
    monkeypatch.setattr(checks, "_LIMITS", Limits(seconds=1))

    with pytest.raises(TemplateLimitError, match=r"Stopped 'big': it ran for more than 1 seconds"):
        expression("5 | round(-10 ** 9) == 1", name="big").outcome({}, None)
