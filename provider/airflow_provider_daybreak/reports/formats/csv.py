"""CSV after RFC 4180: a file a table, all rows, values as programs read them, and no cell that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.reports.document import Column, Document

# Blanks and what nobody sees don't keep a spreadsheet from what follows them; East Asian ones read wide signs too.
_FORMULA = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")  # noqa: RUF001 - full-width signs begin formulas too
# Another locale's spreadsheet parts cells here, inside of quotes too, since a line that doesn't begin with one has none for it.
_BETWEEN = re.compile(r"([;|\t\r\n])")
_QUOTES = re.compile(r'[\s"]*')
_NUMBER = re.compile(r"[+-]?(\d+(\.\d+)?([eE][+-]?\d+)?)?\Z")


def file_name(table: str) -> str:
    """Return the name of a table's file."""
    return f"data/{table}.csv"


def render(document: Document) -> Iterator[RenderedFile]:
    """Yield a file for each table."""
    for table in document.tables:
        places = [(column, table.rows.position(column.name)) for column in table.columns]
        buffer = io.BytesIO()
        # With a byte order mark: without one, Excel takes the text for the machine's own code page.
        with io.TextIOWrapper(
            buffer, encoding="utf-8-sig", errors="replace", newline="", write_through=True
        ) as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow([neutral(column.title) for column in table.columns])
            for row in table.rows.tuples():
                writer.writerow([_cell(column, row[at]) for column, at in places])
            content = buffer.getvalue()
        yield RenderedFile(file_name(table.name), "text/csv", content)


def neutral(text: str) -> str:
    """
    Return the text as a cell holds it: without what can't be shown, and as no formula.

    What begins like one, and is no number, has an apostrophe before it: at the beginning, and after each sign that parts
    cells or lines where another separator than ours is usual.
    """
    text = text if text.isprintable() else printable(text)
    head, *rest = _BETWEEN.split(text)
    if rest:
        # Each second one is a sign between; doubled quotes before a cell end as soon as they begin.
        text = head + "".join(
            _harmless(part, _QUOTES.sub("", part, count=1)) if at % 2 else part for at, part in enumerate(rest)
        )
    return _harmless(text, text)


def _harmless(cell: str, said: str) -> str:
    """Return a cell with an apostrophe before it, if what it says is a formula."""
    return f"'{cell}" if _FORMULA.match(said) and not _NUMBER.match(said) else cell


def _cell(column: Column, value: Any) -> Any:
    if isinstance(value, str):
        return neutral(value)
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float, Decimal)):
        return float(value) if value in (math.inf, -math.inf) else value
    return neutral(column.text(value))
