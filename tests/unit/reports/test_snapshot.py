from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from airflow_provider_daybreak.reports import snapshot
from airflow_provider_daybreak.reports.rows import Rows


def test_rows_come_back_with_their_types():
    row = {
        "n": 1,
        "x": 1.5,
        "d": Decimal("1.10"),
        "day": date(2026, 3, 29),
        "at": datetime(2026, 3, 29, 7, tzinfo=timezone.utc),
        "clock": time(7),
        "took": timedelta(minutes=1),
        "none": None,
        "text": "a\u2028b\nc",
        "ok": True,
    }

    file = snapshot.keep("sales", Rows.of([row], name="sales"))

    assert list(snapshot.restore("sales", file.content)) == [row]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, {"b": None}]},
        {"sold": Decimal("10.5"), "days": [date(2026, 3, 29)], "took": {"seconds": timedelta(seconds=3)}},
        {"decimal": "no number", "mapping": {}},
        [],
        7,
    ],
)
def test_any_other_value_comes_back_too(value):
    assert snapshot.restore("x", snapshot.keep("x", value).content) == value


def test_what_a_cell_holds_comes_back_whole():
    row = {"tags": ["new", Decimal("1.5")], "of": {"shop": "Rome", "since": date(2020, 1, 2)}}

    file = snapshot.keep("sales", Rows.of([row], name="sales"))

    assert list(snapshot.restore("sales", file.content)) == [row]


def test_nothing_stands_for_a_list_that_no_report_had():
    assert list(snapshot.nothing_like("x", [])) == []
    assert snapshot.nothing_like("x", {"a": 1}) == {}


def test_no_rows_come_back_as_no_rows_of_the_same_columns():
    rows = snapshot.restore("x", snapshot.keep("x", Rows(("a", "b"), [])).content)

    assert rows.columns == ("a", "b")
    assert len(rows) == 0
