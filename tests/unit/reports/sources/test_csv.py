from __future__ import annotations

import io
from datetime import date

import pytest

from airflow_provider_daybreak.reports.sources.csv import read_csv


def csv_rows(text, **options):
    return read_csv("x", io.BytesIO(text.encode()), **options)


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
