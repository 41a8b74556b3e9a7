"""Patterns of dates in the letters of the CLDR, and what is easily meant otherwise in them."""

from __future__ import annotations

import inspect
import logging
import re
from functools import lru_cache

log = logging.getLogger(__name__)

_QUOTED = re.compile("'[^']*'")


def check_pattern(pattern: str) -> None:
    """
    Warn of the year of weeks in a pattern without weeks: it is another one than the date's around New Year.

    The warning names the template's line, where one is being rendered.
    """
    letters = _QUOTED.sub("", pattern)
    if "Y" in letters and "w" not in letters:
        _warn(pattern, *_place())


@lru_cache(maxsize=256)  # once for each place, however many rows there are
def _warn(pattern: str, path: str, line: int) -> None:
    place = f"{path!r} line {line}: " if path else ""
    log.warning(
        "%sthe pattern %r has Y, the year that a week is of, and no week: 31 December may be written with the next year. "
        "Write y for the year of a date",
        place,
        pattern,
    )


def _place() -> tuple[str, int]:
    """Return the file and line of the template that is being rendered and has led here."""
    frame = inspect.currentframe()
    while frame is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return str(template.filename), int(template.get_corresponding_lineno(frame.f_lineno))
        frame = frame.f_back
    return "", 0
