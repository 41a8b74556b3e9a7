"""How a column or an axis writes its values, said once as text such as ``currency:EUR``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.language import MISSING, is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_daybreak.reports.language import Language

_DIGITS = {"number", "percent"}
NUMERIC = frozenset({"number", "percent", "currency", "duration", "size", "plain"})

_WRITERS: dict[str, Callable[[Language, Any, Any], str]] = {
    "text": lambda language, value, _: language.value(value),
    "plain": lambda _, value, __: MISSING if is_missing(value) else str(value),
    "number": lambda language, value, digits: language.number(value, digits),
    "percent": lambda language, value, digits: language.percent(value, digits or 0),
    "currency": lambda language, value, code: language.currency(value, *code),
    "date": lambda language, value, width: language.date(value, width or "medium"),
    "time": lambda language, value, width: language.time(value, width or "short"),
    "datetime": lambda language, value, width: language.datetime(value, width or "medium"),
    "duration": lambda language, value, smallest: language.duration(value, smallest=smallest or "minute"),
    "size": lambda language, value, _: language.size(value),
}


@dataclass(frozen=True)
class Format:
    """
    A way to write values.

    :param kind: text, plain (a number without separators), number, percent, currency, date, time,
        datetime, duration (of seconds) or size (of bytes).
    :param argument: digits, a currency with digits, or a width, as the kind takes it.
    """

    kind: str
    argument: Any = None

    @classmethod
    def parse(cls, text: str) -> Format:
        """
        Return the format that text such as ``number:2``, ``percent:1``, ``currency:EUR:0`` or ``date:full`` names.

        :raises InvalidValueError: there is no such format.
        """
        kind, *arguments = str(text).split(":")
        argument: Any = ":".join(arguments) or None
        if kind not in _WRITERS:
            raise InvalidValueError("format", text, "one of " + ", ".join(_WRITERS))
        if kind in _DIGITS and argument is not None:
            argument = _digits(text, argument)
        if kind == "currency":
            if not arguments or not arguments[0]:
                raise InvalidValueError("format", text, "the currency's ISO 4217 code, as in currency:EUR")
            argument = (arguments[0], *(_digits(text, digits) for digits in arguments[1:2]))
        if kind == "duration" and argument not in (None, "minute", "second"):
            raise InvalidValueError("format", text, "duration, duration:minute or duration:second")
        return cls(kind, argument)

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, which align at the right."""
        return self.kind in NUMERIC

    def write(self, value: object, language: Language) -> str:
        """
        Write the value in the language; text that is no number stays as it is.

        :raises InvalidValueError: the value is of another kind.
        """
        if isinstance(value, bool):
            return language.value(value)
        return _WRITERS[self.kind](language, value, self.argument)


def guess(values: Iterable[object]) -> Format:
    """Return the format that suits a column of such values when none is given."""
    kinds: set[type] = set()
    largest: float = 0
    digits = False
    for value in values:
        if is_missing(value):
            continue
        kind = next(
            (
                kind
                for kind in (bool, int, float, Decimal, datetime, date, time, timedelta)
                if isinstance(value, kind)
            ),
            str,
        )
        kinds.add(kind)
        if isinstance(value, int):  # of any size; a float has one
            largest = max(largest, abs(value))
        elif isinstance(value, (float, Decimal)) and math.isfinite(value):
            largest = max(largest, abs(float(value)))
            digits = digits or float(value) % 1 != 0
    if not kinds or not kinds <= {int, float, Decimal}:
        names = {datetime: "datetime", date: "date", time: "time", timedelta: "duration"}
        return Format(names[kinds.pop()]) if len(kinds) == 1 and kinds <= names.keys() else Format("text")
    if kinds == {int} and largest < 10_000:  # noqa: PLR2004 - years and other small whole numbers take no separator
        return Format("plain")
    return Format("number", (2 if largest < 1000 else 1) if digits else 0)  # noqa: PLR2004 - about four figures


def _digits(text: str, digits: str) -> int:
    if not digits.isdigit() or int(digits) > 15:  # noqa: PLR2004 - what a float can hold
        raise InvalidValueError("format", text, "a number of digits from 0 to 15 after the colon")
    return int(digits)
