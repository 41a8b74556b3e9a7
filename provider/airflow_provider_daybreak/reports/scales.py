"""Where values stand on a chart's axes, and at which of them its ticks are."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.reports.language import Language

_DAY = 86_400
TIME, DAY_AND_TIME = "time", "day and time"
# Ticks of a time axis: seconds between them, months of the longer ones, how they are written, and how many
# pixels such a text takes with its margin.
_TIME_STEPS: tuple[tuple[int, int, str, int], ...] = (
    (60, 0, TIME, 66),
    (300, 0, TIME, 66),
    (900, 0, TIME, 66),
    (1800, 0, TIME, 66),
    (3600, 0, TIME, 66),
    (3 * 3600, 0, TIME, 66),
    (6 * 3600, 0, TIME, 66),
    (12 * 3600, 0, DAY_AND_TIME, 120),
    (_DAY, 0, "MMMd", 58),
    (2 * _DAY, 0, "MMMd", 58),
    (7 * _DAY, 0, "MMMd", 58),
    (14 * _DAY, 0, "MMMd", 58),
    (30 * _DAY, 1, "MMM", 40),
    (91 * _DAY, 3, "yMMM", 78),
    (365 * _DAY, 12, "y", 46),
    (2 * 365 * _DAY, 24, "y", 46),
    (5 * 365 * _DAY, 60, "y", 46),
    (10 * 365 * _DAY, 120, "y", 46),
    (50 * 365 * _DAY, 600, "y", 46),
)
_SPARE = 0.88
"""How much of a band a name takes: a reader's font may be wider than the one that texts are measured by."""
_NAME = 44  # pixels, less than which a name is no longer one
_NARROW, _WIDE = frozenset("iljtfrI.,:;'|!()[] \u00a0\u202f"), frozenset("mwMW%@")


@dataclass(frozen=True)
class Scale:
    """
    A map from values to pixels.

    :param low: value at ``start``.
    :param high: value at ``end``.
    :param ticks: values that the axis names.
    :param texts: what is written at each.
    :param band: pixels of one category, where values are categories' positions.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[Any, ...] = ()
    texts: tuple[str, ...] = ()
    band: float = 0.0

    def at(self, value: Any) -> float:
        """Return the pixel of the value."""
        number = seconds(value) if isinstance(value, date) else float(value)
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (number - self.low) / (self.high - self.low) * (self.end - self.start)

    def with_texts(self, texts: tuple[str, ...]) -> Scale:
        """Return this scale with those texts at its ticks."""
        return replace(self, texts=texts)


def number_scale(
    low: float, high: float, start: float, end: float, *, base: float = 1, fit: bool = True
) -> Scale:
    """
    Return a scale with ticks at round numbers.

    :param base: the unit that ticks are round in: 3600 for durations in seconds.
    :param fit: whether the scale is widened to begin and end at a tick.
    """
    low, high = low / base, high / base
    if high - low <= abs(low) * 1e-9:
        low, high = (low - 1, high + 1) if low else (0.0, 1.0)
    step = _round_step((high - low) / max(abs(end - start) / (48 if fit else 90), 2))
    first, last = math.floor(low / step), math.ceil(high / step)
    if not fit:
        first, last = math.ceil(low / step), math.floor(high / step)
    ticks = tuple(_clean(index * step) * base for index in range(first, last + 1))
    if fit:
        low, high = ticks[0] / base, ticks[-1] / base
    return Scale(low * base, high * base, start, end, ticks)


def band_scale(
    texts: Sequence[str], start: float, end: float, font_size: float, *, names: bool = False
) -> Scale:
    """
    Return a scale of categories, whose values are their positions; it names as many as there is room for.

    :param names: whether the texts are names, of which each is needed: long ones take two lines, the rest of
        them is cut.
    """
    count = max(len(texts), 1)
    band = (end - start) / count
    if names and band >= _NAME:
        texts = [_on_two_lines(text, font_size, band * _SPARE - 6) for text in texts]
    widest = max((text_width(line, font_size) for text in texts for line in text.split("\n")), default=0)
    every = max(math.ceil((widest + 6) / band), 1)
    ticks = tuple(range(0, len(texts), every))
    return Scale(-0.5, count - 0.5, start, end, ticks, tuple(texts[tick] for tick in ticks), band)


def time_scale(values: Sequence[date], start: float, end: float, language: Language) -> Scale:
    """Return a scale of dates or datetimes, with ticks at whole units of time of the values' own zone."""
    low, high = min(values), max(values)
    span = seconds(high) - seconds(low)
    steps = [step for step in _TIME_STEPS if isinstance(low, datetime) or step[0] >= _DAY]
    width = max(end - start, 1)
    length, months, skeleton, _ = next((step for step in steps if span / step[0] <= width / step[3]), steps[-1])
    ticks = _month_ticks(low, high, months) if months else _even_ticks(low, high, length)
    years = skeleton == "MMM" and low.year != high.year
    texts = tuple(tick_text(tick, "y" if years and tick.month == 1 else skeleton, language) for tick in ticks)
    return Scale(seconds(low), seconds(high), start, end, ticks, texts)


