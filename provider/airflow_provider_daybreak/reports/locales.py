"""Locales of the CLDR, by their codes."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from babel import Locale

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


@lru_cache(maxsize=64)
def locale_of(code: str) -> Locale:
    """
    Return the locale of that code.

    :raises InvalidValueError: the CLDR has none.
    """
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(code.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError, AttributeError) as error:
        raise InvalidValueError("locale", code, "a locale such as en, de, fr_CH or pt_BR") from error
