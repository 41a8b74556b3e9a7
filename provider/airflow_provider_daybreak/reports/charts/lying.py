"""Charts whose bars lie beside their names, and when they do."""

from __future__ import annotations

import math
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.charts.axes import by_clock, place_text, telling, value_scale
from airflow_provider_daybreak.reports.charts.legend import Legend
from airflow_provider_daybreak.reports.charts.measures import LETTERS, WIDTH
from airflow_provider_daybreak.reports.charts.plot import Plot
from airflow_provider_daybreak.reports.charts.scales import shortened, text_width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.reports.charts.colours import Colours
    from airflow_provider_daybreak.reports.document import Chart
    from airflow_provider_daybreak.reports.language import Language

_LYING_BAR, _HIGHEST = 24, 800  # pixels


def lying(chart: Chart, language: Language, *, horizontal: bool | None = None) -> Chart:
    """
    Return the chart with its bars lying beside their names where that was asked for, or the names have no room below.

    :param horizontal: whether that was asked for; None leaves it to what has room.
    :raises InvalidValueError: it has no bars, or too many for one page.
    """
    bars = chart.kind in ("bar", "stacked_bar")
    if horizontal and not bars:
        raise InvalidValueError("kind of a horizontal chart", chart.kind, "bar or stacked_bar")
    side_by_side = len(chart.series) if chart.kind == "bar" else 1
    height = 64 + len(chart.x) * max(_LYING_BAR, 10 * side_by_side + 6)
    if horizontal and height > _HIGHEST:
        expected = f"what has room on {_HIGHEST} pixels: fewer of them, or horizontal=False"
        raise InvalidValueError("number of bars of a horizontal chart", len(chart.x) * side_by_side, expected)
    if horizontal is None:
        standing = (
            Plot(chart, by_clock(chart, language), None, Legend()) if bars and height <= _HIGHEST else None
        )
        horizontal = standing is not None and (standing.x.slanted or _cuts(standing, language))
    return replace(chart, horizontal=True, height=max(height, chart.height)) if horizontal else chart


def _cuts(standing: Plot, language: Language) -> bool:
    """Return whether a name has no room below its bar; a date may leave out what the others say."""
    names = {" ".join(place_text(standing.chart, x, language).split()) for x in standing.chart.x}
    return any("…" in text and text.replace("\n", " ") not in names for text in standing.x.texts)


class Lying:
    """A chart whose bars lie beside their names, which have more room there than below."""

    def __init__(self, chart: Chart, language: Language, colours: Colours, legend: Legend) -> None:
        self.chart, self.language, self.colours = chart, language, colours
        self.legend = legend
        self.top = 8 + legend.height
        self.bottom = chart.height + legend.further - 36
        names = (" ".join(place_text(chart, x, language).split()) for x in chart.x)
        self.names = [shortened(name, LETTERS, 0.42 * WIDTH) for name in names]
        self.left = 10 + math.ceil(max((text_width(name, LETTERS) for name in self.names), default=0))
        self.band = (self.bottom - self.top) / max(len(self.names), 1)
        self.right = WIDTH - 20
        self._scale()
        self.right = WIDTH - 2 - math.ceil(text_width(self.texts[-1], LETTERS) / 2)
        self._scale()

    def _scale(self) -> None:
        self.values = value_scale(self.chart, self.left, self.right)
        self.format = telling(self.chart.y_format, self.values.ticks, self.language)
        self.texts = [self.format.write(tick, self.language) for tick in self.values.ticks]

    def parts(self) -> Iterator[str]:
        """Yield it as SVG."""
        yield from self._grid()
        yield from self._bars()
        yield from self._reference()
        yield from self.legend.parts(self.colours)

    def _grid(self) -> Iterator[str]:
        colours = self.colours
        gap = (self.right - self.left) / max(len(self.texts) - 1, 1)
        every = max(math.ceil((max(text_width(text, LETTERS) for text in self.texts) + 10) / gap), 1)
        for index, (tick, text) in enumerate(zip(self.values.ticks, self.texts, strict=True)):
            x = self.values.at(tick)
            colour = colours.text if tick == 0 else colours.rule
            yield f'<path d="M{x:.1f} {self.top}V{self.bottom}" stroke="{colour}" stroke-width="1"/>'
            if index % every == 0:
                yield (
                    f'<text x="{x:.1f}" y="{self.bottom + 21}" text-anchor="middle" fill="{colours.text}">'
                    f"{escape(text)}</text>"
                )
        for at, name in enumerate(self.names):
            y = self.top + (at + 0.5) * self.band
            yield (
                f'<text x="{self.left - 6}" y="{y + 5:.1f}" text-anchor="end" fill="{colours.text}">'
                f"{escape(name)}</text>"
            )

    def _bars(self) -> Iterator[str]:
        stacked = self.chart.kind == "stacked_bar"
        band = self.band * 0.72
        high = band / (1 if stacked else max(len(self.chart.series), 1))
        for at in range(len(self.chart.x)):
            top = self.top + (at + 0.5) * self.band - band / 2
            up = down = 0.0
            for index, one in enumerate(self.chart.series):
                value = one.values[at]
                if value is None:
                    continue
                start = 0.0 if not stacked else up if value > 0 else down
                left, right = sorted((self.values.at(start), self.values.at(start + value)))
                y = top if stacked else top + index * high
                yield (
                    f'<rect x="{left:.1f}" y="{y:.1f}" width="{right - left:.1f}" height="{max(high - 1, 0.5):.1f}" '
                    f"{self.colours.ink(index)}/>"
                )
                up, down = (start + value, down) if value > 0 else (up, start + value)

    def _reference(self) -> Iterator[str]:
        reference = self.chart.reference
        if reference is None:
            return
        x, colour = self.values.at(reference.value), self.colours.reference
        label = reference.label or self.format.write(reference.value, self.language)
        end = x + 4 + text_width(label, LETTERS) > WIDTH
        text = f'<text x="{x - 4 if end else x + 4:.1f}" y="{self.top + 12}" text-anchor="{"end" if end else "start"}"'
        yield (
            f'<path d="M{x:.1f} {self.top}V{self.bottom}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'
            f'{text} fill="{colour}">{escape(label)}</text>'
        )
