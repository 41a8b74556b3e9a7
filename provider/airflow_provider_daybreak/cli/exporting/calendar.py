"""A cron expression as systemd's timers have it (systemd.time(7))."""

from __future__ import annotations

import re

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIRST = {"minute": 0, "hour": 0, "day": 1, "month": 1}


def on_calendar(cron: str, zone: str) -> list[str]:
    """
    Return the times, of which any starts the timer: two where both a day of the month and one of the week are said.

    :param cron: of five fields.
    """
    minute, hour, day, month, weekday = cron.split()
    month = re.sub("[a-zA-Z]{3}", lambda name: str(_MONTHS.index(name[0].lower()) + 1), month)
    clock = f"{_field(hour, 'hour')}:{_field(minute, 'minute')}:00 {zone}"
    date = f"*-{_field(month, 'month')}-{{}} {clock}"
    by_day = date.format(_field(day, "day"))
    if weekday.startswith("*"):
        return [by_day]
    by_weekday = f"{_weekdays(weekday)} {date.format('*')}"
    return [by_weekday] if day.startswith("*") else [by_day, by_weekday]


def _field(said: str, name: str) -> str:
    parts = []
    for part in said.split(","):
        span, _, step = part.partition("/")
        span = span.replace("-", "..")
        if step:
            span = str(_FIRST[name]) if span == "*" else span
            span = f"{span}/{step}"
        parts.append(span)
    return ",".join(parts)


def _weekdays(said: str) -> str:
    days: list[str] = []
    for part in said.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        begin, end = _number(first), _number(last or first)
        numbers = range(begin, (end if end >= begin else end + 7) + 1)  # FRI-SUN
        days += [_DAYS[number] for number in numbers[:: int(step or 1)]]
    return ",".join(dict.fromkeys(days))


def _number(day: str) -> int:
    return int(day) if day.isdigit() else _DAYS.index(day.capitalize())
