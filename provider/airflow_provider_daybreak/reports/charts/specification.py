"""Specifications of Vega-Lite: which are refused, and how data gets into them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.exceptions import InvalidSpecificationError, InvalidValueError
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.values import is_missing, plain, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_daybreak.reports.language import Language

_MAX_ROWS = 50_000
_EXPRESSIONS = frozenset(
    ["calculate", "filter", "expr", "test", "labelExpr", "signal", "update", "init", "groupby"]
)
_BY_CHANCE = re.compile(r"\b(?:(?:now|random|datetime)\s*\(\s*\)|sample(?:Normal|LogNormal|Uniform)\s*\()")


def parsed(spec: object) -> dict[str, Any]:
    """
    Return a specification that asks for nothing but what it is given.

    :param spec: a mapping, or its JSON.
    :raises InvalidSpecificationError: it is none of Vega-Lite, or would fetch something, or say something else each time.
    :raises InvalidValueError: it is neither a mapping nor text.
    """
    if isinstance(spec, str):
        try:
            spec = json.loads(spec)
        except ValueError as error:
            raise InvalidSpecificationError(f"it is no JSON: {error}") from error
    if not isinstance(spec, Mapping):
        expected = "a mapping, such as Altair's to_dict(), or its JSON"
        raise InvalidValueError("specification of a chart", spec, expected)
    for problem in _refusals(spec):
        raise InvalidSpecificationError(problem)
    return dict(spec)


def _refusals(whole: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a specification asks for that no report has."""
    if "/vega/" in str(whole.get("$schema", "")):
        yield "it is one of Vega; write it in Vega-Lite"
    for path, value in _walk(whole, ()):
        key = path[-1] if path else ""
        place = ".".join(map(str, path))
        mark = value.get("mark") if isinstance(value, Mapping) else None
        if key == "url":
            yield f"{place} would fetch something, and a report has all that it shows; give the data to vega()"
        if "image" in (mark, mark.get("type") if isinstance(mark, Mapping) else None):
            yield "mark 'image' shows pictures that lie elsewhere"
        if key == "href":
            yield f"{place} is a link, which a picture can't have"
        if key == "sample" and isinstance(value, int):
            yield f"{place} takes rows by chance, so that a report made again would say something else"
        if isinstance(value, str) and _EXPRESSIONS.intersection(path) and (by := _BY_CHANCE.search(value)):
            yield f"{place} has {by[0]!r}, so that a report made again would say something else"


