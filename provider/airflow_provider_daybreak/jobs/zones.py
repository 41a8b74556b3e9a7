"""Time zones as people call them: by a city, or in a comment such as ``# 9h Paris``."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Iterable

_TIME = re.compile(r"\b\d{1,2} ?(?:[:h.]\d{0,2}|am\b|pm\b|uhr\b|o'clock\b)", re.IGNORECASE)
_SHORT = {
    "UTC": "UTC",
    "GMT": "UTC",
    "CET": "Europe/Paris",
    "CEST": "Europe/Paris",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
}
"""What people call a zone, with one that has its clocks."""


@cache
def known_zone(name: str) -> str | None:
    """Return a zone by its name, or by that of its city, as Rails has it; None where there is none."""
    try:
        return str(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return _cities().get(name.replace(" ", "_"))


def zone_meant(comments: Iterable[str], zone: str) -> str:
    """
    Return the zone that one of the comments gives a time of day in; empty where none does, or it is the one that counts.

    :param zone: the one that the job's times are taken in.
    """
    for comment in comments:
        if not _TIME.search(comment):
            continue
        for word in re.findall(r"[A-Z][\w/+-]*(?: [A-Z]\w+)?", comment):
            for name in (word.replace(" ", "_"), word.partition(" ")[0]):
                found = _SHORT.get(name) or _cities().get(name)
                if found and zone not in (found, name):
                    return found
                if found:
                    return ""
    return ""


@cache
def _cities() -> dict[str, str]:
    """Return zones by their names, and by the city that each is named after."""
    names = sorted(
        name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))
    )
    return {**{name.rpartition("/")[2]: name for name in names}, **{name: name for name in names}}
