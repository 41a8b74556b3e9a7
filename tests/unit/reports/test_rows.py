from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import InvalidRowsError, MissingColumnError
from airflow_provider_daybreak.reports.rows import Rows


def test_mappings_become_rows_under_all_their_columns():
    rows = Rows.of([{"a": 1}, {"a": 2, "b": 3}], name="x")

    assert rows.columns == ("a", "b")
    assert list(rows) == [{"a": 1, "b": None}, {"a": 2, "b": 3}]


def test_many_rows_can_be_read_again_by_two_at_once():
    rows = Rows(("n",), ((n,) for n in range(120_000)))

    pairs = zip(rows.tuples(), rows.tuples(), strict=True)

    assert all(first == second == (number,) for number, (first, second) in enumerate(pairs))
    assert len(rows) == 120_000
    assert rows[-1] == {"n": 119_999}
    assert [row["n"] for row in rows[70_000:70_003]] == [70_000, 70_001, 70_002]


@pytest.mark.parametrize("value", [5, "text", [1], [(1, 2)], object()])
def test_what_is_no_table_is_refused_by_its_name(value):
    with pytest.raises(InvalidRowsError, match="Cannot use data 'sales' as rows"):
        Rows.of(value, name="sales")


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InvalidRowsError, match="two columns are called 'a'"):
        Rows(("a", "a"), [])


def test_a_missing_column_names_those_that_are_there():
    with pytest.raises(
        MissingColumnError, match="No column 'c' in data 'x': expected one of its columns: a, b"
    ):
        Rows(("a", "b"), [], name="x").values("c")
