"""What a chart is drawn of: rows as places of an axis, and series of numbers over them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.charts.scales import seconds
from airflow_provider_daybreak.reports.document import Series
from airflow_provider_daybreak.reports.format import guess
from airflow_provider_daybreak.reports.values import MISSING, is_missing, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import tzinfo

    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.rows import Rows

_MAX_SERIES = 12
_MAX_BARS = 2000  # a year of days for five series
_BARS = ("bar", "stacked_bar")
_REPEATING = ("scatter", "sparkline")
"""Kinds of chart that may have several values at one place."""
DRAWABLE = 1e100  # a difference of such is a number still


def plotted(
    rows: Rows, x: str, columns: Mapping[str, str], by: str | None, kind: str, language: Language
) -> tuple[tuple[Any, ...], tuple[Series, ...]]:
    """
    Return a chart's places and series, few enough to be drawn and told apart.

    :param x: column of the places.
    :param columns: those of the values, with their titles.
    :param by: a column that splits one column of values into series.
    :param language: by whose zone's clock instants are placed.
    :raises InvalidValueError: they are too many, of several kinds, or two at one place.
    """
    if by and len(columns) > 1:
        raise InvalidValueError("y of a chart with series", list(columns), "one column")
    places, series = (
        _split(rows, x, next(iter(columns)), by, kind, language)
        if by
        else _straight(rows, x, columns, kind, language)
    )
    if len(series) > _MAX_SERIES:
        raise InvalidValueError("number of series in a chart", len(series), f"at most {_MAX_SERIES}")
    bars = len(places) * len(series)
    if kind in _BARS and bars > _MAX_BARS:
        expected = f"at most {_MAX_BARS:,}; aggregate them in the query, or use kind='line'"
        raise InvalidValueError("number of bars in a chart", bars, expected)
    return places, series


def _straight(
    rows: Rows, x: str, columns: Mapping[str, str], kind: str, language: Language
) -> tuple[tuple[Any, ...], tuple[Series, ...]]:
    """Return the places in the order of their axis, and a series of each column."""
    places = _places(list(rows.values(x)), x, language)
    keys = {index: _key(place) for index, place in enumerate(places) if place is not None}
    kept = list(keys)
    if not any(isinstance(key, str) for key in keys.values()):
        last = {key: index for index, key in keys.items()}
        again = next((index for index, key in keys.items() if last[key] != index), None)
        if again is not None and kind not in _REPEATING:
            raise _repeated([x], [places[again]])
        # The order of bars may be a ranking of numbered things.
        if kind not in _BARS or any(isinstance(place, date) for place in places):
            kept.sort(key=keys.__getitem__)
    series = []
    for column, title in columns.items():
        values = [number_of(value, column) for value in rows.values(column)]
        series.append(Series(title, tuple(values[index] for index in kept)))
    return tuple(places[index] for index in kept), tuple(series)


def _split(
    rows: Rows, x: str, y: str, by: str, kind: str, language: Language
) -> tuple[tuple[Any, ...], tuple[Series, ...]]:
    """Return the places in the order of their axis, and a series of each text in the column ``by``."""
    known: dict[Any, Any] = {}
    split: dict[str, dict[Any, float | None]] = {}
    places = _places(list(rows.values(x)), x, language)
    for index, (place, value, name) in enumerate(zip(places, rows.values(y), rows.values(by), strict=True)):
        if place is None:
            continue
        points = split.setdefault(MISSING if is_missing(name) else text_of(name), {})
        key = index if kind in _REPEATING else _key(place)
        if key in points:
            raise _repeated([x, by], [place, name])
        known[key] = place
        points[key] = number_of(value, y)
    order = list(known)
    if not any(isinstance(place, str) for place in known.values()):
        order.sort(key=lambda key: _key(known[key]))
    series = (Series(name, tuple(map(points.get, order))) for name, points in split.items())
    return tuple(known[key] for key in order), tuple(series)


def place_among(places: Sequence[Any], value: Any, language: Language) -> Any:
    """
    Return the value as a place of an axis.

    :param places: those of the axis.
    :raises InvalidValueError: it is of another kind, or no place of an axis of text.
    """
    if not places:
        return value
    first = places[0]
    found: Any
    if isinstance(first, str):
        found, fits = text_of(value), text_of(value) in places
        expected = f"a place of its axis, such as {first!r}"
    else:
        [found] = _places([value], "at", language)
        if isinstance(first, datetime) and isinstance(found, date):
            found = _as_instant(found, first.tzinfo)
        number = not isinstance(first, date)
        fits = isinstance(found, (int, float)) if number else type(found) is type(first)
        expected = "a number" if number else "an instant" if isinstance(first, datetime) else "a date"
    if not fits:
        raise InvalidValueError("at of a chart's reference", value, f"{expected}, as its axis has")
    return found


def _key(place: Any) -> Any:
    """Return what places of an axis are told apart and ordered by: datetimes by their instant, whatever clocks say."""
    return seconds(place) if isinstance(place, date) else place


def _repeated(columns: Sequence[str], values: Sequence[Any]) -> InvalidValueError:
    where = " and ".join(columns)
    expected = f"one row for each {where}: sum them in the query (GROUP BY {', '.join(columns)})"
    return InvalidValueError(f"{where} of a chart", ", ".join(map(str, values)), expected)


def _places(values: list[Any], column: str, language: Language) -> list[Any]:
    """Return the values as dates, datetimes, numbers or text: of one kind, None (of text, a dash) where one is missing."""
    values = [
        None if is_missing(value) or (isinstance(value, str) and not value.strip()) else value
        for value in values
    ]
    present = [value for value in values if value is not None]
    if all(isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) for value in present):
        whole = bool(present) and all(isinstance(value, int) for value in present)
        if whole and guess((min(present), max(present))).kind == "plain":
            return values  # years, which take no separator
        return [number_of(value, column) for value in values]
    moments = [None if value is None else language.moment_of(value) for value in values]
    if sum(isinstance(moment, date) for moment in moments) != len(present):
        return [MISSING if value is None else text_of(value) for value in values]
    instants = [moment for moment in moments if isinstance(moment, datetime)]
    if instants:
        # On one axis all are of one kind: a date is its midnight, and one without a zone is of the zone that others have.
        zone = next((instant.tzinfo for instant in instants if instant.tzinfo), None)
        return [None if moment is None else _as_instant(moment, zone) for moment in moments]
    return moments


def _as_instant(moment: date | time, zone: tzinfo | None) -> datetime:
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    day = moment if isinstance(moment, date) else date.min
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def number_of(value: Any, column: str = "") -> float | None:
    """Return a finite number, None for what is missing or endless."""
    if is_missing(value):
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        what = f"value in column {column!r} of a chart" if column else "value"
        raise InvalidValueError(what, value, "a number") from error
    return number if abs(number) <= DRAWABLE else None  # nor NaN, nor infinity
