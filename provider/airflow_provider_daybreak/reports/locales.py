"""Locales of the CLDR, by their codes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from babel import Locale


@lru_cache(maxsize=64)
def settled(locale: Locale) -> Locale:
    """Return the locale with the territory that most of its speakers live in: how weeks are counted is a territory's matter."""
    from babel.core import get_global

    likely = get_global("likely_subtags").get(str(locale)) if locale.territory is None else None
    return locale if likely is None else locale_of(likely)


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
