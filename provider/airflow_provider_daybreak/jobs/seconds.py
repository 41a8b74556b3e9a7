"""Schedules that begin with seconds, or end with years, as cron's five fields: ofelia's, Azure's NCRONTAB, and Amazon's."""

from __future__ import annotations

import re

from airflow_provider_daybreak.exceptions import InvalidScheduleError

_WITH_SECONDS = 6
_LAST_DAY = 7  # Amazon counts the days of a week from 1, Sunday


def without_seconds(expression: str) -> str:
    """
    Return five fields for six that begin with seconds; five as they are.

    :raises InvalidScheduleError: it names seconds other than 0.
    """
    fields = expression.split()
    if len(fields) != _WITH_SECONDS:
        return expression
    if fields[0] not in ("0", "00"):
        raise InvalidScheduleError(expression, "it names seconds, which no report needs", "Write 0 for them")
    return " ".join(fields[1:])


def of_amazon(said: str) -> str:
    """
    Return five fields for an expression of EventBridge: ``cron(0 9 ? * MON-FRI *)``.

    :raises InvalidScheduleError: it is a rate, or names a year, or is none.
    """
    match = re.fullmatch(r"\s*(?P<kind>cron|rate|at)\((?P<said>.*)\)\s*", said)
    if match is None:
        raise InvalidScheduleError(
            said, "it is no expression of EventBridge", "Write it as cron(0 9 ? * MON-FRI *)"
        )
    if match["kind"] != "cron":
        problem = (
            "it has no time of day, but counts from when it was made"
            if match["kind"] == "rate"
            else "it comes once"
        )
        raise InvalidScheduleError(said, problem, "Give it a time of day, as cron(0 9 * * ? *)")
    fields = match["said"].split()
    if len(fields) != _WITH_SECONDS:
        raise InvalidScheduleError(
            said, f"it has {len(fields)} fields", "Give minute, hour, day, month, weekday and year"
        )
    if fields[5] != "*":
        raise InvalidScheduleError(said, "it names a year", "Write * for it, or leave it where it is")
    minute, hour, day, month, weekday = fields[:5]
    if re.search(r"\d", weekday):
        weekday = re.sub(
            r"\d+", lambda number: str((int(number[0]) - 1) % _LAST_DAY), weekday.partition("#")[0]
        ) + (f"#{weekday.partition('#')[2]}" if "#" in weekday else "")
    return " ".join([minute, hour, "*" if day == "?" else day, month, "*" if weekday == "?" else weekday])
