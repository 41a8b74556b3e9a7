"""How a column or an axis writes its values, said once as text such as ``currency:EUR``."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.language import currency_code
from airflow_provider_daybreak.reports.patterns import check_pattern
from airflow_provider_daybreak.reports.values import MISSING, decimals, is_missing, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_daybreak.reports.language import Language

_DIGITS = {"number", "percent"}
_YEARS = range(1900, 2101)
_SHOWN = 1e-8  # what is smaller, as sums of floats leave it for nothing, asks for no decimals
NUMERIC = frozenset({"number", "percent", "currency", "duration", "size", "plain"})

_WRITERS: dict[str, Callable[[Language, Any, Any], str]] = {
    "text": lambda language, value, _: language.value(value),
    "plain": lambda _, value, __: MISSING if is_missing(value) else text_of(value),
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
    :param guessed: whether nobody asked for it: values of another kind are then written as they are.
    """

    kind: str
    argument: Any = None
    guessed: bool = field(default=False, compare=False)

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
            argument = (currency_code(arguments[0]), *(_digits(text, digits) for digits in arguments[1:2]))
        if kind == "duration" and argument not in (None, "minute", "second"):
            raise InvalidValueError("format", text, "duration, duration:minute or duration:second")
        if kind in ("date", "time", "datetime") and argument:
            check_pattern(argument)
        return cls(kind, argument)

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, which align at the right."""
        return self.kind in NUMERIC

    def write(self, value: object, language: Language) -> str:
        """
        Write the value in the language.

        :raises InvalidValueError: the value is of another kind than the format was asked for.
        """
        if isinstance(value, bool):
            return language.value(value)
        try:
            return _WRITERS[self.kind](language, value, self.argument)
        except InvalidValueError:
            if not self.guessed:
                raise
            return language.value(value)


def guess(values: Iterable[Any], *, years: bool = True) -> Format:
    """
    Return the format that suits a column of such values when none is given.

    :param years: whether whole numbers that are all like 2026 are years, which take no separator.
    """
    kinds: set[type] = set()
    largest, digits, broken = 0.0, 0, False
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
        if kind is int:
            largest = max(largest, abs(value))
            years = years and value in _YEARS
        elif kind in (float, Decimal) and math.isfinite(number := float(value)):
            largest = max(largest, abs(number))
            broken = broken or number % 1 != 0
            digits = max(digits, decimals(number) if abs(number) >= _SHOWN else 0)
    if not kinds or not kinds <= {int, float, Decimal}:
        names = {datetime: "datetime", date: "date", time: "time", timedelta: "duration"}
        name = names.get(kinds.pop(), "text") if len(kinds) == 1 else "text"
        return Format(name, guessed=True)
    if kinds == {int} and years:
        return Format("plain", guessed=True)
    usual = 2 if largest < 1000 else 1  # noqa: PLR2004 - about four figures
    return Format("number", max(usual, digits) if broken else 0, guessed=True)


def _digits(text: str, digits: str) -> int:
    if not digits.isdecimal() or int(digits) > 15:  # noqa: PLR2004 - what a float can hold
        raise InvalidValueError("format", text, "a number of digits from 0 to 15 after the colon")
    return int(digits)
