"""Values of data as what they mean: nothing, a number with its digits, a date or a time."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TypeAlias, TypeVar, cast

MISSING = "\N{EN DASH}"
"""What stands where there is no value: None, NaN, NA and NaT."""
_SMALL = 0.01  # two decimals say little or nothing of what is smaller
_MAX_DECIMALS = 8
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)  # digits of any number below _HUGE with 15 decimals
THREE_FIGURES = Context(prec=3, rounding=ROUND_HALF_UP)
_NOTHING = frozenset({"NAType", "NaTType"})
_DAY, _CLOCK = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{2}:\d{2}")
_Moment = TypeVar("_Moment", date, datetime, time)
Moment: TypeAlias = "date | datetime | time"


def is_missing(value: object) -> bool:
    """Return whether there is no value: None, NaN, or what pandas has for it, NA and NaT."""
    if value is None:
        return True
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - NaN alone differs from itself
    if isinstance(value, Decimal):
        return value.is_nan()
    return type(value).__name__ in _NOTHING


def rounded(number: Decimal, digits: int) -> Decimal:
    """Return the number with that many decimals, halves rounded away from zero as spreadsheets do; 0 has no sign."""
    return number.quantize(Decimal((0, (1,), -digits)), context=EXACT) or Decimal(0)


def decimals(number: float | Decimal) -> int:
    """Return how many decimals the first three figures of a small number take, at most eight; 0 for others."""
    if not number or not -_SMALL < number < _SMALL:
        return 0
    first = THREE_FIGURES.create_decimal(str(number)).normalize()
    return min(-cast("int", first.as_tuple().exponent), _MAX_DECIMALS)


def moment_of(value: object) -> Moment | None:
    """Return the date, datetime or time that the value is or, as ISO text, names; None when it is none."""
    if isinstance(value, (date, time)):
        return None if is_missing(value) else value
    if not isinstance(value, str):
        return None
    text = value.strip()
    if text.endswith(("Z", "z")):
        text = text[:-1] + "+00:00"  # Python 3.10 reads no Z
    if _CLOCK.match(text):
        return _iso(time, text)
    return (_iso(date, text) or _iso(datetime, text)) if _DAY.match(text) else None


def _iso(kind: type[_Moment], text: str) -> _Moment | None:
    try:
        return kind.fromisoformat(text)
    except ValueError:
        return None


def exact(value: object) -> Decimal | None:
    """Return a number, or text of one, with the digits that it is written with; None when it is none."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, (int, Decimal)):
        return Decimal(value)
    if not isinstance(value, (float, str)):
        return None
    try:
        return Decimal(str(value).strip())
    except ArithmeticError:
        return None
