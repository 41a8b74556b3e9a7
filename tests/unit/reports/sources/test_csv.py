from __future__ import annotations

import io
from datetime import date

import pytest

from airflow_provider_daybreak.exceptions import DataUnreadableError, InvalidValueError
from airflow_provider_daybreak.reports.sources import CsvOptions
from airflow_provider_daybreak.reports.sources.csv import read_csv


def csv_rows(text, **options):
    content = text if isinstance(text, bytes) else text.encode()
    return read_csv("sales", "x.csv", io.BytesIO(content), CsvOptions(**options))


def refused(text, **options):
    with pytest.raises(DataUnreadableError) as caught:
        csv_rows(text, **options)
    assert str(caught.value).startswith("Cannot read 'x.csv' for data 'sales': ")
    return str(caught.value)


def test_columns_of_a_csv_become_what_all_their_cells_are():
    rows = csv_rows("code,n,x,day,name,mixed\n007,1,1.5,2026-03-29,a,1\n012,,2,,b,c\n")

    assert list(rows) == [
        {"code": "007", "n": 1, "x": 1.5, "day": date(2026, 3, 29), "name": "a", "mixed": "1"},
        {"code": "012", "n": None, "x": 2.0, "day": None, "name": "b", "mixed": "c"},
    ]


@pytest.mark.parametrize("text", ["a;b\n1;2\n", "a\tb\n1\t2\n", '\ufeffa,b\r\n1,"2"\r\n'])
def test_the_delimiter_is_the_one_that_the_first_line_has(text):
    assert list(csv_rows(text)) == [{"a": 1, "b": 2}]


def test_a_cell_may_hold_a_document():
    assert list(csv_rows(f"a,b\n1,{'x' * 1_000_000}\n")) == [{"a": 1, "b": "x" * 1_000_000}]


@pytest.mark.parametrize("cell", ["٣٤", "1２", "１２", "1.٥", "२०२६", "２０２６-03-29", "2026-03-2٩", "1e+٥"])  # noqa: RUF001 - as they are
def test_digits_of_other_scripts_stay_as_they_are_written(cell):
    assert [row["x"] for row in csv_rows(f"x\n{cell}\n")] == [cell]


def test_an_empty_csv_has_no_rows():
    assert len(csv_rows("")) == 0


@pytest.mark.parametrize("cell", ["1e5", "12345678901234567890", "1e+999", "inf", "nan", "1234567890123456.7"])
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


@pytest.mark.parametrize(
    "text", ["\na,b\n1,2\n", "a,b\n\n1,2\n\n", "  \r\na,b\r\n   \r\n1,2\r\n", "a,b\r1,2\r"]
)
def test_blank_lines_say_nothing_wherever_they_stand(text):
    assert list(csv_rows(text)) == [{"a": 1, "b": 2}]


def test_a_blank_cell_of_the_only_column_is_a_value_when_it_is_quoted():
    assert list(csv_rows('a\n"x"\n""\n').values("a")) == ["x", None]


def test_an_empty_cell_is_nothing_in_a_table_of_text_too():
    assert list(csv_rows("a,b\nx,\n")) == [{"a": "x", "b": None}]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a,b\n1,2\n"3,4\n5,6\n', 3),
        ('a,b\n\n"1\n2",3\n4,"5\n', 5),
        ('"a,b\n1,2\n', 1),
        ('a,b\n1,"' + "2,3\n" * 40_000, 2),
        ('a,b\n1,"' + "2,3\n" * 4_400_000, 2),
    ],
)
def test_a_quote_that_is_never_closed_is_named_by_its_line(text, line):
    assert f"line {line}" in (said := refused(text))
    assert "never closed" in said


def test_a_quoted_name_with_line_ends_is_one_name_and_lines_are_counted_as_an_editor_does():
    text = 'day,"amount\nin EUR"\n2026-03-29,"1\n"\n1,2,3\n'

    assert "line 5 has 3 cells, but there are 2 columns" in refused(text)
    assert csv_rows(text.removesuffix("1,2,3\n")).columns == ("day", "amount\nin EUR")


def test_empty_cells_at_the_end_are_no_columns():
    assert list(csv_rows("a;b;;\n1;2;;\n3;4;;;;\n")) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert list(csv_rows(",a,\n0,5,x\n1,6,\n")) == [
        {"column_1": 0, "a": 5, "column_3": "x"},
        {"column_1": 1, "a": 6, "column_3": None},
    ]


def test_a_name_line_that_two_delimiters_may_part_asks_which():
    assert "parted by a comma and a semicolon: say delimiter=',' or ';'" in refused("a,b;c\n1,2;3\n")
    assert csv_rows("a,b;c\n1,2;3\n", delimiter=";").columns == ("a,b", "c")
    assert csv_rows('"a,x";b\n1;2\n').columns == ("a,x", "b")
    assert csv_rows('"a "",""";b\n1;2\n').columns == ('a ","', "b")


def test_bars_part_columns_too():
    assert list(csv_rows("a|b,c|d\n1|2|3\n")) == [{"a": 1, "b,c": 2, "d": 3}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(encoding):
    assert list(csv_rows("näme\nΩ\n".encode(encoding))) == [{"näme": "Ω"}]


def test_a_file_in_another_encoding_is_read_only_when_that_is_said():
    content = "name\nKöln\n".encode("cp1252")

    assert "say its encoding, as in encoding='cp1252'" in refused(content)
    assert list(csv_rows(content, encoding="cp1252")) == [{"name": "Köln"}]
    assert "say its encoding, as 'utf-16-le'" in refused("a,b\n".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("cell", "options", "value"),
    [
        ("1,5", {"decimal": ","}, 1.5),
        ("1.234.567,5", {"decimal": ",", "thousands": "."}, 1234567.5),
        ("-1.234", {"decimal": ",", "thousands": "."}, -1234),
        ("1.5", {"decimal": ","}, "1.5"),
        ("1.23", {"decimal": ",", "thousands": "."}, "1.23"),
        ("1,234.5", {"thousands": ","}, 1234.5),
        ("1,2345", {"thousands": ","}, "1,2345"),
        ("1\u202f234", {"thousands": " "}, 1234),
        ("1\u00a0234,5", {"thousands": " ", "decimal": ","}, 1234.5),
        ("1\u2019234", {"thousands": "'"}, 1234),
        ("007", {"thousands": ","}, "007"),
        ("0,123", {"thousands": ","}, "0,123"),
    ],
)
def test_numbers_are_read_by_the_signs_that_are_said(cell, options, value):
    (row,) = csv_rows(f"x;y\n{cell};\n", **options)

    assert (row["x"], type(row["x"])) == (value, type(value))


def test_lines_before_the_names_are_skipped_and_counted():
    text = "Sales of March\n(in EUR),,\na,b\n1,2\n"

    assert list(csv_rows(text, skip_rows=2)) == [{"a": 1, "b": 2}]
    assert "line 5 has 3 cells" in refused(text + "1,2,3\n", skip_rows=2)


def test_texts_that_stand_for_nothing_leave_a_column_its_numbers():
    assert list(csv_rows("x\n1\nNA\n-\n", na=("NA", "-")).values("x")) == [1, None, None]


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ";;"},
        {"delimiter": ""},
        {"encoding": "utf-99"},
        {"decimal": ";"},
        {"thousands": "."} | {"decimal": "."},
        {"thousands": "_"},
        {"skip_rows": -1},
        {"na": 5},
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options):
    with pytest.raises(InvalidValueError, match="expected"):
        csv_rows("a\n1\n", **options)