def tick_text(tick: date, skeleton: str, language: Language) -> str:
    """
    Return what is written at a tick of a time axis.

    :param skeleton: of the CLDR, or ``TIME``, or ``DAY_AND_TIME``.
    """
    if skeleton == TIME:
        return language.time(tick)
    if skeleton == DAY_AND_TIME:
        return f"{language.moment(tick, 'MMMd')} {language.time(tick)}"
    return language.moment(tick, skeleton)


def seconds(moment: date) -> float:
    """Return a date's or datetime's place on a time axis; naive ones are taken as UTC."""
    if not isinstance(moment, datetime):
        return (moment.toordinal() - 719_163) * float(_DAY)
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def text_width(text: str, font_size: float) -> float:
    """Return about how wide the text is in Liberation Sans, in pixels."""
    units = 0.0
    for character in text:
        if character in _NARROW:
            units += 0.3
        elif character in _WIDE:
            units += 0.88
        elif ord(character) > 0x2E80:  # noqa: PLR2004 - ideographs and emoji are square
            units += 1.0
        else:
            units += 0.68 if character.isupper() else 0.556
    return units * font_size


def _round_step(least: float) -> float:
    """Return the smallest of 1, 2, 2.5, 5 times a power of ten that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= least * 0.999)


def _clean(value: float) -> float:
    return float(f"{value:.12g}")


def _even_ticks(low: date, high: date, length: int) -> tuple[date, ...]:
    first = low
    if isinstance(low, datetime):
        first = low.replace(hour=0, minute=0, second=0, microsecond=0)
    if length in (7 * _DAY, 14 * _DAY) and first.toordinal() > first.weekday():
        first -= timedelta(days=first.weekday())
    if length < _DAY:
        first += timedelta(seconds=(seconds(low) - seconds(first)) // length * length)
    count = int((seconds(high) - seconds(first)) // length)
    ticks: list[date] = []
    with suppress(OverflowError):  # at the calendar's end
        ticks.extend(first + timedelta(seconds=index * length) for index in range(count + 1))
    return tuple(tick for tick in ticks if low <= tick <= high)


def _month_ticks(low: date, high: date, months: int) -> tuple[date, ...]:
    index = (low.year * 12 + low.month - 1) // months * months
    ticks = []
    while index // 12 <= high.year:
        year, month = divmod(index, 12)
        if year < date.min.year:
            index += months
            continue
        tick: date = date(year, month + 1, 1)
        if isinstance(low, datetime):
            tick = datetime(year, month + 1, 1, tzinfo=low.tzinfo)
        if low <= tick <= high:
            ticks.append(tick)
        index += months
    return tuple(ticks)


def _on_two_lines(text: str, font_size: float, width: float) -> str:
    """Return the text broken between words where one line has no room for it."""
    if text_width(text, font_size) <= width:
        return text
    words = text.split()
    first = words[0]
    rest = words[1:]
    while rest and text_width(f"{first} {rest[0]}", font_size) <= width:
        first = f"{first} {rest.pop(0)}"
    lines = [first, " ".join(rest)] if rest else [first]
    return "\n".join(
        line if text_width(line, font_size) <= width else _shortened(line, font_size, width) for line in lines
    )


def _shortened(text: str, font_size: float, width: float) -> str:
    while len(text) > 1 and text_width(text + "…", font_size) > width:
        text = text[:-1]
    return text + "…"
