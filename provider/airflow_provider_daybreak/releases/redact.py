"""Keeping the values of ``.env`` out of what a script's output becomes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK = "***"
_SHORTEST = 5  # as Airflow: masking what is shorter, such as a port, would cut up every line
_SENSITIVE = re.compile(r"pass|pwd|secret|token|key|credential|private|auth|dsn", re.IGNORECASE)


class Redactor:
    """
    Replaces values by ``***``.

    :param values: what ``.env`` sets. All of it is kept out of logs; what its key says is a secret is kept
        out of results too, where an address or a folder may well belong.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._all = _pattern(values.values())
        self._secrets = _pattern(value for key, value in values.items() if _SENSITIVE.search(key))

    def for_log(self, text: str) -> str:
        """Return the text without any of the values."""
        return self._all.sub(MASK, text) if self._all else text

    def for_result(self, text: str) -> str:
        """Return the text without any of the secrets."""
        return self._secrets.sub(MASK, text) if self._secrets else text


def _pattern(values: Iterable[str]) -> re.Pattern[str] | None:
    # A line is all that is seen at a time, so a value of several is looked for by its lines.
    parts = {line.strip() for value in values for line in value.splitlines()}
    long = sorted((part for part in parts if len(part) >= _SHORTEST), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, long))) if long else None
