"""
Where a report's data comes from, said in a Dag file: a query, files, a deployed script.

Reading them needs connections and is done by the hook; what can be said without Airflow stands here:
binding a query's parameters, and making rows of files.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from airflow_provider_daybreak.exceptions import (
    DataUnreadableError,
    InvalidValueError,
    MissingExtraError,
    UnboundParameterError,
)
from airflow_provider_daybreak.reports.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.reports.period import Period

FileFormat = Literal["csv", "jsonl", "json", "parquet"]

_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
# What a query is made of, as far as parameters are concerned: quoted text, comments, casts, parameters.
_SQL = re.compile(
    r"""(?P<other>'(?:[^']|'')*'|"(?:[^"]|"")*"|`[^`]*`|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)
      |(?<![:\w]):(?P<name>[A-Za-z_]\w*)""",
    re.DOTALL | re.VERBOSE,
)
_WHOLE = re.compile(r"-?(0|[1-9]\d{0,99})\Z")
# Floats as programs write them, of no more whole digits than they hold: 1e5 and longer ones may be names of something.
_SHORT = re.compile(r"-?(0|[1-9]\d{0,14})\Z")
_BROKEN = re.compile(r"-?(0|[1-9]\d{0,14})?\.\d+([eE][+-]?\d+)?\Z|-?\d[eE][+-]\d+\Z")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_SEPARATOR = re.compile(r"sep=(.)\s*\Z", re.IGNORECASE)


@dataclass
class SqlSource:
    """
    Rows of a query.

    It may name ``:report_date``, ``:period_start``, ``:period_end`` (instants, the end not included),
    ``:period_first`` and ``:period_last`` (dates, the last included), and parameters of its own. Values
    are bound, never formatted in.

    :param sql: the query, or the path of a ``.sql`` file: absolute, or from the Dag file's folder.
    :param conn_id: a connection of any database that has a common-sql hook. (templated)
    :param parameters: values by name. (templated)
    """

    sql: str
    conn_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    # Airflow renders these in place, which is why this is no frozen value. The query is none of them.
    template_fields = ("conn_id", "parameters")


@dataclass
class FileSource:
    """
    Rows of a file, or of all files like a pattern.

    :param path: a local path or a URI of any object storage that Airflow knows. ``*`` and ``?`` stand for
        parts of a name; ``{report_date}``, ``{period_first}`` and ``{period_last}`` for dates, which take a
        format: ``s3://sales@shop/{report_date:%Y/%m/%d}/*.csv``. (templated)
    :param format: csv, jsonl, json or parquet; by the file's name when None.
    :param must_exist: whether it is an error that there is no such file; otherwise there are no rows then.
    """

    path: str
    format: FileFormat | None = None
    must_exist: bool = True
    template_fields = ("path",)


@dataclass
class ScriptSource:
    """
    What a deployed script prints.

    :param release: what a deploy returned, whose release runs, or a name, whose current release runs. (templated)
    :param command: program and arguments. (templated)
    :param format: json (all it prints, or its last line) or csv.
    :param env: environment variables beside those of the release. (templated)
    :param clock: ``report_date`` starts the script's clock at the run's instant, on its report date; the script has the
        true time when None.
    """

    release: Any
    command: Sequence[str] | str
    format: Literal["json", "csv"] = "json"
    env: Mapping[str, str] = field(default_factory=dict)
    clock: Literal["report_date"] | None = None
    template_fields = ("release", "command", "env")


def period_values(report_date: date, period: Period) -> dict[str, Any]:
    """Return what every query may name."""
    return {
        "report_date": report_date,
        "period_start": period.start,
        "period_end": period.end,
        "period_first": period.first,
        "period_last": period.last,
    }


def bind(sql: str, values: Mapping[str, Any], placeholder: str) -> tuple[str, list[Any]]:
    """
    Return the query with a driver's placeholders for its named parameters, and their values in order.

    Text in quotes, comments and casts (``::``) are left alone.

    :param placeholder: ``%s`` or ``?``.
    :raises UnboundParameterError: a name has no value.
    """
    bound: list[Any] = []
    percent = "%%" if placeholder == "%s" else "%"
    parts: list[str] = []
    end = 0
    for match in _SQL.finditer(sql):
        parts.append(sql[end : match.start()].replace("%", percent))
        end = match.end()
        name = match["name"]
        if name is None:
            parts.append(match[0].replace("%", percent))
        elif name in values:
            parts.append(placeholder)
            bound.append(values[name])
        else:
            raise UnboundParameterError(name, tuple(sorted(values)))
    parts.append(sql[end:].replace("%", percent))
    return "".join(parts), bound


def fill_dates(path: str, report_date: date, period: Period) -> str:
    """
    Return the path with its dates in their places.

    :raises InvalidValueError: it names something that is no date of the report.
    """
    dates = {"report_date": report_date, "period_first": period.first, "period_last": period.last}

    def fill(match: re.Match[str]) -> str:
        if match["name"] not in dates:
            raise InvalidValueError(
                "path of a FileSource", path, "one that names " + ", ".join(f"{{{name}}}" for name in dates)
            )
        return dates[match["name"]].strftime(match["format"] or "%Y-%m-%d")

    return re.sub(r"\{(?P<name>\w+)(?::(?P<format>[^{}]*))?\}", fill, path)


def read_files(name: str, paths: Sequence[Any], format_: FileFormat | None = None) -> Rows:
    """
    Return the rows of files, one after the other.

    :param paths: paths that behave like pathlib's.
    :raises DataUnreadableError: a file is none of its format, or has other columns than the first.
    """
    tables = [_read_file(name, path, format_) for path in paths]
    if len(tables) == 1:
        return tables[0]
    columns = tables[0].columns if tables else ()
    for path, table in zip(paths, tables, strict=True):
        if set(table.columns) != set(columns):
            problem = f"its columns are {', '.join(table.columns)}; expected those of the first file: {', '.join(columns)}"
            raise DataUnreadableError(name, str(path), problem)

    def tuples() -> Iterator[Sequence[Any]]:
        for table in tables:
            order = [table.position(column) for column in columns]
            for row in table.tuples():
                yield tuple(row[at] for at in order)

    return Rows(columns, tuples(), name=name)


def _read_file(name: str, path: Any, format_: FileFormat | None) -> Rows:
    kind = format_ or _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        expected = f"one whose name ends with {', '.join(_SUFFIXES)}, or the argument format"
        raise InvalidValueError("file of a FileSource", str(path), expected)
    readers: dict[FileFormat, Callable[[BinaryIO], Rows]] = {
        "csv": lambda stream: read_csv(name, stream, delimiter="\t" if path.suffix.lower() == ".tsv" else None),
        "jsonl": lambda stream: Rows.of((json.loads(line) for line in stream if line.strip()), name=name),
        "json": lambda stream: Rows.of(_list_of(json.load(stream)), name=name),
        "parquet": lambda stream: _read_parquet(name, stream),
    }
    try:
        with path.open("rb") as stream:
            return readers[kind](stream)
    except (ValueError, csv.Error, RecursionError, OverflowError) as error:  # of JSON, of UTF-8, of pyarrow
        raise DataUnreadableError(name, str(path), f"it is no {kind}: {error}") from error
    except OSError as error:
        raise DataUnreadableError(name, str(path), error.strerror or str(error)) from error


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


def _list_of(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError("expected a list of objects")


def _read_parquet(name: str, stream: BinaryIO) -> Rows:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise MissingExtraError("Reading Parquet files", "parquet") from error
    try:
        file = parquet.ParquetFile(stream)
    except ArrowInvalid as error:
        raise ValueError(str(error)) from error
    columns = file.schema_arrow.names

    def tuples() -> Iterator[tuple[Any, ...]]:
        for batch in file.iter_batches():
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    return Rows(columns, tuples(), name=name)
