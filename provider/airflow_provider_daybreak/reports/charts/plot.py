"""Charts between two axes: lines, areas, bars that stand, and points."""

from __future__ import annotations

import math
from datetime import date, datetime
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.reports.charts.axes import place_text, telling, value_scale
from airflow_provider_daybreak.reports.charts.lines import runs, thinned
from airflow_provider_daybreak.reports.charts.measures import LETTERS, WIDTH
from airflow_provider_daybreak.reports.charts.scales import (
    DAY_AND_TIME,
    SLANT,
    Scale,
    band_scale,
    number_scale,
    text_width,
    tick_text,
    time_scale,
)
from airflow_provider_daybreak.reports.format import Format

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.reports.charts.legend import Legend
    from airflow_provider_daybreak.reports.document import Chart, Reference
    from airflow_provider_daybreak.reports.language import Language


class Plot:
    """A chart with axes."""

    def __init__(self, chart: Chart, language: Language, colours: Any, legend: Legend) -> None:
        self.chart, self.language, self.colours = chart, language, colours
        self.legend = legend
        self.top = 14 + legend.height
        self.left, self.right = 0, WIDTH - 2
        self.bottom = chart.height + legend.further - 36
        self._scale()
        if self.x.slanted:  # the first name begins far to the left of its tick
            self.left = max(self.left, 70)
            self._scale()
        if self.x.depth:
            self.bottom -= math.ceil(self.x.depth)
            self._scale()
        # Categories stand at their positions, anything else at its value.
        self.places: Sequence[Any] = range(len(chart.x)) if self.x.band else chart.x

    def _scale(self) -> None:
        self.y = value_scale(self.chart, self.bottom, self.top)
        self.y_format = telling(self.chart.y_format, self.y.ticks, self.language)
        self.y_texts = [self.y_format.write(tick, self.language) for tick in self.y.ticks]
        if self.y_format.kind == "duration":  # no hours are no "0 sec"
            self.y_texts = [
                text if tick else self.language.number(0)
                for tick, text in zip(self.y.ticks, self.y_texts, strict=True)
            ]
        widest = max((text_width(text, LETTERS) for text in self.y_texts), default=0)
        self.left = max(self.left, 10 + math.ceil(widest))
        self.x = self._x_scale()

    def _x_scale(self) -> Scale:
        chart, language = self.chart, self.language
        if chart.kind in ("bar", "stacked_bar") or any(isinstance(x, str) for x in chart.x):
            texts = [place_text(chart, x, language) for x in chart.x]
            if chart.x_format is None and chart.x and isinstance(chart.x[0], date):
                whole = all(not isinstance(x, datetime) for x in chart.x)
                texts = [tick_text(x, "MMMd" if whole else DAY_AND_TIME, language) for x in chart.x]
            names = any(isinstance(x, str) for x in chart.x)
            depth = 0.4 * (chart.height - 72)
            return band_scale(texts, self.left, self.right, LETTERS, names=names, depth=depth)
        if chart.x and isinstance(chart.x[0], date):
            return time_scale(chart.x, self.left, self.right, LETTERS, language, chart.x_format)
        span = (min(chart.x), max(chart.x)) if chart.x else (0.0, 1.0)
        pad = (span[1] - span[0]) * 0.03 if chart.kind == "scatter" else 0
        scale = number_scale(span[0] - pad, span[1] + pad, self.left, self.right, fit=False)
        whole = all(isinstance(x, int) for x in chart.x[:1])
        ticks = [int(tick) if whole and tick % 1 == 0 else tick for tick in scale.ticks]
        format_ = telling(chart.x_format or (Format("text") if whole else None), ticks, language)
        return scale.with_texts(tuple(format_.write(tick, language) for tick in ticks))

    def parts(self) -> Iterator[str]:
        """Yield it as SVG."""
        if self.chart.kind == "area":
            yield from self._areas()
        yield from self._grid()
        draw = {"bar": self._bars, "stacked_bar": self._stacks, "scatter": self._points}
        yield from draw.get(self.chart.kind, self._lines)()
        yield from self._reference()
        yield from self.legend.parts(self.colours)

    def _grid(self) -> Iterator[str]:
        colours = self.colours
        for tick, text in zip(self.y.ticks, self.y_texts, strict=True):
            y = self.y.at(tick)
            heavy = tick == 0
            yield (
                f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="{colours.text if heavy else colours.rule}" '
                f'stroke-width="1"/>'
                f'<text x="{self.left - 8}" y="{y + 6:.1f}" text-anchor="end" fill="{colours.text}">{escape(text)}</text>'
            )
        taken = 0.0
        for tick, text in zip(self.x.ticks, self.x.texts, strict=True):
            x = self.x.at(tick)
            yield f'<path d="M{x:.1f} {self.bottom}v4" stroke="{colours.text}"/>'
            if self.x.slanted:
                yield (
                    f'<text transform="translate({x + 4:.1f} {self.bottom + 15}) rotate(-{SLANT})" '
                    f'text-anchor="end" fill="{colours.text}">{escape(text)}</text>'
                )
                continue
            lines = text.split("\n")
            half = max(text_width(line, LETTERS) for line in lines) / 2
            x = min(max(x, half + 2), WIDTH - half - 2)
            if x - half < taken:  # clocks that go forward bring ticks together, and the edges move texts
                continue
            taken = x + half
            for number, line in enumerate(lines):
                yield (
                    f'<text x="{x:.1f}" y="{self.bottom + 23 + number * 19}" text-anchor="middle" '
                    f'fill="{colours.text}">{escape(line)}</text>'
                )

    @cached_property
    def _curves(self) -> list[tuple[int, list[tuple[float, float]], str]]:
        """The points of each line and its path, with the index of its series: a gap in the values ends a line."""
        curves = []
        for index, one in enumerate(self.chart.series):
            for run in runs(self.places, one.values):
                points = thinned([(self.x.at(x), self.y.at(value)) for x, value in run])
                curves.append((index, points, "L".join(f"{x:.1f} {y:.1f}" for x, y in points)))
        return curves

    def _areas(self) -> Iterator[str]:
        base = self.y.at(0)
        for index, points, line in self._curves:
            fill = self.colours.faint(index, alone=len(self.chart.series) == 1)
            yield f'<path d="M{points[0][0]:.1f} {base:.1f}L{line}L{points[-1][0]:.1f} {base:.1f}Z" {fill}/>'

    def _lines(self) -> Iterator[str]:
        for index, points, line in self._curves:
            if len(points) == 1:
                (x, y), ink = points[0], self.colours.ink(index)
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" {ink}/>'
            else:
                yield (
                    f'<path d="M{line}" fill="none" {self.colours.ink(index, "stroke")} stroke-width="2" '
                    'stroke-linejoin="round" stroke-linecap="round"/>'
                )

    def _bars(self) -> Iterator[str]:
        count = max(len(self.chart.series), 1)
        band = self.x.band * 0.72
        width = band / count
        for index, one in enumerate(self.chart.series):
            ink = self.colours.ink(index)
            for position, value in enumerate(one.values):
                if value is not None:
                    left = self.x.at(position) - band / 2 + index * width
                    yield self._bar(left, width - (1 if count > 1 and width > 3 else 0), 0, value, ink)  # noqa: PLR2004 - pixels, of which one is the gap

    def _stacks(self) -> Iterator[str]:
        width = self.x.band * 0.72
        for position in range(len(self.chart.x)):
            up = down = 0.0
            for index, one in enumerate(self.chart.series):
                value = one.values[position]
                if not value:
                    continue
                start = up if value > 0 else down
                yield self._bar(
                    self.x.at(position) - width / 2, width, start, start + value, self.colours.ink(index)
                )
                if value > 0:
                    up += value
                else:
                    down += value

    def _bar(self, left: float, width: float, start: float, end: float, ink: str) -> str:
        y1, y2 = sorted((self.y.at(start), self.y.at(end)))
        return f'<rect x="{left:.1f}" y="{y1:.1f}" width="{max(width, 0.5):.1f}" height="{y2 - y1:.1f}" {ink}/>'

    def _points(self) -> Iterator[str]:
        for index, one in enumerate(self.chart.series):
            places = {
                (round(self.x.at(x)), round(self.y.at(value))): None
                for x, value in zip(self.places, one.values, strict=True)
                if value is not None
            }
            radius = 3.5 if len(places) <= 400 else 2  # noqa: PLR2004 - a crowd is read by its density
            marks = "".join(
                f"M{x - radius} {y}a{radius} {radius} 0 1 0 {2 * radius} 0a{radius} {radius} 0 1 0 -{2 * radius} 0"
                for x, y in places
            )
            faint = "" if self.colours.see_through else ' fill-opacity="0.6"'
            yield f'<path d="{marks}" {self.colours.ink(index)}{faint}/>'

    def _reference(self) -> Iterator[str]:
        reference = self.chart.reference
        if reference is None:
            return
        if reference.at is not None:
            yield from self._mark(reference)
            return
        value = reference.value or 0.0
        y = self.y.at(value)
        colour = self.colours.reference
        label = reference.label or self.y_format.write(value, self.language)
        anchor, baseline = self._free_spot(y, text_width(label, LETTERS))
        x = self.right if anchor == "end" else self.left + 4
        text = f'<text x="{x}" y="{baseline:.1f}" text-anchor="{anchor}"'
        yield f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'
        yield from self._label(text, label)

    def _mark(self, reference: Reference) -> Iterator[str]:
        """Draw a place of the axis: a line down to it, a dot at its value, and its label beside the dot."""
        place = self.chart.x.index(reference.at) if self.x.band else reference.at
        x, colour = self.x.at(place), self.colours.reference
        top = self.top if reference.value is None else self.y.at(reference.value)
        label = reference.label or place_text(self.chart, reference.at, self.language)
        width = text_width(label, LETTERS)
        if not self.left <= x <= self.right:
            return
        yield f'<path d="M{x:.1f} {top:.1f}V{self.bottom}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'
        if reference.value is not None:
            yield f'<circle cx="{x:.1f}" cy="{top:.1f}" r="4.5" fill="{colour}"/>'
        spots = [("start", x + 8), ("end", x - 8), ("middle", x)]
        half = {"start": (0.0, width), "end": (width, 0.0), "middle": (width / 2, width / 2)}
        baselines = (self.bottom - 8, max(top - 10, self.top + LETTERS - 4))
        for anchor, at in spots:
            before, after = half[anchor]
            if at - before >= self.left and at + after <= self.right:
                break
        baseline = baselines[0] if self.bottom - top > 2 * LETTERS else baselines[1]
        text = f'<text x="{at:.1f}" y="{baseline:.1f}" text-anchor="{anchor}"'
        yield from self._label(text, label)

    def _label(self, text: str, label: str) -> Iterator[str]:
        """Write a reference's label, on what lies under it."""
        colour = self.colours.reference
        if not self.colours.see_through:
            # Twice, since not every renderer can paint the halo first (paint-order).
            yield (
                f'{text} fill="{colour}" stroke="{self.colours.background}" stroke-width="4" stroke-linejoin="round" '
                f'aria-hidden="true">{escape(label)}</text>'
            )
        yield f'{text} fill="{colour}">{escape(label)}</text>'

    def _free_spot(self, y: float, width: float) -> tuple[str, float]:
        """Return the anchor and baseline of a label of that width at an end of the line at y: off the curves if it can be."""
        baselines = [y - 6] if y - 24 > self.top - 6 else []
        baselines += [y + 15] if y + 20 < self.bottom or not baselines else []
        begins = {"end": self.right - width, "start": self.left + 4.0}
        curves = self._curves if self.chart.kind in ("line", "area") else []
        segments = [pair for _, points, _ in curves for pair in pairwise(points)]
        spots = [(anchor, baseline) for anchor in begins for baseline in baselines]
        for anchor, baseline in spots:
            if not any(_meet(begins[anchor], baseline, width, *pair) for pair in segments):
                return anchor, baseline
        return spots[0]


def _meet(left: float, baseline: float, width: float, a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Return whether the line from a to b, b further right, touches a text that begins at left."""
    (x1, y1), (x2, y2) = a, b
    start, end = max(x1, left - 4), min(x2, left + width)
    if start > end or x1 == x2:
        return False
    low, high = sorted(y1 + (x - x1) / (x2 - x1) * (y2 - y1) for x in (start, end))
    return low < baseline + 5 and high > baseline - 13
