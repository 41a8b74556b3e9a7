"""Locales of the CLDR, by their codes."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from babel import Locale

_untouched: dict[str, dict[str, Any]] = {}
"""Data of locales as it was before anything was written into it."""
_BABELS = {"no": "nb"}  # Babel has the one as the other's whole, and no territory of it


@lru_cache(maxsize=64)
def settled(locale: Locale) -> Locale:
    """Return the locale with the territory that most of its speakers live in: how weeks are counted is a territory's matter."""
    from babel.core import get_global

    if locale.territory is not None:
        return locale
    likely = get_global("likely_subtags")
    language = _BABELS.get(locale.language, locale.language)
    home = likely.get(str(locale)) or likely.get(language)
    if home is None:
        return locale
    territory = home.rpartition("_")[2]
    # The locale there, in its own script if it has one, or else that of most.
    for code in (f"{locale}_{territory}", home, f"{language}_{territory}"):
        with suppress(InvalidValueError):
            return locale_of(code)
    return locale


def _with_data_of_its_own(locale: Locale) -> Locale:
    """
    Return the locale with data that it shares with no other.

    Babel's locales share what they have alike, and write what a name stands for into that: after Hebrew was asked for its
    months, those of Japanese were Hebrew.
    """
    from babel.localedata import load

    for name, untouched in _untouched.items():
        if name.partition("_")[0] == locale.language:  # it may be what this one begins with
            load(name).update(_copied(untouched))
    code = str(locale).partition("@")[0]
    data = load(code)
    if code not in _untouched:
        _untouched[code] = _copied(data)
        data.update(_copied(data))
    return locale


def _copied(part: Any) -> Any:
    """Return data with mappings of its own, but for those of mere text, into which nothing is written."""
    if isinstance(part, dict):
        plain = all(isinstance(each, str) for each in part.values())
        return part if plain else {key: _copied(each) for key, each in part.items()}
    return tuple(map(_copied, part)) if isinstance(part, tuple) else part


@lru_cache(maxsize=64)
def locale_of(code: str) -> Locale:
    """
    Return the locale of that code.

    :raises InvalidValueError: the CLDR has none.
    """
    from babel import Locale, UnknownLocaleError

    try:
        return _with_data_of_its_own(Locale.parse(code.replace("-", "_")))
    except (UnknownLocaleError, ValueError, TypeError, AttributeError) as error:
        raise InvalidValueError("locale", code, "a locale such as en, de, fr_CH or pt_BR") from error
