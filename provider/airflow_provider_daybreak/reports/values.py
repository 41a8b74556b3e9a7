"""Values of data as what they mean: nothing, a number with its digits, a date or a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from itertools import count
from pathlib import PurePath
from typing import Any, TypeAlias, TypeVar, cast
from uuid import UUID

from airflow_provider_daybreak.exceptions import UnwritableValueError

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


_IPS = (IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network)
_OF_PANDAS = frozenset({("pandas", "Period"), ("pandas", "Interval")})
_BYTES = 32  # of a value that are written
_PARTS = 1_000_000
"""Of one value that are written as JSON."""
_Part = TypeVar("_Part")


def plain(value: Any) -> Any:
    """
    Return a value of numpy, pandas, a database's driver or Python's library as one that formats know.

    An enum is its value, or its name where that says nothing to people; a path, a UUID and an address are text.
    """
    if isinstance(value, Enum):
        # A number behind a name says nothing to people, unless it stands for itself, as that of HTTPStatus does.
        return (
            value.value if isinstance(value.value, str) or isinstance(value, int) else value.name or str(value)
        )
    if is_missing(value):
        return None
    if isinstance(value, (memoryview, bytearray)):
        return bytes(value)
    if isinstance(value, datetime) and hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    # Text of a class of its own too: what others call safe HTML is text here.
    if isinstance(value, (str, PurePath, UUID, *_IPS)) or _class(value) in _OF_PANDAS:
        return str(value)
    return _of_numpy(value) if hasattr(value, "dtype") else value


def _class(value: Any) -> tuple[str, str]:
    """Return the package and the name of a value's class; Period is a name of ours too."""
    return type(value).__module__.partition(".")[0], type(value).__name__


def _of_numpy(value: Any) -> Any:
    if value.dtype in ("M8[ns]", "m8[ns]"):  # Python's own have no nanoseconds: they would be mere numbers
        value = value.astype(f"{value.dtype.kind}8[us]")
    return value.tolist()


def text_of(value: Any) -> str:
    """
    Return what is no number, date or time as people and programs read it: mappings and lists as JSON, bytes as hex.

    :raises UnwritableValueError: it's of a type that only Python can show.
    """
    value = plain(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        more = "…" if len(value) > _BYTES else ""
        return f"{value[:_BYTES].hex()}{more} ({len(value)} B)"
    if isinstance(value, (Mapping, list, tuple, set, frozenset, range)):
        try:
            return json.dumps(_jsonable(value, count(1)), ensure_ascii=False)
        except RecursionError as error:
            raise UnwritableValueError(f"{type(value).__name__} that holds itself") from error
    if isinstance(value, (date, time)):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, float, Decimal, timedelta)):
        return str(value)
    raise UnwritableValueError(type(value).__name__)


def _jsonable(value: Any, counter: Iterator[int]) -> Any:
    value = plain(value)
    if isinstance(value, Mapping):
        return {text_of(key): _jsonable(each, counter) for key, each in _counted(value.items(), value, counter)}
    if isinstance(value, (set, frozenset)):
        parts = [_jsonable(each, counter) for each in _counted(value, value, counter)]
        return sorted(parts, key=str)  # they have no order of their own
    if isinstance(value, (list, tuple, range)):
        return [_jsonable(each, counter) for each in _counted(value, value, counter)]
    if isinstance(value, float) and abs(value) == float("inf"):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float)) else text_of(value)


def _counted(parts: Iterable[_Part], whole: Any, counter: Iterator[int]) -> Iterator[_Part]:
    """Yield the parts, as long as there are not too many: a list may hold another a thousand times, and that a third."""
    for part in parts:
        if next(counter) > _PARTS:
            raise UnwritableValueError(f"{type(whole).__name__} in a value of more than {_PARTS:,} parts")
        yield part


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
