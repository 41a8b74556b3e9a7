"""
Cron's five fields: what is one, what is surely a mistake, and the instants it means under its own scheduler.

Airflow reads an expression with croniter. Where the two differ (a step on one day field beside the other, the days on which
the clocks are changed), the difference is refused or shown.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError, MissingExtraError
from airflow_provider_daybreak.jobs.job import Refusal, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zoneinfo import ZoneInfo

    from airflow_provider_daybreak.jobs.job import Place, When

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MOST_A_DAY = 24
_FIELDS = 5
_NAME = "(?i:sun|mon|tue|wed|thu|fri|sat|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_LOOKS_LIKE_FIELD = re.compile(rf"[\d*,/\-?LW#~H]+|{_NAME}(?:[,\-/#](?:{_NAME}|\d+))*")
_ONLY_NUMBERS = re.compile(r"[\d*,/\-]+")


def looks_like_field(word: str) -> bool:
    """Say whether a word could be one of the fields, rather than a program."""
    return _LOOKS_LIKE_FIELD.fullmatch(word) is not None


def kept(expressions: Iterable[str], rule: Rule, place: Place) -> tuple[tuple[str, ...], list[Refusal]]:
    """
    Return those of a job's expressions that a Dag can have, and a refusal of each other one.

    :param place: where they stand.
    """
    found: list[str] = []
    refused: list[Refusal] = []
    for each in expressions:
        try:
            found.append(checked(each, rule))
        except InvalidScheduleError as error:  # noqa: PERF203 - each may be wrong
            refused.append(Refusal(place, str(error)))
    return tuple(found), refused


def checked(expression: str, rule: Rule) -> str:
    """
    Return an expression as Airflow takes it, with the same instants.

    :param expression: five fields, or an alias such as ``@daily``.
    :raises InvalidScheduleError: it is none, it never fires, it fires so often that no report is meant, or Airflow would take
        it for other days.
    """
    expression = ALIASES.get(expression.lower(), expression)
    fields = expression.split()
    if re.search(r"\{\{|\$\{|\$\(|<%", expression):
        problem = "it is a variable that nobody has filled in"
        raise InvalidScheduleError(expression, problem, "Render the template first, and import what comes out")
    if expression.lower() == "@reboot":
        raise InvalidScheduleError(expression, "it has no time: Airflow runs at times", "Give it a time of day")
    if expression.startswith("@"):
        known = ", ".join(sorted(ALIASES))
        raise InvalidScheduleError(
            expression, "cron knows no such name", f"Take one of {known}, or five fields"
        )
    if len(fields) != _FIELDS:
        raise InvalidScheduleError(
            expression, f"it has {len(fields)} fields", "Give minute, hour, day, month and weekday"
        )
    if any(letter in expression for letter in "LW#?") and rule is Rule.DEBIAN:
        raise InvalidScheduleError(expression, "no cron takes L, W, # or ?", "Say the days by numbers")
    _fires(expression)
    minute, hour, day, _month, weekday = fields
    stepped = rule is Rule.DEBIAN and any(
        one.startswith("*") and one != "*" and other != "*" for one, other in ((day, weekday), (weekday, day))
    )
    if stepped:
        raise InvalidScheduleError(
            expression,
            "cron runs it on days that are both, since one field begins with *, and Airflow on days that are either",
            "List the days of the month in place of the step, or the weekday alone",
        )
    often = _a_day(minute, hour)
    if minute == "*" and hour != "*":
        raise InvalidScheduleError(
            expression,
            f"it runs {often} times a day, each minute of {_hours(hour)}: surely once is meant",
            f"Write {' '.join(['0', *fields[1:]])!r}",
        )
    if often > _MOST_A_DAY:
        raise InvalidScheduleError(
            expression,
            f"it runs {often} times a day: a Dag's run takes seconds to begin, and a report is for an hour at least",
            "Leave it where it is, or give it one minute of the hour",
        )
    return expression


def _hours(hour: str) -> str:
    return f"hour {hour}" if hour.isdigit() else f"the hours {hour}"


def _fires(expression: str) -> None:
    """
    Refuse what is no expression, or has no instant.

    :raises InvalidScheduleError: so.
    """
    from cronsim import CronSim, CronSimError

    try:
        next(CronSim(expression, datetime(2026, 1, 1, tzinfo=timezone.utc)))
    except CronSimError as error:
        bad = str(error).lower()
        minute, hour, day, month, weekday = expression.split()
        if month != "*" and "day" in bad and _is_one(f"{minute} {hour} {day} * {weekday}"):
            problem = f"it never fires: month {month} has no day {day}"
            raise InvalidScheduleError(expression, problem, "Look at its day and month") from error
        step = next(
            (text for name, text in _TAKES.items() if name in bad), "See crontab(5) for what may stand where"
        )
        raise InvalidScheduleError(expression, bad, step) from error
    except StopIteration:
        raise InvalidScheduleError(expression, "it never fires", "Look at its day and month") from None


_TAKES = {
    "minute": "A minute is 0 to 59, a range such as 0-30, a list such as 0,30, or a step such as */30",
    "hour": "An hour is 0 to 23, a range such as 9-17, a list such as 9,17, or a step such as */6",
    "day-of-month": "A day of the month is 1 to 31, a range such as 1-7, a list such as 1,15, or *",
    "month": "A month is 1 to 12 or jan to dec, a range, a list or *",
    "day-of-week": "A day of the week is 0 to 7 or sun to sat, in three letters, a range such as mon-fri, a list or *",
}


def _is_one(expression: str) -> bool:
    from cronsim import CronSim, CronSimError

    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=timezone.utc))
    except CronSimError:
        return False
    return True


@lru_cache(maxsize=2048)
def _a_day(minute: str, hour: str) -> int:
    """Return how often it runs on a day on which it does."""
    from cronsim import CronSim

    start = datetime(2025, 12, 31, 23, 59, tzinfo=timezone.utc)
    times = CronSim(f"{minute} {hour} * * *", start)
    end = start + timedelta(minutes=1, days=1)
    return sum(1 for _ in _until(times, end))


def _until(times: Iterator[datetime], end: datetime) -> Iterator[datetime]:
    for each in times:
        if each >= end:
            return
        yield each


def times_a_day(when: When) -> int:
    """Return how often a job runs, at most, on one day."""
    return sum(_a_day(*expression.split()[:2]) for expression in when.expressions)


def instants(when: When, zone: ZoneInfo, start: datetime, count: int) -> list[datetime]:
    """
    Return the next instants under the job's own scheduler, in order.

    :param zone: the zone where the job says none itself.
    :param start: aware; the first is after it.
    """
    merged: set[datetime] = set()
    for expression in when.expressions:
        merged.update(islice(_instants(expression, when.rule, zone, start), count))
    return sorted(merged)[:count]


def between(when: When, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return the instants under the job's own scheduler, from after one instant to another, in order."""
    merged: set[datetime] = set()
    for expression in when.expressions:
        merged.update(_until(_instants(expression, when.rule, zone, start), end))
    return sorted(merged)


