"""
How a report writes numbers, dates and our own words: by its locale, through Babel's CLDR data.

One module, since each way of writing is a method of the one value that templates and formats know.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal, localcontext
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.locales import locale_of, settled
from airflow_provider_daybreak.reports.patterns import check_pattern
from airflow_provider_daybreak.reports.period import zone as zone_named
from airflow_provider_daybreak.reports.translations import TRANSLATIONS
from airflow_provider_daybreak.reports.values import (
    EXACT,
    MISSING,
    THREE_FIGURES,
    decimals,
    exact,
    is_missing,
    moment_of,
    plain,
    rounded,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from babel import Locale
    from babel.numbers import NumberPattern

    from airflow_provider_daybreak.reports.period import Period
    from airflow_provider_daybreak.reports.values import Moment


_HUGE = 10**21  # more digits than anybody reads
_MAX_EXPONENT = 900_000  # of what one can calculate with
Width = Literal["short", "medium", "long", "full"]
WIDTHS = get_args(Width)
"""Lengths of dates and times that each locale has; others are patterns."""
_MINUS = re.compile("[-\N{MINUS SIGN}]")
_SIZES = ("", "k", "M", "G", "T", "P")


@dataclass(frozen=True)
class Language:
    """
    One locale. Each method writes a value; what is missing is written as a dash.

    :param code: a locale of the CLDR, such as ``en``, ``de_CH`` or ``pt-BR``.
    :param zone: by whose clock instants are written; each by its own when None. What has no zone is written as it is.
    """

    code: str
    zone: tzinfo | None = None

    def __post_init__(self) -> None:
        _ = self.locale  # refuse an unknown one before anything is rendered

    @cached_property
    def locale(self) -> Locale:
        """Babel's locale of that code."""
        return locale_of(self.code)

    def at(self, zone: tzinfo | str) -> Language:
        """
        Return the language by another zone's clock.

        :param zone: a zone, or its name in the IANA database.
        :raises InvalidValueError: there is no such zone.
        """
        return replace(self, zone=zone_named(zone) if isinstance(zone, str) else zone)

    def moment_of(self, value: object) -> Moment | None:
        """Return what :func:`moment_of` does, an instant by the clock of the language's zone."""
        return cast("Moment | None", self.local(moment_of(value)))

    def local(self, value: Any) -> Any:
        """Return an instant by the clock of the language's zone, and any other value as it is."""
        if self.zone is not None and isinstance(value, datetime) and value.tzinfo is not None:
            with suppress(OverflowError):  # at an end of the calendar
                return value.astimezone(self.zone)
        return value

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
        words = TRANSLATIONS.get(self.locale.language, TRANSLATIONS["en"])
        english = words is TRANSLATIONS["en"]
        if count is not None:
            values["count"] = self.number(count)
            if key not in words:
                form = ("other", "one")[count == 1] if english else self.locale.plural_form(count)
                key = f"{key}.{form}" if f"{key}.{form}" in words else f"{key}.other"
        text = words[key].format(**values)
        # English amid letters that are written from the right would fall apart.
        return (
            f"\N{FIRST STRONG ISOLATE}{text}\N{POP DIRECTIONAL ISOLATE}"
            if english and self.direction == "rtl"
            else text
        )

    def number(self, value: object, digits: int | None = None) -> str:
        """
        Write a number with the locale's separators.

        :param digits: how many after the decimal point; up to three, as needed, when None, or as many as the
            first figures of a small number need.
        """
        from babel.numbers import format_scientific

        number = _number(value)
        if isinstance(number, str):
            return number
        if abs(number) >= _HUGE:
            short = THREE_FIGURES.plus(number)
            return format_scientific(short, format="0.##E0", locale=self.locale)
        if digits is None:
            return self._written(number, max(3, decimals(number)), self.locale.decimal_formats[None], least=0)
        return self._written(number, digits, self.locale.decimal_formats[None])

    def percent(self, value: object, digits: int = 0) -> str:
        """Write a share, such as 0.25, as percent."""
        number = _number(value)
        if isinstance(number, str):
            return number
        if abs(number) >= _HUGE:
            return f"{self.number(number * 100)} %"
        return self._written(number, digits, self.locale.percent_formats[None])

    def currency(self, value: object, currency: str, digits: int | None = None) -> str:
        """
        Write an amount of money.

        :param currency: the ISO 4217 code.
        :param digits: how many after the decimal point; as many as the currency has when None.
        """
        from babel.numbers import get_currency_precision

        number = _number(value)
        if isinstance(number, str):
            return number
        currency = currency_code(currency)
        if abs(number) >= _HUGE:
            return f"{self.number(number)} {currency}"
        digits = get_currency_precision(currency) if digits is None else digits
        return self._written(number, digits, self.locale.currency_formats["standard"], currency=currency)

    def _written(
        self,
        number: Decimal,
        digits: int,
        pattern: NumberPattern,
        *,
        least: int | None = None,
        currency: str | None = None,
    ) -> str:
        """
        Return the number in the locale's pattern.

        :param digits: how many after the decimal point.
        :param least: how many of them are written even if they are zeros; all when None.
        """
        chosen = _pattern(pattern.pattern, digits, digits if least is None else least)
        with localcontext(EXACT):
            number = rounded(number, digits + chosen.scale)  # a pattern of percent multiplies by 10²
            text = str(chosen.apply(number, self.locale, currency=currency, currency_digits=False))
        # Without the mark, a minus among letters that are written from the right goes to the number's other side.
        return (
            _MINUS.sub("\N{LEFT-TO-RIGHT MARK}\\g<0>", text) if number < 0 and self.direction == "rtl" else text
        )

    def date(self, value: object, width: str = "medium", *, zone: str | None = None) -> str:
        """
        Write a date.

        :param value: a date, a datetime or ISO text.
        :param width: short, medium, long or full, or a pattern of the CLDR such as ``EEE d MMM``.
        :param zone: another zone, for an instant.
        """
        from babel.dates import format_date, format_datetime

        if zone is not None:
            return self.at(zone).date(value, width)
        moment = self._moment(value)
        if moment is None or isinstance(moment, time):
            return MISSING if moment is None else self.time(moment)
        clock = isinstance(moment, datetime) and width not in WIDTHS
        return self._by_pattern(format_datetime if clock else format_date, moment, width)

    def time(self, value: object, width: str = "short", *, zone: str | None = None) -> str:
        """
        Write a time of day, an instant by the clock of the language's zone.

        :param width: short, medium, long or full, or a pattern of the CLDR such as ``HH:mm``.
        :param zone: another zone, for an instant.
        """
        from babel.dates import format_time

        if zone is not None:
            return self.at(zone).time(value, width)
        moment = self._moment(value)
        if moment is None:
            return MISSING
        if not isinstance(moment, (datetime, time)):
            raise InvalidValueError("time", value, "a time or a datetime, or ISO text of one")
        if isinstance(moment, time) or moment.tzinfo is None:
            # Without a date there is no offset, and Babel would take no zone for UTC.
            moment, width = moment.replace(tzinfo=None), "medium" if width in ("long", "full") else width
        return self._by_pattern(format_time, moment, width)

    def datetime(self, value: object, width: str = "medium", *, zone: str | None = None) -> str:
        """
        Write a date with its time of day, an instant by the clock of the language's zone.

        :param width: short, medium, long or full, or a pattern of the CLDR such as ``d MMM HH:mm``.
        :param zone: another zone, for an instant.
        """
        from babel.dates import get_datetime_format

        if zone is not None:
            return self.at(zone).datetime(value, width)
        moment = self._moment(value)
        if not isinstance(moment, datetime) or width not in WIDTHS:
            return self.date(value, width)
        both = str(get_datetime_format(cast("Width", width), locale=self.locale))
        return both.replace("'", "").format(self.time(moment), self.date(moment, width))

    def _moment(self, value: object) -> Moment | None:
        if is_missing(value) or value == "":
            return None
        moment = self.moment_of(value)
        if moment is None:
            raise InvalidValueError("date or time", value, "a date, a datetime or ISO text such as 2026-03-29")
        return moment

    def _by_pattern(self, write: Callable[..., str], moment: Any, pattern: str) -> str:
        check_pattern(pattern)
        # A field that there isn't, or that the value doesn't have, is one of these to Babel; % it would write.
        if "%" not in pattern:
            with suppress(AttributeError, KeyError, ValueError):
                return write(moment, format=pattern, locale=settled(self.locale))
        kind, example = type(moment).__name__, "HH:mm" if isinstance(moment, time) else "d MMM y"
        expected = (
            f"short, medium, long, full, or a pattern of the CLDR that a {kind} can fill, such as {example}"
        )
        raise InvalidValueError("pattern of a date or time", pattern, expected)

    def duration(self, value: object, *, smallest: str = "minute") -> str:
        """
        Write a duration by its two largest units, such as ``7 hr 48 min``.

        :param value: seconds, or a timedelta.
        :param smallest: the smallest unit that is written unless the duration is shorter: second or minute.
        """
        from babel.units import format_unit

        seconds = _number(value)
        if isinstance(seconds, str):
            return seconds
        if abs(seconds) >= _HUGE:
            return f"{self.number(seconds)} s"
        whole = int(rounded(abs(seconds), 0))
        if smallest == "minute" and whole >= 3600:  # noqa: PLR2004 - an hour
            whole = int(rounded(abs(seconds) / 60, 0)) * 60
        sign = "\N{MINUS SIGN}" if seconds < 0 and whole else ""
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
        size, index = number, 0
        # By what is written: 999,950 bytes are no 1,000 kB.
        while THREE_FIGURES.abs(size) >= 1000 and index < len(_SIZES) - 1:  # noqa: PLR2004 - SI prefixes
            size, index = size / 1000, index + 1
        text = self.number(size, 0 if index == 0 or THREE_FIGURES.abs(size) >= 100 else 1)  # noqa: PLR2004 - three figures
        return f"{text} {_SIZES[index]}{'o' if self.locale.language == 'fr' else 'B'}"

    def period(self, period: Period) -> str:
        """Write what a period covers, as long as its reader needs."""
        from babel.dates import format_skeleton

        first, last = period.first, period.last
        if period.name == "day":
            return self.date(first, "full")
        if period.name == "month":
            return self._capital(format_skeleton("yMMMM", first, locale=self.locale))
        if period.name == "week":
            return self._week(period)
        if period.fiscal_year_start != 1:  # a quarter's number, or one of two years, says little
            months = (format_skeleton("yMMM", day, locale=self.locale) for day in (first, last))
            return self._capital(self.word("to", first=next(months), last=next(months)))
        return self._capital(
            format_skeleton("yQQQ" if period.name == "quarter" else "y", first, locale=self.locale)
        )

    def _week(self, period: Period) -> str:
        first, last = period.first, period.last
        year, week, day = first.isocalendar()
        span = self.word("to", first=self.date(first, "medium"), last=self.date(last, "medium"))
        if day != 1:  # ISO 8601 numbers weeks that begin on Monday, and others disagree how
            return self._capital(span)
        return f"{self.word('week', week=week, year=year)} ({span})"

    def moment(self, value: object, skeleton: str) -> str:
        """Write a date or time by a skeleton of the CLDR, such as ``MMMd``."""
        from babel.dates import format_skeleton

        moment = self._moment(value)
        return MISSING if moment is None else format_skeleton(skeleton, moment, locale=self.locale)

    def value(self, value: object) -> str:
        """
        Write a value of any type as it reads in running text.

        :raises UnwritableValueError: it's of a type that only Python can show.
        """
        value = plain(value)
        if isinstance(value, str):
            return value
        if is_missing(value):
            return MISSING
        write = next((write for kind, write in self._writers if isinstance(value, kind)), text_of)
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


