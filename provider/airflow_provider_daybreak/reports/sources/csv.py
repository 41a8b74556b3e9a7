"""Rows of CSV as programs and spreadsheets write it."""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak.reports.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_WHOLE = re.compile(r"-?(0|[1-9]\d{0,99})\Z")
# Floats as programs write them, of no more whole digits than they hold: 1e5 and longer ones may be names of something.
_SHORT = re.compile(r"-?(0|[1-9]\d{0,14})\Z")
_BROKEN = re.compile(r"-?(0|[1-9]\d{0,14})?\.\d+([eE][+-]?\d+)?\Z|-?\d[eE][+-]\d+\Z")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEPARATOR = re.compile(r"sep=(.)\s*\Z", re.IGNORECASE)


def read_csv(name: str, stream: BinaryIO, *, delimiter: str | None = None) -> Rows:
    """
    Return the rows of a CSV file whose first line names the columns.

    A column whose every value is a number, or an ISO date, becomes one; ``007`` and ``1e5`` stay text, nothing
    becomes None. When None, the delimiter is what a first line such as ``sep=;`` says, as spreadsheets write it,
    or else a comma, a semicolon or a tab, whichever the first line has most of.

    :raises ValueError: it is no UTF-8 text, or a line has more cells than the first.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    head = text.readline()
    if not head.strip():
        return Rows((), (), name=name)
    if delimiter is None and (said := _SEPARATOR.match(head)) is not None:
        delimiter, head = said[1], text.readline()
    mark = delimiter or max(",;\t", key=_QUOTED.sub("", head).count)
    lines = csv.reader(chain([head], text), delimiter=mark)
    columns = next(lines, [])
    kinds = [_Kind() for _ in columns]

    def tuples() -> Iterator[tuple[str, ...]]:
        for cells in lines:
            if not cells:
                continue
            if len(cells) > len(columns):
                raise ValueError(f"line {lines.line_num} has {len(cells)} cells, the first line {len(columns)}")
            for kind, cell in zip(kinds, cells, strict=False):
                kind.see(cell)
            yield (*cells, *[""] * (len(columns) - len(cells)))

    raw = Rows(columns, tuples(), name=name)
    converters = [kind.converter() for kind in kinds]
    if all(converter is str for converter in converters):
        return raw
    converted = (
        tuple(None if cell == "" else convert(cell) for convert, cell in zip(converters, row, strict=True))
        for row in raw.tuples()
    )
    return Rows(columns, converted, name=name)


class _Kind:
    """What all cells of a column, seen one by one, can be."""

    def __init__(self) -> None:
        self._possible: tuple[Callable[[str], Any], ...] = (int, _decimal, date.fromisoformat)
        self._seen = False

    def see(self, cell: str) -> None:
        if cell == "" or not self._possible:
            return
        self._seen = True
        self._possible = tuple(kind for kind in self._possible if _is(kind, cell))

    def converter(self) -> Callable[[str], Any]:
        return self._possible[0] if self._possible and self._seen else str


def _is(kind: Callable[[str], Any], cell: str) -> bool:
    if kind is int:
        return _WHOLE.match(cell) is not None
    if kind is _decimal:
        broken = _BROKEN.match(cell) is not None and math.isfinite(float(cell))
        return broken or _SHORT.match(cell) is not None
    if len(cell) != len("2026-03-29"):
        return False
    try:
        date.fromisoformat(cell)
    except ValueError:
        return False
    return True


def _decimal(cell: str) -> float:
    return float(cell)