def _instants(expression: str, rule: Rule, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    from cronsim import CronSim

    if rule is Rule.DEBIAN:
        # Compared as in UTC: two instants of one zone are compared by what the clock on the wall shows.
        return (each.astimezone(timezone.utc) for each in CronSim(expression, start.astimezone(zone)))
    return _by_wall_clock(expression, rule, zone, start)


def _by_wall_clock(expression: str, rule: Rule, zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    """Yield the instants at which the clock on the wall shows a time of the expression, or by its rule would have."""
    from cronsim import CronSim

    wall = CronSim(expression, (start.astimezone(zone) - timedelta(hours=3)).replace(tzinfo=timezone.utc))
    for shown in wall:
        naive = shown.replace(tzinfo=None)
        first, second = (naive.replace(tzinfo=zone, fold=fold).astimezone(timezone.utc) for fold in (0, 1))
        there = first.astimezone(zone).replace(tzinfo=None) == naive
        if there:
            found = [first, second] if rule is Rule.ROBFIG and second > first else [first]
        elif rule is Rule.SYSTEMD:
            found = [_end_of_gap(first, zone)]
        else:
            found = []
        yield from (each for each in found if each > start)


def _end_of_gap(after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first instant after the hour that the clocks leave out, given one in the hour after it."""
    offset = after.astimezone(zone).utcoffset()
    early, late = after - timedelta(hours=3), after
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late.replace(microsecond=0)


def need_cronsim() -> None:
    """
    Say early when what reads schedules is not there.

    :raises MissingExtraError: so.
    """
    try:
        import cronsim  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise MissingExtraError("Reading schedules", "import") from error
