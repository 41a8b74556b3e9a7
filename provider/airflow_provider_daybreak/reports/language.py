"""How a report writes numbers, dates and our own words: by its locale, through Babel's CLDR data."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from babel import Locale

    from airflow_provider_daybreak.reports.period import Period

MISSING = "\N{EN DASH}"
"""What stands where there is no value: None, NaN and NaT."""

_HUGE = 1e18
_MAX_EXPONENT = 900_000  # of what one can calculate with
_DAY, _CLOCK = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{2}:\d{2}")
_Moment = TypeVar("_Moment", date, datetime, time)
Width = Literal["short", "medium", "long", "full"]
_SIZES = ("", "k", "M", "G", "T", "P")


@dataclass(frozen=True)
class Language:
    """
    One locale. Each method writes a value; what is missing is written as a dash.

    :param code: a locale of the CLDR, such as ``en``, ``de_CH`` or ``pt-BR``.
    """

    code: str

    def __post_init__(self) -> None:
        _ = self.locale  # refuse an unknown one before anything is rendered

    @cached_property
    def locale(self) -> Locale:
        """Babel's locale of that code."""
        return _locale(self.code)

    @property
    def tag(self) -> str:
        """The BCP 47 tag, for ``lang`` in HTML."""
        return str(self.locale).replace("_", "-")

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Which way the language is written, for ``dir`` in HTML."""
        return cast('Literal["ltr", "rtl"]', self.locale.text_direction)

    def word(self, key: str, /, count: int | None = None, **values: object) -> str:
        """Return our word or sentence of that key, in the form that the count asks for."""
        words = WORDS.get(self.locale.language, WORDS["en"])
        if count is not None:
            values["count"] = self.number(count)
            if key not in words:
                form = (
                    self.locale.plural_form(count) if words is not WORDS["en"] else ("other", "one")[count == 1]
                )
                key = f"{key}.{form}" if f"{key}.{form}" in words else f"{key}.other"
        return words[key].format(**values)

    def number(self, value: object, digits: int | None = None) -> str:
        """
        Write a number with the locale's separators.

        :param digits: how many after the decimal point; up to three, as needed, when None.
        """
        from babel.numbers import format_decimal, format_scientific

        number = _number(value)
        if isinstance(number, str):
            return number
        if _huge(number):
            return format_scientific(number, format="0.##E0", locale=self.locale)
        pattern = None if digits is None else _pattern(self.locale.decimal_formats[None].pattern, digits)
        return format_decimal(number, format=pattern, locale=self.locale)

    def percent(self, value: object, digits: int = 0) -> str:
        """Write a share, such as 0.25, as percent."""
        from babel.numbers import format_percent

        number = _number(value)
        if isinstance(number, str):
            return number
        if _huge(number):
            return f"{self.number(Decimal(number) * 100)} %"
        pattern = _pattern(self.locale.percent_formats[None].pattern, digits)
        return format_percent(number, format=pattern, locale=self.locale)

    def currency(self, value: object, currency: str, digits: int | None = None) -> str:
        """
        Write an amount of money.

        :param currency: the ISO 4217 code.
        :param digits: how many after the decimal point; as many as the currency has when None.
        """
        from babel.numbers import format_currency, get_currency_precision, is_currency

        number = _number(value)
        if isinstance(number, str):
            return number
        if not is_currency(currency):
            raise InvalidValueError("currency", currency, "an ISO 4217 code, such as EUR or USD")
        if _huge(number):
            return f"{self.number(number)} {currency}"
        digits = get_currency_precision(currency) if digits is None else digits
        pattern = _pattern(self.locale.currency_formats["standard"].pattern, digits)
        return format_currency(number, currency, format=pattern, locale=self.locale, currency_digits=False)

    def date(self, value: object, width: str = "medium") -> str:
        """
        Write a date.

        :param value: a date, a datetime or ISO text.
        :param width: short, medium, long or full, or a pattern of the CLDR such as ``EEE d MMM``.
        """
        from babel.dates import format_date

        moment = _moment(value)
        if moment is None or isinstance(moment, time):
            return MISSING if moment is None else self.time(moment)
        return format_date(moment, format=width, locale=self.locale)

    def time(self, value: object, width: str = "short") -> str:
        """Write a time of day, in the zone that the value has (clocks are not moved)."""
        from babel.dates import format_time

        moment = _moment(value)
        if moment is None:
            return MISSING
        if isinstance(moment, datetime):
            moment = moment.timetz()
        if not isinstance(moment, time):
            raise InvalidValueError("time", value, "a time or a datetime, or ISO text of one")
        return format_time(moment.replace(tzinfo=None), format=width, locale=self.locale)

    def datetime(self, value: object, width: str = "medium") -> str:
        """Write a date with its time of day, in the zone that the value has (clocks are not moved)."""
        from babel.dates import get_datetime_format

        moment = _moment(value)
        if not isinstance(moment, datetime):
            return self.date(value, width)
        length = cast("Width", width if width in ("short", "long", "full") else "medium")
        both = str(get_datetime_format(length, locale=self.locale))
        return both.replace("'", "").format(self.time(moment), self.date(moment, width))

    def duration(self, value: object, *, smallest: str = "minute") -> str:
        """
        Write a duration by its two largest units, such as ``7 hr 48 min``.

        :param value: seconds, or a timedelta.
        :param smallest: the smallest unit that is written unless the duration is shorter: second or minute.
        """
        from babel.units import format_unit

        seconds = value.total_seconds() if isinstance(value, timedelta) else _number(value)
        if isinstance(seconds, str):
            return seconds
        if _huge(seconds):
            return f"{self.number(seconds)} s"
        sign = "\N{MINUS SIGN}" if seconds < 0 else ""
        whole = abs(float(seconds))
        if smallest == "minute" and whole >= 3600:  # noqa: PLR2004 - an hour
            whole = round(whole / 60) * 60
        whole = round(whole)
        parts: list[str] = []
        # The short Spanish hour has no singular in the CLDR data that Babel ships.
        length_: Literal["short", "narrow"] = "narrow" if self.locale.language == "es" else "short"
        for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
            count, whole = divmod(whole, length)
            if count or (unit == "second" and not parts):
                parts.append(format_unit(count, unit, length=length_, locale=self.locale))
            elif parts:
                break
        return sign + " ".join(parts[:2])

    def size(self, value: object) -> str:
        """Write a number of bytes in the decimal unit that fits."""
        number = _number(value)
        if isinstance(number, str):
            return number
        size: float | Decimal = Decimal(number) if _huge(number) else float(number)
        index = 0
        while not -1000 < size < 1000 and index < len(_SIZES) - 1:  # noqa: PLR2004 - SI prefixes
            size, index = size / 1000, index + 1
        text = self.number(size, 0 if index == 0 or not -100 < size < 100 else 1)  # noqa: PLR2004 - three figures
        return f"{text} {_SIZES[index]}{'o' if self.locale.language == 'fr' else 'B'}"

    def period(self, period: Period) -> str:
        """Write what a period covers, as long as its reader needs."""
        from babel.dates import format_skeleton

        first, last = period.first, period.last
        if period.name == "day":
            return self.date(first, "full")
        if period.name == "month":
            return self._capital(format_skeleton("yMMMM", first, locale=self.locale))
        if period.name == "quarter":
            return self._capital(format_skeleton("yQQQ", first, locale=self.locale))
        if period.name == "year":
            return format_skeleton("y", first, locale=self.locale)
        year, week, _ = first.isocalendar()
        span = self.word("to", first=self.date(first, "medium"), last=self.date(last, "medium"))
        return f"{self.word('week', week=week, year=year)} ({span})"

    def moment(self, value: object, skeleton: str) -> str:
        """Write a date or time by a skeleton of the CLDR, such as ``MMMd``."""
        from babel.dates import format_skeleton

        moment = _moment(value)
        return MISSING if moment is None else format_skeleton(skeleton, moment, locale=self.locale)

    def value(self, value: object) -> str:
        """Write a value of any type as it reads in running text."""
        if isinstance(value, str):
            return value
        if is_missing(value):
            return MISSING
        write = next((write for kind, write in self._writers if isinstance(value, kind)), str)
        return write(value)

    @cached_property
    def _writers(self) -> tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...]:
        """Return how each type is written, subtypes before what they derive from."""
        return (
            (bool, lambda value: self.word("yes" if value else "no")),
            (datetime, self.datetime),
            (date, self.date),
            (time, self.time),
            (timedelta, self.duration),
            ((float, Decimal), self.number),
        )

    @staticmethod
    def _capital(text: str) -> str:
        return text[:1].upper() + text[1:]


def is_missing(value: object) -> bool:
    """Return whether there is no value: None, NaN or NaT, which differ from themselves."""
    if value is None:
        return True
    if isinstance(value, (float, Decimal)):
        return math.isnan(value)
    return isinstance(value, datetime) and value.isoformat() == "NaT"


def moment_of(value: object) -> date | datetime | time | None:
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


def _moment(value: object) -> date | datetime | time | None:
    if is_missing(value) or value == "":
        return None
    moment = moment_of(value)
    if moment is None:
        raise InvalidValueError("date or time", value, "a date, a datetime or ISO text such as 2026-03-29")
    return moment


def _number(value: object) -> float | Decimal | str:
    """Return the value as a number, or what is written for one that is none."""
    if is_missing(value):
        return MISSING
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except ArithmeticError as error:
            raise InvalidValueError("number", value, "a number, or text of one such as 1234.5") from error
        if value.is_nan():
            return MISSING
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (int, float, Decimal)):
        if value in (math.inf, -math.inf):
            return "∞" if value > 0 else "\N{MINUS SIGN}∞"
        if isinstance(value, Decimal) and abs(value.adjusted()) > _MAX_EXPONENT:
            return str(value)
        return value
    raise InvalidValueError("number", value, "a number")


def _huge(number: float | Decimal) -> bool:
    """Return whether it has more digits than anybody reads, and perhaps more than a float holds."""
    return not -_HUGE < number < _HUGE


@lru_cache(maxsize=16)
def _pattern(pattern: str, digits: int) -> str:
    """Return the locale's pattern with that many digits after the decimal point."""
    if not isinstance(digits, int) or not 0 <= digits <= 15:  # noqa: PLR2004 - what a float can hold
        raise InvalidValueError("digits", digits, "a whole number from 0 to 15")
    return re.sub(r"0(\.[0#]+)?", "0." + "0" * digits if digits else "0", pattern)


@lru_cache(maxsize=64)
def _locale(code: str) -> Locale:
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError, AttributeError) as error:
        raise InvalidValueError("locale", code, "a locale such as en, de, fr_CH or pt_BR") from error
