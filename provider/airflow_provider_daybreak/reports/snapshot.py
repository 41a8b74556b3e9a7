"""
What a report's data was, kept with it as JSON, so that the next report can tell what has changed.

Only what the template reads is kept: the columns and keys that its expressions name or work out, or all where it goes through
or compares them without a name. A column of salaries that it doesn't read is in no archive.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_daybreak.exceptions import InvalidValueError, SnapshotUnreadableError
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.rows import Rows, Watched

_KINDS: tuple[tuple[str, type], ...] = (
    ("datetime", datetime),
    ("date", date),
    ("time", time),
    ("decimal", Decimal),
    ("seconds", timedelta),
)
_MAPPING = "mapping"


def file_name(data: str) -> str:
    """Return the name of the file that keeps data of that name."""
    return f"data/{data}.snapshot.jsonl"


class Previous:
    """
    What templates call as ``previous(name)``, and what it takes to know what the next report may ask for.

    :param data: of this report, by name.
    :param stored: returns the file of that name that the last report of the period before kept for this one, or None.
    """

    def __init__(self, data: Mapping[str, Any], stored: Callable[[str], bytes | None]) -> None:
        self._stored = stored
        self._asked: dict[str, None] = {}
        self._read: dict[str, set[str | None]] = {name: set() for name in data}
        self._data = data
        self.data = {name: self._watched(name, value) for name, value in data.items()}

    def __call__(self, name: str, names: frozenset[str]) -> Any:
        """
        Return data as that report had it, and see to it that the next one can.

        :param names: what the template's expressions name.
        :raises InvalidValueError: the report has no such data.
        :raises SnapshotUnreadableError: what is stored is none of it.
        """
        if name not in self._data:
            expected = f"a name of the report's data: {', '.join(self._data)}"
            raise InvalidValueError("data of previous()", name, expected)
        self._asked[name] = None
        kept, value = self._stored(file_name(name)), self._data[name]
        before = None if kept is None else restore(name, kept)
        if kept is None or _lacks(before, value, names):
            before = nothing_like(name, value)
        return self._watched(name, before)

    def needs(self, names: frozenset[str]) -> dict[str, frozenset[str] | None]:
        """
        Return what is to be kept for the next report: by name of data, those of columns and keys, or None for all.

        :param names: what the template's expressions name.
        """
        return {name: self._needed(self._read[name], names) for name in self._asked}

    @staticmethod
    def _needed(read: set[str | None], names: frozenset[str]) -> frozenset[str] | None:
        named = {key for key in read if key is not None}
        return None if len(named) < len(read) else names | named

    def _watched(self, name: str, value: Any) -> Any:
        return _watched(value, self._read[name].add)


def keep(name: str, value: Any, names: Container[str] | None = None) -> RenderedFile:
    """
    Return the file that keeps the value: columns in its first line and then a line a row, or one line of JSON.

    :param names: of columns and keys that are kept; all when None.
    """
    if isinstance(value, Rows):
        kept = [at for at, column in enumerate(value.columns) if names is None or column in names]
        lines = [json.dumps({"columns": [value.columns[at] for at in kept]})]
        lines += [json.dumps([_plain(row[at], names) for at in kept]) for row in value.tuples()]
    else:
        lines = [json.dumps({"value": _plain(value, names)}, sort_keys=True)]
    return RenderedFile(file_name(name), "application/jsonl", ("\n".join(lines) + "\n").encode())


def restore(name: str, content: bytes) -> Any:
    """
    Return what was kept.

    :raises SnapshotUnreadableError: the content is no such file.
    """
    try:
        head, *lines = content.decode().rstrip("\n").split("\n")
        facts = json.loads(head)
        if "value" in facts:
            return _value(facts["value"])
        columns = list(map(_name, facts["columns"]))
        return Rows(columns, (_row(line, len(columns)) for line in lines), name=name)
    except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        raise SnapshotUnreadableError(name, f"{type(error).__name__}: {error}") from error


def nothing_like(name: str, value: Any) -> Any:
    """Return what stands where nothing was kept: no rows under the same columns, or nothing."""
    if isinstance(value, Rows):
        return Rows(value.columns, (), name=name)
    if isinstance(value, (list, tuple)):
        return Rows((), (), name=name)
    return {} if isinstance(value, Mapping) else None


def _name(column: Any) -> str:
    if not isinstance(column, str):
        raise TypeError("a column's name that is no text")
    return column


def _row(line: str, columns: int) -> tuple[Any, ...]:
    row = tuple(map(_value, json.loads(line)))
    if len(row) != columns:
        raise ValueError(f"a row of {len(row)} values under {columns} columns")
    return row


def _watched(value: Any, seen: Callable[[str | None], None]) -> Any:
    if isinstance(value, Rows):
        return value.watched(seen)
    if type(value) is dict:
        return Watched({key: _watched(each, seen) for key, each in value.items()}, seen)
    return [_watched(each, seen) for each in value] if type(value) is list else value


def _lacks(kept: Any, value: Any, names: Container[str]) -> bool:
    """Return whether something was left out, since no template read it then, that this one names."""
    if isinstance(kept, Rows) and isinstance(value, Rows):
        return any(column in names and column not in kept.columns for column in value.columns)
    if isinstance(kept, dict) and isinstance(value, dict):
        return any(
            (key in names and key not in kept) or (key in kept and _lacks(kept[key], each, names))
            for key, each in value.items()
        )
    both = isinstance(kept, list) and isinstance(value, list) and kept and value
    return bool(both) and _lacks(kept[0], value[0], names)


def _plain(value: Any, names: Container[str] | None = None) -> Any:
    """Return a value as JSON: what JSON has no type for, as a mapping of the type's name to text."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        read = {str(key): each for key, each in value.items() if names is None or str(key) in names}
        return {_MAPPING: {key: _plain(each, names) for key, each in read.items()}}
    if isinstance(value, (list, tuple, Rows)):
        return [_plain(each, names) for each in value]
    kind = next((kind for kind, type_ in _KINDS if isinstance(value, type_)), None)
    if kind is None:
        return str(value)
    if kind == "seconds":
        return {kind: value.total_seconds()}
    return {kind: str(value) if kind == "decimal" else value.isoformat()}


def _value(value: Any) -> Any:
    if isinstance(value, list):
        return list(map(_value, value))
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _MAPPING:
        return {key: _value(each) for key, each in content.items()}
    if kind == "seconds":
        return timedelta(seconds=content)
    return Decimal(content) if kind == "decimal" else dict(_KINDS)[kind].fromisoformat(content)  # type: ignore[attr-defined]
