"""CSV files as the spreadsheets of a locale open them."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.formats.csv import STANDARD, dialect_of, neutral
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.theme import Theme

ROW = {
    "whole": 1234567,
    "broken": -1234.5,
    "exact": Decimal("0.10"),
    "day": date(2026, 3, 29),
    "at": datetime(2026, 3, 28, 23, 30, tzinfo=timezone.utc),
    "text": "a;b",
}


@pytest.mark.parametrize(
    ("dialect", "locale", "line"),
    [
        ("standard", "de", "1234567,-1234.5,0.10,2026-03-29,2026-03-28T23:30:00+00:00,a;b"),
        ("excel-de", "en", '1234567;-1234,5;0,10;2026-03-29;2026-03-29 00:30:00;"a;b"'),
        ("excel", "fr", '1234567;-1234,5;0,10;2026-03-29;2026-03-29 00:30:00;"a;b"'),
        ("excel-en_US", "de", "1234567,-1234.5,0.10,2026-03-29,2026-03-29 00:30:00,a;b"),
        ("excel-ja", "de", "1234567,-1234.5,0.10,2026-03-29,2026-03-29 00:30:00,a;b"),
        ("excel-ar", "de", '1234567;-1234.5;0.10;2026-03-29;2026-03-29 00:30:00;"a;b"'),
        ("excel-de_CH", "de", '1234567;-1234.5;0.10;2026-03-29;2026-03-29 00:30:00;"a;b"'),
        ("excel-pt", "de", '1234567;-1234,5;0,10;2026-03-29;2026-03-29 00:30:00;"a;b"'),
    ],
)
def test_separator_decimal_sign_and_times_are_those_of_the_dialect(make_document, dialect, locale, line):
    document = make_document("{{ table(rows) }}\n", {"rows": [ROW]}, locale=locale)

    (file,) = rendering.render(document, ("csv",), Theme(), csv_dialect=dialect)

    assert file.content.decode("utf-8-sig").split("\r\n")[1] == line


@pytest.mark.parametrize("dialect", ["excel-xx", "excel-", "german", "", None, "excel-de;"])
def test_a_dialect_that_there_is_not_is_refused(dialect):
    with pytest.raises(InvalidValueError):
        dialect_of(dialect, Language("en"))


@pytest.mark.parametrize(
    "text", ["-50,00", "-1.234,50", "-1,234.50", "-1'234.5", "-1\u202f234,5", "+0,5", "-1.234.567"]
)
def test_a_number_of_any_locale_stays_as_it_is(text):
    assert neutral(text) == text


@pytest.mark.parametrize("text", ["-1,2,3", "-50,00+cmd", "-1.23.4", "+1 2"])
def test_what_only_begins_like_a_number_does_not(text):
    assert neutral(text).startswith("'")


def test_no_separator_of_other_locales_makes_a_formula_of_the_middle_of_a_cell(make_document):
    cells = [f"x{sign}{formula}" for sign in ",;|\t" for formula in ("=1+1", "@A1", "+A1")]
    document = make_document("{{ table(rows) }}\n", {"rows": [{"a": cell, "b": cell} for cell in cells]})

    (file,) = rendering.render(document, ("csv",), Theme(), csv_dialect="excel-de")

    for delimiter in ",;|\t":
        read = csv.reader(io.StringIO(file.content.decode("utf-8-sig"), newline=""), delimiter=delimiter)
        assert not [cell for row in read for cell in row if cell.strip('" ')[:1] in ("=", "@", "+")]


def test_what_programs_read_is_the_standard():
    assert dialect_of("standard", Language("de")) is STANDARD
