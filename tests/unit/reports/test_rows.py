# ruff: noqa: DTZ001 - numpy's times have no zone

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.exceptions import InvalidRowsError, MissingColumnError
from airflow_provider_daybreak.reports.rows import Rows, as_data


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


def test_values_of_numpy_and_pandas_are_taken_as_pythons_own():
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    values = {
        pd.NA: None,
        pd.NaT: None,
        np.datetime64("NaT"): None,
        np.int64(5): 5,
        np.bool_(True): True,
        np.datetime64("2026-03-29"): date(2026, 3, 29),
        np.datetime64("2026-03-29T07:05:00.000000001"): datetime(2026, 3, 29, 7, 5),
        np.timedelta64(90, "s"): timedelta(seconds=90),
        pd.Timestamp("2026-03-29T07:05:00.000000001Z"): datetime(2026, 3, 29, 7, 5, tzinfo=timezone.utc),
    }

    rows = Rows.of([*({"x": value} for value in values), {"x": np.array([1, 2])}, {"x": np.array(3)}])

    assert [(type(value), value) for value in rows.values("x")] == [
        (type(value), value) for value in (*values.values(), [1, 2], 3)
    ]


def test_an_index_with_a_name_is_a_column():
    frame = pytest.importorskip("pandas").DataFrame({"day": [1, 1, 2], "shop": [1, 2, 2], "n": [3, 4, 5]})

    assert list(Rows.of(frame.groupby("day").sum())) == [
        {"day": 1, "shop": 3, "n": 7},
        {"day": 2, "shop": 2, "n": 5},
    ]
    assert Rows.of(frame.groupby(["day", "shop"]).sum()).columns == ("day", "shop", "n")
    assert Rows.of(frame.groupby("day")["n"].sum()).columns == ("day", "n")
    assert Rows.of(frame.set_index("day", drop=False)).columns == ("day", "shop", "n")


def test_lists_in_a_frame_stay_lists():
    pd, np = pytest.importorskip("pandas"), pytest.importorskip("numpy")

    assert list(Rows.of(pd.DataFrame({"x": [np.array([1, 2]), np.array([3])]})).values("x")) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda pd, _: pd.DataFrame([[1, 2]], columns=["a", "a"]), "'a' 2 times"),
        (lambda _, pa: pa.table([[1], [2]], names=["a", "a"]), "'a' 2 times"),
        (
            lambda pd, _: pd.DataFrame({"a": [6 * 10**11]}).astype("datetime64[s]"),
            "year 20983 is out of range",
        ),
        (lambda _, pa: pa.table({"a": pa.array([10**15], pa.timestamp("s"))}), "too large"),
    ],
)
def test_a_frame_that_rows_cannot_hold_is_refused_by_its_name(make, problem):
    frame = make(pytest.importorskip("pandas"), pytest.importorskip("pyarrow"))

    with pytest.raises(InvalidRowsError, match=f"Cannot use data 'sales' as rows: .*{re.escape(problem)}"):
        Rows.of(frame, name="sales")


def test_what_a_generator_gives_can_be_used_again():
    rows, numbers = as_data("rows", iter([{"n": 1}, {"n": 2}])), as_data("numbers", iter([1, 2]))

    assert (list(rows), list(rows)) == ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 2}])
    assert (numbers, as_data("none", iter([]))) == ([1, 2], [])


def test_binary_cells_are_kept_in_the_temporary_file_too():
    rows = Rows(("x",), ((memoryview(b"ab"),) for _ in range(60_000)))

    assert rows[-1] == {"x": b"ab"}


def test_values_of_numpy_in_other_data_are_taken_as_pythons_own():
    np = pytest.importorskip("numpy")

    facts = as_data(
        "facts", {"sum": np.int64(5), "means": [np.float64(1.5), (np.bool_(True),)], "all": np.arange(2)}
    )
    assert repr(as_data("deep", {"of": [{"a": 1, "b": [np.int64(2)]}]})) == "{'of': [{'a': 1, 'b': [2]}]}"

    assert repr(facts) == "{'sum': 5, 'means': [1.5, (True,)], 'all': [0, 1]}"
    assert repr(as_data("total", np.int64(5))) == "5"
    assert repr(as_data("some", iter(np.arange(2)))) == "[0, 1]"


