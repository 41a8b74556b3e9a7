"""Where values stand on a chart's axes, and at which of them its ticks are."""

from __future__ import annotations

import math
from bisect import bisect
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.reports.format import Format
    from airflow_provider_daybreak.reports.language import Language

_DAY = 86_400
_YEAR = 365 * _DAY
SECONDS, TIME, DAY_AND_TIME = "seconds", "time", "day and time"
# Ticks of a time axis: seconds between them, months of the longer ones, and how they are written.
_TIME_STEPS: tuple[tuple[int, int, str], ...] = (
    *((seconds, 0, SECONDS) for seconds in (1, 5, 15, 30)),
    *((60 * minutes, 0, TIME) for minutes in (1, 5, 15, 30, 60, 180, 360)),
    (12 * 3600, 0, DAY_AND_TIME),
    *((_DAY * days, 0, "MMMd") for days in (1, 2, 7, 14)),
    (30 * _DAY, 1, "MMM"),
    *((months * 91 * _DAY // 3, months, "MMM") for months in (2, 3)),
    (182 * _DAY, 6, "yMMM"),
    *((_YEAR * years, 12 * years, "y") for years in (1, 2, 5, 10, 50, 100, 500, 1000)),
)
_WIDEST = 1.13
"""How much wider than Liberation Sans the fonts are that a reader may have; DejaVu Sans is that wide."""
_GAP = 12  # pixels between texts of an axis
_READABLE = 80  # pixels, in which a name is known by its beginning
_LONGEST = 200  # characters of a name that are looked at
_NOTHING = 1e-100  # what no axis tells from zero
SLANT = 40
"""Degrees that names rise by where they have no room side by side."""
_SINE, _COSINE = math.sin(math.radians(SLANT)), math.cos(math.radians(SLANT))
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
    :param depth: pixels that the texts take below their first line.
    :param slanted: whether they rise towards their ticks.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[Any, ...] = ()
    texts: tuple[str, ...] = ()
    band: float = 0.0
    depth: float = 0.0
    slanted: bool = False

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
    size = max(abs(low), abs(high))
    if high - low <= max(size * 1e-9, _NOTHING):
        if not fit:
            return Scale(low * base, low * base, start, end, (low * base,))
        low, high = sorted((0.0, 2 * high)) if size > _NOTHING else (0.0, 1.0)
    step = _round_step((high - low) / max(abs(end - start) / (48 if fit else 90), 2))
    first, last = math.floor(low / step), math.ceil(high / step)
    if not fit:
        first, last = math.ceil(low / step), math.floor(high / step)
    ticks = tuple(_clean(index * step) * base for index in range(first, last + 1))
    if fit:
        low, high = ticks[0] / base, ticks[-1] / base
    return Scale(low * base, high * base, start, end, ticks)


def band_scale(
    texts: Sequence[str], start: float, end: float, font_size: float, *, names: bool = False, depth: float = 0
) -> Scale:
    """
    Return a scale of categories, whose values are their positions; it names as many as there is room for.

    :param names: whether the texts are names, of which each is needed: those without room on a line take two,
        or are slanted where that would leave too little of them.
    :param depth: pixels that texts may take below their first line.
    """
    count = max(len(texts), 1)
    band = (end - start) / count
    texts = [" ".join(text[:_LONGEST].split()) for text in texts]
    widest = max((text_width(text, font_size) for text in texts), default=0)
    every = max(math.ceil((widest + 6) / band), 1)
    scale = Scale(-0.5, count - 0.5, start, end, band=band)
    if names and every > 1:
        lines = [_on_two_lines(text, font_size, band - 6) for text in texts]
        slanted = math.ceil((font_size + 1) / (band * _SINE))
        whole = all(line.replace("\n", " ") == text for line, text in zip(lines, texts, strict=True))
        if whole or band - 6 >= _READABLE:
            texts, every, scale = lines, 1, replace(scale, depth=18)
        elif slanted < every:
            every = slanted
            rooms = (min((depth + 16) / _SINE, (scale.at(at) - 2) / _COSINE) for at in range(count))
            texts = [shortened(text, font_size, room) for text, room in zip(texts, rooms, strict=True)]
            longest = max(text_width(text, font_size) for text in texts[::every])
            scale = replace(scale, depth=longest * _SINE - 16, slanted=True)
    ticks = tuple(range(0, len(texts), every))
    return replace(scale, ticks=ticks, texts=tuple(texts[tick] for tick in ticks))


def time_scale(
    values: Sequence[date],
    start: float,
    end: float,
    font_size: float,
    language: Language,
    format_: Format | None,
) -> Scale:
    """
    Return a scale of dates or datetimes, with ticks at whole units of time of the values' own zone.

    :param values: in their order.
    :param format_: how ticks are written; as suits the unit when None.
    """
    low, high = values[0], values[-1]
    span = seconds(high) - seconds(low)
    steps = [step for step in _TIME_STEPS if isinstance(low, datetime) or step[0] >= _DAY]
    length, months, skeleton = next(
        (
            (length, months, skeleton)
            for length, months, skeleton in steps
            if span * (_widest(format_ or skeleton, language) * font_size + _GAP) <= length * (end - start)
        ),
        steps[-1],
    )
    ticks = _month_ticks(low, high, months) if months else _even_ticks(low, high, length)
    if isinstance(low, datetime) and (not ticks or not span):
        ticks, skeleton = (low,), DAY_AND_TIME
    years = skeleton == "MMM" and low.year != high.year
    texts = (
        _written(tick, format_ or ("y" if years and tick.month == 1 else skeleton), language) for tick in ticks
    )
    return Scale(seconds(low), seconds(high), start, end, ticks, tuple(texts))


def _written(tick: date, form: Format | str, language: Language) -> str:
    return tick_text(tick, form, language) if isinstance(form, str) else form.write(tick, language)


@lru_cache(maxsize=64)
def _widest(form: Format | str, language: Language) -> float:
    """Return how wide such a text is at most, for a font of one pixel."""
    late = (datetime(2026, month, 28, 22, 58, 58, tzinfo=timezone.utc) for month in range(1, 13))
    return max(text_width(_written(moment, form, language), 1) for moment in late)


def tick_text(tick: date, skeleton: str, language: Language) -> str:
    """
    Return what is written at a tick of a time axis.

    :param skeleton: of the CLDR, or ``SECONDS``, ``TIME`` or ``DAY_AND_TIME``.
    """
    if skeleton == SECONDS:
        return language.time(tick, "medium")
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
    """Return about how wide the text is, in pixels, in the widest of the fonts that a reader may have."""
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
    return units * font_size * _WIDEST


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
    begin = seconds(first)
    passed, count = (int((seconds(end) - begin) // length) for end in (low, high))
    ticks: list[date] = []
    with suppress(OverflowError, ValueError):  # at the calendar's ends
        if isinstance(low, datetime) and length <= 3600:  # noqa: PLR2004 - by instants, since clocks skip or repeat an hour
            ticks.extend(_moment(begin + index * length, low) for index in range(passed, count + 2))
        else:
            ticks.extend(first + timedelta(seconds=index * length) for index in range(passed, count + 2))
    return tuple(tick for tick in ticks if seconds(low) <= seconds(tick) <= seconds(high))


def _moment(instant: float, like: datetime) -> datetime:
    return datetime.fromtimestamp(instant, like.tzinfo or timezone.utc).replace(tzinfo=like.tzinfo)


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
        if seconds(low) <= seconds(tick) <= seconds(high):
            ticks.append(tick)
        index += months
    return tuple(ticks)


def _on_two_lines(text: str, font_size: float, width: float) -> str:
    """Return the text broken between words where one line has no room for it."""
    if text_width(text, font_size) <= width:
        return text
    first, *rest = text.split() or [""]
    while rest and text_width(f"{first} {rest[0]}", font_size) <= width:
        first = f"{first} {rest.pop(0)}"
    lines = [first, " ".join(rest)] if rest else [first]
    return "\n".join(shortened(line, font_size, width) for line in lines)


def shortened(text: str, font_size: float, width: float) -> str:
    """Return the text, or as much of its beginning as the width has room for."""
    if text_width(text, font_size) <= width:
        return text
    ends = list(accumulate(text_width(character, font_size) for character in text[:_LONGEST]))
    return text[: max(bisect(ends, width - text_width("…", font_size)), 1)].rstrip() + "…"
