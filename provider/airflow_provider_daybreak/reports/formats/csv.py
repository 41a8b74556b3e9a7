"""
CSV after RFC 4180: a file a table, all rows, values as programs read them, and no cell that a spreadsheet runs.

Or as a locale's spreadsheets open it: see :func:`dialect_of`.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.locales import locale_of, settled
from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.reports.document import Column, Document
    from airflow_provider_daybreak.reports.language import Language

# Blanks and what nobody sees don't keep a spreadsheet from what follows them; East Asian ones read wide signs too.
_FORMULA = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001 - full-width signs begin formulas too
# Another locale's spreadsheet parts cells here, inside of quotes too, since a line that doesn't begin with one has none for it.
_BETWEEN = re.compile(r"([;|\t\r\n])")
_BETWEEN_OF_SEMICOLONS = re.compile(r"([,;|\t\r\n])")
_QUOTES = re.compile(r'[\s"]*')
# A number as any locale writes it.
_NUMBER = re.compile(
    r"[+-]?(\d+([.,]\d+)?([eE][+-]?\d+)?)?\Z|[+-]?\d{1,3}(?:([.,'\u2019\u00a0\u202f])\d{3}(?:\4\d{3})*)([.,]\d+)?\Z"
)
_SEMICOLONS = frozenset(("CH", "LI", "ar", "fa"))
"""Territories and languages whose systems part lists by semicolons though numbers have points; the CLDR does not say it."""
_EXCEL = re.compile(r"excel(?:-(\w[\w-]*))?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """
    How a file is written.

    :param delimiter: between cells.
    :param decimal: the sign before a number's fraction.
    :param zone: whether instants are written by the clock of the report's zone, as spreadsheets have them, without offset.
    """

    delimiter: str = ","
    decimal: str = "."
    zone: bool = False


STANDARD = Dialect()


def dialect_of(name: str, language: Language) -> Dialect:
    """
    Return how a file is written for who opens it.

    There is no first line ``sep=``: Excel takes the text of a file that has one for the machine's own code page.

    :param name: ``standard``, or ``excel-de`` for spreadsheets of that locale; ``excel`` for those of the report's.
    :raises InvalidValueError: there is no such dialect.
    """
    from babel.numbers import get_decimal_symbol

    match = _EXCEL.match(name) if isinstance(name, str) else None
    if name == "standard":
        return STANDARD
    if match is None:
        expected = "'standard', or 'excel-' and a locale, such as 'excel-de'"
        raise InvalidValueError("csv_dialect", name, expected)
    locale = settled(locale_of(match[1]) if match[1] else language.locale)
    decimal = get_decimal_symbol(locale, numbering_system="latn")
    semicolons = decimal == "," or locale.territory in _SEMICOLONS or locale.language in _SEMICOLONS
    return Dialect(";" if semicolons else ",", decimal if decimal == "," else ".", zone=True)


def file_name(table: str) -> str:
    """Return the name of a table's file."""
    return f"data/{table}.csv"


def render(document: Document, dialect: Dialect = STANDARD) -> Iterator[RenderedFile]:
    """Yield a file for each table."""
    between = _BETWEEN if dialect.delimiter == "," else _BETWEEN_OF_SEMICOLONS
    for table in document.tables:
        places = [(column, table.rows.position(column.name)) for column in table.columns]
        buffer = io.BytesIO()
        # With a byte order mark: without one, Excel takes the text for the machine's own code page.
        with io.TextIOWrapper(
            buffer, encoding="utf-8-sig", errors="replace", newline="", write_through=True
        ) as stream:
            writer = csv.writer(stream, delimiter=dialect.delimiter, lineterminator="\r\n")
            writer.writerow([neutral(column.title, between) for column in table.columns])
            for row in table.rows.tuples():
                cells = (_cell(column, row[at], between) for column, at in places)
                if dialect.zone:
                    values = ((column.language(document.language), row[at]) for column, at in places)
                    cells = (_local(cell, *value, dialect) for cell, value in zip(cells, values, strict=True))
                writer.writerow(cells)
            content = buffer.getvalue()
        yield RenderedFile(file_name(table.name), "text/csv", content)


def neutral(text: str, between: re.Pattern[str] = _BETWEEN) -> str:
    """
    Return the text as a cell holds it: without what can't be shown, and as no formula.

    What begins like one, and is no number, has an apostrophe before it: at the beginning, and after each sign that parts
    cells or lines where another separator than ours is usual.

    :param between: those signs.
    """
    text = text if text.isprintable() else printable(text)
    head, *rest = between.split(text)
    if rest:
        # Each second one is a sign between; doubled quotes before a cell end as soon as they begin.
        text = head + "".join(
            _harmless(part, _QUOTES.sub("", part, count=1)) if at % 2 else part for at, part in enumerate(rest)
        )
    return _harmless(text, text)


def _harmless(cell: str, said: str) -> str:
    """Return a cell with an apostrophe before it, if what it says is a formula."""
    return f"'{cell}" if _FORMULA.match(said) and not _NUMBER.match(said) else cell


def _local(cell: Any, language: Language, value: Any, dialect: Dialect) -> Any:
    """Return a cell with a number's decimal sign, and a time of day, as spreadsheets of the dialect read them."""
    if isinstance(cell, (float, Decimal)):
        return str(cell).replace(".", dialect.decimal)
    moment = language.moment_of(value) if isinstance(value, datetime) else None
    return moment.replace(tzinfo=None).isoformat(" ", "seconds") if isinstance(moment, datetime) else cell


def _cell(column: Column, value: Any, between: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return neutral(value, between)
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float, Decimal)):
        return float(value) if value in (math.inf, -math.inf) else value
    return neutral(column.text(value), between)