def test_an_index_of_pandas_is_a_list():
    pd = pytest.importorskip("pandas")

    assert as_data("days", pd.DatetimeIndex(["2026-03-29"])) == [datetime(2026, 3, 29)]
    assert as_data("numbers", pd.Index([1, None], dtype="Int64")[:1]) == [1]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_tables_of_other_libraries_are_taken_as_they_are(library):
    columns = {"n": [1, 2], "x": [1.5, None], "name": ["a", None], "day": [date(2026, 3, 29), None]}
    if library == "pyarrow":
        frame = pytest.importorskip("pyarrow").table(columns)
    else:
        frame = pytest.importorskip(library).DataFrame(columns)

    rows = list(Rows.of(frame, name="x"))

    assert [row["n"] for row in rows] == [1, 2]
    assert type(rows[0]["n"]) is int
    assert rows[0]["day"] == date(2026, 3, 29)
    assert rows[1]["name"] is None or rows[1]["name"] != rows[1]["name"]


def test_an_index_that_is_no_number_of_a_row_is_data():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"shop": ["a", "b", "b"], "n": [3, 4, 5]})
    days = pd.to_datetime(["2026-03-29"])

    assert list(Rows.of(pd.DataFrame({"n": [1]}, index=["x"]))) == [{"index": "x", "n": 1}]
    assert list(Rows.of(pd.DataFrame({"n": [1]}, index=days))) == [{"date": datetime(2026, 3, 29), "n": 1}]
    assert Rows.of(pd.DataFrame({"date": [1]}, index=days)).columns == ("date_index", "date")
    pairs = pd.MultiIndex.from_tuples([("a", 1)])
    assert list(Rows.of(pd.DataFrame({"n": [2]}, index=pairs))) == [{"level_0": "a", "level_1": 1, "n": 2}]
    binned = frame.groupby(pd.cut(frame.n, [0, 3, 9]), observed=True).n.sum()
    assert list(Rows.of(binned)) == [{"n_index": "(0, 3]", "n": 3}, {"n_index": "(3, 9]", "n": 9}]
    for numbered in (frame, frame[frame.n != 4], frame[1:], frame.sort_values("n", ascending=False)):
        assert Rows.of(numbered).columns == ("shop", "n")


def test_columns_on_several_floors_have_the_names_of_all():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"shop": ["a", "b", "b"], "n": [3, 4, 5]})

    assert Rows.of(frame.groupby("shop").agg({"n": ["sum", "max"]})).columns == ("shop", "n sum", "n max")
    flat = frame.groupby("shop", as_index=False).agg({"n": ["sum", "max"]})
    assert list(Rows.of(flat)) == [{"shop": "a", "n sum": 3, "n max": 3}, {"shop": "b", "n sum": 9, "n max": 5}]
    assert Rows.of(pd.DataFrame({pd.Timestamp("2026-03-29"): [1]})).columns == ("2026-03-29",)


def test_a_series_is_a_table_of_one_column():
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")

    assert list(as_data("x", pd.Series([1, 2], name="n"))) == [{"n": 1}, {"n": 2}]
    assert list(as_data("x", pd.Series([1]))) == [{"value": 1}]
    assert list(as_data("x", pd.Series({2024: 5, 2026: 6}))) == [
        {"index": 2024, "value": 5},
        {"index": 2026, "value": 6},
    ]
    assert list(as_data("x", pd.Series({2024: 5, 2025: 6})))[1] == {"index": 2025, "value": 6}
    assert list(as_data("x", pl.Series("n", [1, 2]))) == [{"n": 1}, {"n": 2}]
