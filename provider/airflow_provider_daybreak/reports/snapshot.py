"""What a report's data was, kept with it as JSON, so that the next report can tell what has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.rows import Rows

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


def keep(name: str, value: Any) -> RenderedFile:
    """Return the file that keeps the value: columns in its first line and then a line a row, or one line of JSON."""
    if isinstance(value, Rows):
        lines = [json.dumps({"columns": value.columns})]
        lines += [json.dumps(list(map(_plain, row))) for row in value.tuples()]
    else:
        lines = [json.dumps({"value": _plain(value)}, sort_keys=True)]
    return RenderedFile(file_name(name), "application/jsonl", ("\n".join(lines) + "\n").encode())


def restore(name: str, content: bytes) -> Any:
    """Return what was kept."""
    head, *lines = content.decode().rstrip("\n").split("\n")
    facts = json.loads(head)
    if "value" in facts:
        return _value(facts["value"])
    return Rows(facts["columns"], (list(map(_value, json.loads(line))) for line in lines), name=name)


def nothing_like(name: str, value: Any) -> Any:
    """Return what stands where nothing was kept: no rows under the same columns, or nothing."""
    if isinstance(value, Rows):
        return Rows(value.columns, (), name=name)
    if isinstance(value, (list, tuple)):
        return Rows((), (), name=name)
    return {} if isinstance(value, Mapping) else None


def _plain(value: Any) -> Any:
    """Return a value as JSON: what JSON has no type for, as a mapping of the type's name to text."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {_MAPPING: {str(key): _plain(each) for key, each in value.items()}}
    if isinstance(value, (list, tuple, Rows)):
        return list(map(_plain, value))
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