def _walk(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield each part of a specification with the names that lead to it, but no data."""
    yield path, value
    if isinstance(value, Mapping):
        for key, each in value.items():
            if key not in ("values", "datasets"):
                yield from _walk(each, (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _walk(each, (*path, index))


def _temporal(whole: Mapping[str, Any]) -> Iterator[str]:
    """Yield the columns that are times to the specification."""
    for _, value in _walk(whole, ()):
        if (
            isinstance(value, Mapping)
            and isinstance(value.get("field"), str)
            and (value.get("type") == "temporal" or "timeUnit" in value)
        ):
            yield value["field"]


def with_data(whole: Mapping[str, Any], data: Any, language: Language) -> dict[str, Any]:
    """
    Return the specification with all of its data in it, as JSON.

    :param data: rows, rows by the names that the specification has for them, or GeoJSON; None where it holds its own.
    :param language: by whose zone's clock instants are.
    :raises InvalidSpecificationError: there is no data, or twice.
    :raises InvalidValueError: there are too many rows.
    :raises MissingColumnError: it names a column that the rows don't have.
    """
    jsonable = partial(_jsonable, language=language, temporal=frozenset(_temporal(whole)))
    count = _counted(whole)
    whole = cast("dict[str, Any]", jsonable(whole))
    named = whole.get("data") if isinstance(whole.get("data"), dict) else None
    if isinstance(data, Mapping) and data.get("type") == "FeatureCollection":
        data = list(data.get("features") or ())
    if data is None:
        tables: dict[str, Any] = {}
    elif isinstance(data, Mapping) and data and all(_is_table(each) for each in data.values()):
        tables = {str(name): _values(rows, jsonable) for name, rows in data.items()}
    else:
        if named is not None and named.keys() - {"name", "format"}:
            raise InvalidSpecificationError(
                "it holds data of its own, and is given other; leave one of them out"
            )
        values = _values(data, jsonable)
        if isinstance(data, (Rows, list, tuple)):
            _check_columns(whole, Rows.of(data))
        tables = {named["name"]: values} if named and "name" in named else {}
        if not tables:
            whole["data"] = {**(named or {}), "values": values}
        count += len(values)
    if tables:
        whole["datasets"] = {**whole.get("datasets", {}), **tables}
        count += sum(map(len, tables.values())) if isinstance(data, Mapping) else 0
    if count > _MAX_ROWS:
        raise InvalidValueError(
            "number of rows of a chart", count, f"at most {_MAX_ROWS:,}; aggregate them in the query"
        )
    if not _has_data(whole):
        raise InvalidSpecificationError("it has no data: give rows to vega(), or data.values in it")
    return whole


def _has_data(whole: Mapping[str, Any]) -> bool:
    return any(path and path[-1] == "data" and value for path, value in _walk(whole, ()))


def _counted(whole: Mapping[str, Any]) -> int:
    own = [
        value.get("values")
        for path, value in _walk(whole, ())
        if path and path[-1] == "data" and isinstance(value, Mapping)
    ]
    sets = whole.get("datasets")
    return sum(
        len(each)
        for each in (*own, *(sets.values() if isinstance(sets, Mapping) else ()))
        if isinstance(each, Sequence)
    )


def _is_table(value: Any) -> bool:
    return isinstance(value, Rows) or (
        isinstance(value, (list, tuple)) and all(isinstance(each, Mapping) for each in value)
    )


def _values(data: Any, jsonable: Callable[..., Any]) -> list[Any]:
    return [_wound(row) for row in map(jsonable, Rows.of(data))]


def _check_columns(whole: Mapping[str, Any], rows: Rows) -> None:
    """Refuse names of columns that aren't there, unless the specification may make them: it would draw nothing there."""
    made = any(
        path and path[-1] in ("transform", "repeat", "spec", "layer", "concat") for path, _ in _walk(whole, ())
    )
    if made or not rows.columns:
        return
    for path, value in _walk(whole, ()):
        if path and path[-1] == "field" and isinstance(value, str) and not re.search(r"[.\[\\]", value):
            rows.position(value)


def _jsonable(value: Any, *, language: Language, temporal: frozenset[str], field: str = "") -> Any:
    """Return a value as JSON has it, and so whatever it holds."""
    value = plain(value)
    if isinstance(value, Mapping):
        return {
            str(key): _jsonable(each, language=language, temporal=temporal, field=str(key))
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_jsonable(each, language=language, temporal=temporal) for each in value]
    return _scalar(value, language, temporal=field in temporal)


def _scalar(value: Any, language: Language, *, temporal: bool) -> Any:
    """Return a value as JSON. A day is its midnight to what draws, which takes one without a time for UTC's."""
    if is_missing(value) or isinstance(value, bool):
        return None if is_missing(value) else value
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, (int, float, Decimal)):
        number = float(number) if isinstance(number, Decimal) else number
        return number if isfinite(number) else None
    moment = language.moment_of(value) if temporal or not isinstance(value, str) else None
    if moment is None:
        return text_of(value)
    day = isinstance(moment, date) and not isinstance(moment, datetime)
    return f"{moment.isoformat()}T00:00:00" if temporal and day else moment.isoformat()


def _wound(row: Any) -> Any:
    """Return a feature of a map with its outlines clockwise, as the library wants it and RFC 7946 does not."""
    geometry = row.get("geometry") if isinstance(row, dict) else None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(geometry, dict) or kind not in ("Polygon", "MultiPolygon"):
        return row
    shapes = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
    turned = [
        [ring if (_area(ring) < 0) == (index == 0) else ring[::-1] for index, ring in enumerate(rings)]
        for rings in shapes
    ]
    return {**row, "geometry": {**geometry, "coordinates": turned if kind == "MultiPolygon" else turned[0]}}


def _area(ring: Sequence[Sequence[float]]) -> float:
    """Return twice the area within a ring: above zero where it runs against the clock."""
    return sum(
        one[0] * other[1] - other[0] * one[1] for one, other in zip(ring, [*ring[1:], ring[0]], strict=True)
    )
