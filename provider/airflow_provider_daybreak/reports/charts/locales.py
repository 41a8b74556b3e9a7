"""What a drawing library wants to know of a locale, from Babel's CLDR data: how d3 writes numbers and times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel import Locale

    from airflow_provider_daybreak.reports.language import Language


_FIELD = re.compile(r"'[^']*'|([yMLdHhmabB])\1*|%")


def numbers_of(language: Language) -> dict[str, Any]:
    """Return the locale as d3-format takes it; an amount of money has no sign, for which none is known."""
    from babel.numbers import get_decimal_symbol, get_group_symbol, get_minus_sign_symbol

    locale = language.locale
    digits = [language.number(number) for number in range(10)]
    pattern = locale.percent_formats[None].pattern
    return {
        "decimal": get_decimal_symbol(locale),
        "thousands": get_group_symbol(locale),
        "grouping": [3, 2] if "#,##,##0" in locale.decimal_formats[None].pattern else [3],
        "currency": ["", ""],
        "minus": get_minus_sign_symbol(locale),
        "percent": pattern[len(pattern.rstrip("%\u00a0\u202f ")) :] or "%",
        **({} if digits[0] == "0" else {"numerals": digits}),
    }


def times_of(language: Language) -> dict[str, Any]:
    """Return the locale as d3-time-format takes it: names of months and days, and whole dates and times."""
    locale = language.locale
    months, days = locale.months["stand-alone"], locale.days["stand-alone"]
    # Some locales have the one, some the other.
    periods = {**locale.day_periods["format"]["abbreviated"], **locale.day_periods["format"]["wide"]}
    # Days count from Monday to Babel and from Sunday to d3.
    week = (6, 0, 1, 2, 3, 4, 5)
    clock = "%I:%M:%S %p" if "h" in locale.time_formats["medium"].pattern else "%H:%M:%S"
    return {
        "dateTime": f"{_date(locale)} {clock}",
        "date": _date(locale),
        "time": clock,
        "periods": [periods.get("am", "AM"), periods.get("pm", "PM")],
        "days": [days["wide"][day] for day in week],
        "shortDays": [days["abbreviated"][day] for day in week],
        "months": [months["wide"][month] for month in range(1, 13)],
        # As within a date: d3 has these words of a month alone for both.
        "shortMonths": [locale.months["format"]["abbreviated"][month] for month in range(1, 13)],
    }


def units_of(language: Language) -> dict[str, str]:
    """Return how dates of a unit of time are written, by the names that Vega has for such units."""
    locale = language.locale
    day, month, clock = (_pattern(locale, skeleton) for skeleton in ("MMMd", "yMMM", "hm"))
    return {
        "year-month": month,
        "year-month-date": _pattern(locale, "yMMMd"),
        "month-date": day,
        "hours": clock,
        "minutes": clock,
        "hours-minutes": clock,
        "week": day,
        "date": day,
    }


def _pattern(locale: Locale, skeleton: str) -> str:
    """Return the locale's pattern of these fields in the letters of d3."""
    pattern = locale.time_formats["short"] if skeleton == "hm" else locale.datetime_skeletons[skeleton]
    return _FIELD.sub(_in_d3, pattern.pattern).strip()


def _in_d3(field: re.Match[str]) -> str:
    text = field[0]
    if text[0] == "'":
        return text[1:-1].replace("%", "%%") or "'"
    if text[0] in "ML" and len(text) > 2:  # noqa: PLR2004 - longer ones are words
        return "%b" if len(text) == 3 else "%B"  # noqa: PLR2004 - as the CLDR has it
    letter = {"y": "%Y", "M": "%m", "L": "%m", "d": "%d", "H": "%H", "h": "%I", "m": "%M", "%": "%%"}.get(
        text[0], "%p"
    )
    return letter.replace("%", "%-") if len(text) == 1 and text[0] in "MLdHh" else letter


def _date(locale: Locale) -> str:
    """Return the locale's short date in the letters of d3."""
    pattern = re.sub("'[^']*'|G+", "", locale.date_formats["short"].pattern)
    return re.sub("y+|[ML]+|d+", lambda field: {"y": "%Y", "d": "%d"}.get(field[0][0], "%m"), pattern).strip()