def currency_code(code: str) -> str:
    """
    Return the code of a currency.

    :raises InvalidValueError: there is no such currency.
    """
    from babel.numbers import is_currency

    if not is_currency(code):
        raise InvalidValueError("currency", code, "an ISO 4217 code, such as EUR or USD")
    return code


def _number(value: object) -> Decimal | str:
    """Return the value as a number, or what is written for one that is none."""
    if is_missing(value):
        return MISSING
    number = exact(value)
    if number is None:
        raise InvalidValueError("number", value, "a number, or text of one such as 1234.5")
    if number.is_infinite():
        return "∞" if number > 0 else "\N{MINUS SIGN}∞"
    if number.is_nan():
        return MISSING
    return number if abs(number.adjusted()) <= _MAX_EXPONENT else str(number)


@lru_cache(maxsize=64)
def _pattern(pattern: str, digits: int, least: int) -> NumberPattern:
    """Return the locale's pattern with so many digits after the decimal point, that many of them even if zeros."""
    from babel.numbers import parse_pattern

    if not isinstance(digits, int) or not 0 <= digits <= 15:  # noqa: PLR2004 - what a float can hold
        raise InvalidValueError("digits", digits, "a whole number from 0 to 15")
    places = "." + "0" * least + "#" * (digits - least) if digits else ""
    return parse_pattern(re.sub(r"0(\.[0#]+)?", f"0{places}", pattern))
