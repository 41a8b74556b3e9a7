from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

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


def test_plain_json_comes_back_too():
    assert snapshot.restore("x", snapshot.keep("x", {"a": [1, {"b": None}]}).content) == {"a": [1, {"b": None}]}


def test_no_rows_come_back_as_no_rows_of_the_same_columns():
    rows = snapshot.restore("x", snapshot.keep("x", Rows(("a", "b"), [])).content)

    assert rows.columns == ("a", "b")
    assert len(rows) == 0
