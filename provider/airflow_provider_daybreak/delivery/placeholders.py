"""Texts with places for values, such as ``sales-{report_date}.csv``: names alone, and nothing that runs."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLACE = re.compile(r"\{([A-Za-z_]\w*)(?::([^{}]*))?\}")


def has_placeholders(text: str) -> bool:
    """Return whether there is a place for a value."""
    return "{" in text or "}" in text


def filled(name: str, text: str, values: Mapping[str, object], encode: Callable[[str], str] = str) -> str:
    """
    Return the text with a value in each of its places.

    :param name: what the text is called where it was given, for the error.
    :param values: by the names of places. A date may be formatted: ``{report_date:%d.%m.%Y}``.
    :param encode: what makes of a value what may stand there.
    :raises InvalidValueError: a place has no value, or a brace begins or ends none.
    """
    expected = "text in which braces are those of " + ", ".join(f"{{{each}}}" for each in values)

    def value(match: re.Match[str]) -> str:
        found, form = values.get(match[1]), match[2]
        if found is None or (form and not isinstance(found, date)):
            raise InvalidValueError(name, text, expected)
        return encode(found.strftime(form) if form and isinstance(found, date) else str(found))

    if has_placeholders(_PLACE.sub("", text)):
        raise InvalidValueError(name, text, expected)
    return _PLACE.sub(value, text)
