"""Rows of files, by what each is."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import DataUnreadableError, InvalidValueError, MissingExtraError
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.sources.csv import read_csv
from airflow_provider_daybreak.reports.sources.declared import FileSource
from airflow_provider_daybreak.reports.sources.workbook import read_workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    from airflow_provider_daybreak.reports.period import Period
    from airflow_provider_daybreak.reports.sources.declared import FileFormat

_SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ods": "ods",
}


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


def read_files(name: str, paths: Sequence[Any], source: FileSource | None = None) -> Rows:
    """
    Return the rows of files, one after the other.

    :param paths: paths that behave like pathlib's.
    :param source: says of what format they are, and how to read it.
    :raises DataUnreadableError: a file is none of its format, or has other columns than the first.
    """
    tables = [_read_file(name, path, source or FileSource(str(path))) for path in paths]
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


def _read_file(name: str, path: Any, source: FileSource) -> Rows:
    kind = source.format or _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        expected = f"one whose name ends with {', '.join(_SUFFIXES)}, or the argument format"
        raise InvalidValueError("file of a FileSource", str(path), expected)
    readers: dict[FileFormat, Callable[[BinaryIO], Rows]] = {
        "csv": lambda stream: read_csv(name, str(path), stream, source),
        "jsonl": lambda stream: Rows.of((json.loads(line) for line in stream if line.strip()), name=name),
        "json": lambda stream: Rows.of(_list_of(json.load(stream)), name=name),
        "parquet": lambda stream: _read_parquet(name, stream),
        "xlsx": lambda stream: read_workbook(name, str(path), stream, source),
        "ods": lambda stream: read_workbook(name, str(path), stream, source),
    }
    if kind not in readers:
        raise InvalidValueError("format of a FileSource", kind, "one of " + ", ".join(readers))
    if path.suffix.lower() == ".tsv":
        source = replace(source, delimiter=source.delimiter or "\t")
    try:
        with storage.connected(path), path.open("rb") as stream:
            return readers[kind](stream)
    except (ValueError, RecursionError, OverflowError) as error:  # of JSON, of UTF-8, of pyarrow
        raise DataUnreadableError(name, str(path), f"it is no {kind}: {error}") from error
    except OSError as error:
        raise DataUnreadableError(name, str(path), error.strerror or str(error)) from error


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
