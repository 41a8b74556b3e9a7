from __future__ import annotations

import io
from datetime import date

import pytest

from airflow_provider_daybreak.exceptions import (
    DataUnreadableError,
    InvalidValueError,
    UnboundParameterError,
)
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.sources import bind, fill_dates, read_csv, read_files

PERIOD = period_of(date(2026, 3, 29), timezone=zone("Europe/Berlin"), period="month")


def csv_rows(text, **options):
    return read_csv("x", io.BytesIO(text.encode()), **options)


def test_names_become_placeholders_with_their_values_in_order():
    query, values = bind("SELECT :b, :a, :b", {"a": 1, "b": 2}, "?")

    assert (query, values) == ("SELECT ?, ?, ?", [2, 1, 2])


def test_quotes_comments_and_casts_are_left_alone():
    sql = """SELECT ':a', ":a", x::date, '10%' -- :a
    /* :a */ FROM t WHERE y = :a AND z LIKE '%:a''%'"""

    query, values = bind(sql, {"a": 1}, "%s")

    assert values == [1]
    assert query == sql.replace("%", "%%").replace("y = :a", "y = %s")


def test_a_name_without_a_value_is_refused_with_those_there_are():
    with pytest.raises(UnboundParameterError, match=":c, which has no value: expected one of a, b"):
        bind("SELECT :c", {"b": 1, "a": 2}, "?")


def test_a_path_has_the_reports_dates():
    path = "s3://x/{period_first:%Y/%m}/{report_date}.csv"

    assert fill_dates(path, date(2026, 3, 29), PERIOD) == "s3://x/2026/03/2026-03-29.csv"


def test_a_path_that_names_no_date_is_refused():
    with pytest.raises(InvalidValueError, match="one that names {report_date}"):
        fill_dates("x/{ds}.csv", date(2026, 3, 29), PERIOD)


def test_columns_of_a_csv_become_what_all_their_cells_are():
    rows = csv_rows("code,n,x,day,name,mixed\n007,1,1.5,2026-03-29,a,1\n012,,2,,b,c\n")

    assert list(rows) == [
        {"code": "007", "n": 1, "x": 1.5, "day": date(2026, 3, 29), "name": "a", "mixed": "1"},
        {"code": "012", "n": None, "x": 2.0, "day": None, "name": "b", "mixed": "c"},
    ]


@pytest.mark.parametrize("text", ["a;b\n1;2\n", "a\tb\n1\t2\n", '\ufeffa,b\r\n1,"2"\r\n'])
def test_the_delimiter_is_the_one_that_the_first_line_has(text):
    assert list(csv_rows(text)) == [{"a": 1, "b": 2}]


def test_an_empty_csv_has_no_rows():
    assert len(csv_rows("")) == 0


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"a,b\n1,2,3\n", "line 2 has 3 cells, the first line 2"),
        ("x.csv", b"a\n\xff\n", "it is no csv"),
        ("x.json", b"{}", "it is no json: expected a list of objects"),
        ("x.json", b"[" * 100_000, "it is no json: maximum recursion depth"),
        ("x.jsonl", b'{"a": 1}\nnope\n', "it is no jsonl"),
        ("x.parquet", b"nope", "it is no parquet"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataUnreadableError) as caught:
        read_files("sales", [tmp_path / name])

    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_of_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "x.doc").write_bytes(b"")

    with pytest.raises(InvalidValueError, match="one whose name ends with .csv"):
        read_files("sales", [tmp_path / "x.doc"])


def test_files_of_one_pattern_are_one_table(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("b,a\n4,3\n")

    assert list(read_files("x", [tmp_path / "1.csv", tmp_path / "2.csv"])) == [
        {"a": 1, "b": 2},
        {"a": 3, "b": 4},
    ]


def test_files_of_other_columns_are_refused(tmp_path):
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / "2.csv").write_text("b\n1\n")

    with pytest.raises(DataUnreadableError, match="its columns are b; expected those of the first file: a"):
        read_files("x", [tmp_path / "1.csv", tmp_path / "2.csv"])


def test_parquet_is_read_by_its_own_types(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table({"n": [1, None], "day": [date(2026, 3, 29), None]}), tmp_path / "x.parquet"
    )

    assert list(read_files("x", [tmp_path / "x.parquet"])) == [
        {"n": 1, "day": date(2026, 3, 29)},
        {"n": None, "day": None},
    ]


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


@pytest.mark.parametrize("cell", ["1e5", "12345678901234567890", "1e+999", "inf", "nan", "1234567890123456.5"])
def test_a_column_that_numbers_would_change_stays_text(cell):
    assert [row["x"] for row in csv_rows(f"x\n{cell}\n1.5\n")] == [cell, "1.5"]


@pytest.mark.parametrize("cell", ["1e-05", "1E+16", "1.5e-07", "1.0E10", "0.30000000000000004", "-.5"])
def test_floats_are_read_as_programs_write_them(cell):
    assert [row["x"] for row in csv_rows(f"x\n{cell}\n1\n")] == [float(cell), 1.0]


def test_quoted_names_of_columns_may_hold_other_delimiters():
    assert csv_rows('"a;b;c;d",e,f\n1,2,3\n').columns == ("a;b;c;d", "e", "f")
    assert csv_rows('"two\nlines",b\n1,2\n').columns == ("two\nlines", "b")


@pytest.mark.parametrize("mark", [";", "|", "\t"])
def test_a_first_line_may_say_the_delimiter_as_spreadsheets_do(mark):
    assert list(csv_rows(f"\ufeffsep={mark}\r\na{mark}b,c\r\n1{mark}2\r\n")) == [{"a": 1, "b,c": 2}]
