"""Whether two texts say the same: word by word, with dates, times and numbers compared as what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Literal

from airflow_provider_daybreak.exceptions import InvalidValueError

Verdict = Literal["same", "close", "different"]
RANK: dict[str, int] = {"same": 0, "close": 1, "different": 2}

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier",
            "feb february februar fév février",
            "mar march mär märz mars",
            "apr april avr avril",
            "may mai",
            "jun june juni juin",
            "jul july juli juillet",
            "aug august août",
            "sep sept september septembre",
            "oct october okt oktober octobre",
            "nov november novembre",
            "dec december dez dezember déc décembre",
        ),
        1,
    )
    for name in names.split()
}
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
_TOKEN = re.compile(
    rf"(?P<iso>\d{{4}}-\d{{2}}-\d{{2}}(?:[T ]{_CLOCK})?)"
    r"|(?P<dotted>\d{1,2}\.\d{1,2}\.\d{4})"
    r"|(?P<slashed>\d{1,2}/\d{1,2}/\d{4})"
    rf"|(?P<day>\d{{1,2}})\.? (?P<month>{_NAMES})\b\.?,? (?P<year>\d{{4}})"
    rf"|(?P<month2>{_NAMES})\b\.? (?P<day2>\d{{1,2}}),? (?P<year2>\d{{4}})"
    rf"|(?P<clock>{_CLOCK})"
    r"|(?P<number>[-+\u2212]?\d+(?:[.,'\u00a0\u202f]\d+)*)"
    r"|(?P<word>[^\W\d]+)|(?P<sign>\S)",
    re.IGNORECASE,
)
_THOUSANDS = 3
_DAY = 24 * 60
_CONTEXT = 4  # words around a difference


@dataclass(frozen=True)
class Tolerance:
    """
    How far apart two texts may be.

    :param share: what share of a number it may differ by.
    :param amount: by how much a number may differ.
    :param minutes: by how much a date or a time of day may.
    """

    share: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    minutes: float = 60

    @classmethod
    def of(cls, numbers: str, minutes: float) -> Tolerance:
        """
        Return what a command line says.

        :param numbers: such as ``1%`` or ``0.5``; none when empty.
        :raises InvalidValueError: it is neither.
        """
        try:
            value = Decimal(numbers.rstrip("% ") or 0)
        except InvalidOperation:
            value = Decimal(-1)
        if not value.is_finite() or value < 0:
            raise InvalidValueError("--numbers", numbers, "a share such as 1%, or an amount such as 0.5")
        if not minutes >= 0:
            raise InvalidValueError("--minutes", minutes, "minutes, 0 or more")
        if numbers.rstrip().endswith("%"):
            return cls(share=value / 100, minutes=minutes)
        return cls(amount=value, minutes=minutes)

    def holds(self, before: Decimal, after: Decimal) -> bool:
        """Return whether two numbers are close enough."""
        apart = abs(before - after)
        return apart <= self.amount or apart <= self.share * max(abs(before), abs(after))


@dataclass(frozen=True)
class Difference:
    """The first place where two texts differ, with some words around it; ``verdict`` is that of the whole texts."""

    verdict: Verdict
    before: str = ""
    after: str = ""


def compare(before: str, after: str, tolerance: Tolerance) -> Difference:
    """Return how two texts stand to each other. White space doesn't count."""
    old, new = list(_TOKEN.finditer(before)), list(_TOKEN.finditer(after))
    verdict: Verdict = "same"
    first = -1
    for index, (one, other) in enumerate(zip(old, new, strict=False)):
        if one[0] == other[0]:
            continue
        if not _close(one, other, tolerance):
            return Difference("different", _around(before, old, index), _around(after, new, index))
        verdict, first = "close", index if first < 0 else first
    if len(old) != len(new):
        index = min(len(old), len(new))
        return Difference("different", _around(before, old, index), _around(after, new, index))
    if first >= 0:
        return Difference(verdict, _around(before, old, first), _around(after, new, first))
    return Difference(verdict)


def plain(text: str) -> str:
    """Return a text without what changes from day to day: its words alone, in lower case."""
    found = (match for match in _TOKEN.finditer(text) if match["word"])
    return " ".join(match[0].lower() for match in found)


def _around(text: str, tokens: list[re.Match[str]], index: int) -> str:
    if index >= len(tokens):
        return "(nothing more)"
    first, last = tokens[max(0, index - _CONTEXT)], tokens[min(len(tokens) - 1, index + _CONTEXT)]
    return " ".join(text[first.start() : last.end()].split())


def _close(one: re.Match[str], other: re.Match[str], tolerance: Tolerance) -> bool:
    """Return whether two words that aren't the same are dates, times or numbers that are close enough."""
    if one["number"] and other["number"]:
        return tolerance.holds(_number(one[0]), _number(other[0]))
    if one["clock"] and other["clock"]:
        apart = abs(_minutes(one[0]) - _minutes(other[0]))
        return min(apart, _DAY - apart) <= tolerance.minutes
    before, after = _instant(one), _instant(other)
    if before is None or after is None:
        return False
    return abs((before - after).total_seconds()) / 60 <= tolerance.minutes


def _number(text: str) -> Decimal:
    """Return a number, whichever of the usual ways it is written in."""
    text = re.sub("['\u00a0\u202f]", "", text.replace("\u2212", "-"))
    marks = re.findall(r"[.,]", text)
    if len(marks) > 1 and len(set(marks)) == 1:
        return Decimal(re.sub(r"[.,]", "", text))
    if marks:
        whole, mark, rest = text.rpartition(marks[-1])
        grouped = mark == "," and len(rest) == _THOUSANDS and len(marks) == 1
        whole = re.sub(r"[.,]", "", whole)
        return Decimal(f"{whole}{rest}" if grouped else f"{whole}.{rest}")
    return Decimal(text)


def _minutes(text: str) -> float:
    hours, minutes, *seconds = text.replace(",", ".").split(":")
    return int(hours) * 60 + int(minutes) + (float(seconds[0]) / 60 if seconds else 0)


def _instant(match: re.Match[str]) -> datetime | None:
    """Return the day that a word says, with its time of day; None where it is none."""
    try:
        if match["iso"]:
            day, clock = match["iso"][:10], match["iso"][11:]
            at = datetime.combine(datetime.fromisoformat(day), time())
            return datetime.fromtimestamp(at.timestamp() + _minutes(clock) * 60) if clock else at  # noqa: DTZ006 - both sides alike
        if match["dotted"]:
            return datetime.strptime(match["dotted"], "%d.%m.%Y")  # noqa: DTZ007 - both sides alike
        if match["slashed"]:
            return datetime.strptime(match["slashed"], "%d/%m/%Y")  # noqa: DTZ007 - both sides alike
        month = match["month"] or match["month2"]
        if month:
            day_, year = match["day"] or match["day2"], match["year"] or match["year2"]
            return datetime(int(year), _MONTHS[month.lower()], int(day_))  # noqa: DTZ001 - both sides alike
    except ValueError:
        return None
    return None
