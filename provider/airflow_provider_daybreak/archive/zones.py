"""Periods that are the same whatever their zone is called."""

from __future__ import annotations

_BARE = ("UTC", "UCT", "GMT", "GMT0", "Greenwich", "Universal", "Zulu")
UTC_NAMES = (*_BARE, *(f"Etc/{name}" for name in _BARE), "GMT+0", "GMT-0", "Etc/GMT+0", "Etc/GMT-0")
"""Names of the zone that is always at UTC."""


def one_key(period_key: str) -> str:
    """Return the one key of a period, such as ``day:2026-03-29:UTC`` for ``day:2026-03-29:Etc/UTC``."""
    period, colon, zone = period_key.rpartition(":")
    return f"{period}{colon}UTC" if zone in UTC_NAMES else period_key


def other_keys(period_key: str) -> list[str]:
    """Return the other keys of the same period, as older versions wrote them."""
    period, colon, zone = period_key.rpartition(":")
    return [f"{period}{colon}{name}" for name in UTC_NAMES if name != "UTC"] if zone in UTC_NAMES else []
