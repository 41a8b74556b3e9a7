"""CSV after RFC 4180: a file a table, all rows, values as programs read them, and no cell that a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import re
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.language import is_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.reports.document import Document

_FORMULA = re.compile(r"[ \u00a0]*[=+\-@\t\r\n]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?\Z")


def file_name(table: str) -> str:
    """Return the name of a table's file."""
    return f"data/{table}.csv"


def render(document: Document) -> Iterator[RenderedFile]:
    """Yield a file for each table."""
    for table in document.tables:
        positions = [table.rows.position(column.name) for column in table.columns]
        buffer = io.BytesIO()
        # With a byte order mark: without one, Excel takes the text for the machine's own code page.
        with io.TextIOWrapper(
            buffer, encoding="utf-8-sig", errors="replace", newline="", write_through=True
        ) as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow([neutral(column.title) for column in table.columns])
            for row in table.rows.tuples():
                writer.writerow([_cell(row[at]) for at in positions])
            content = buffer.getvalue()
        yield RenderedFile(file_name(table.name), "text/csv", content)


def neutral(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula: with an apostrophe before, where it begins like one."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return neutral(value)
    if is_missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float)):
        return value
    return neutral(value.isoformat() if isinstance(value, (date, time)) else str(value))
