"""
Charts as SVG, and as PNG for mail.

Drawn here rather than by a plotting library, since a chart of a report needs few things and needs them
exactly: the same bytes for the same data, text in the report's locale, and no browser, fonts or second
of start-up. The renderer (resvg, in vl-convert) brings its own Liberation Sans, so that a machine
without any font draws the same picture. One module, since every kind of chart is drawn between the same axes.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.charts.scales import (
    DAY_AND_TIME,
    SLANT,
    Scale,
    band_scale,
    number_scale,
    shortened,
    text_width,
    tick_text,
    time_scale,
)
from airflow_provider_daybreak.reports.charts.scripts import with_fonts
from airflow_provider_daybreak.reports.charts.vega import coloured
from airflow_provider_daybreak.reports.document import Drawing
from airflow_provider_daybreak.reports.format import Format
from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.reports.document import Chart, Reference, Series
    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.theme import Theme

WIDTH = 600
PNG_SCALE = 2  # sharp on screens of high density
_SPARK_WIDTH, _SPARK_HEIGHT = 120, 32
_SIZE = 17  # of text: still legible where a phone shows the picture at half its width
_FONT = "Liberation Sans"
_MARGIN = 14  # of a legend
_LEGEND_LINE = 23  # pixels
_LYING_BAR, _HIGHEST = 24, 800  # pixels
_LONGEST = 100  # characters of a place, in words
_DIGITS = {"number": 3, "percent": 0, "currency": 2}  # that formats write if not told
_NOT_ON_PAPER = re.compile("<linearGradient|<radialGradient|[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_TEXT = re.compile(">([^<]*[\u0590-\u08ff\u200f][^<]*)</text>")
_MAX_POINTS = 1200  # a line has no more detail than two points a pixel


def png(chart: Chart | Drawing, language: Language, colours: Colours) -> bytes:
    """Return the chart as a PNG of twice its size in pixels, packed for speed: see :func:`smaller`."""
    import vl_convert

    picture = with_fonts(svg(chart, language, colours), language)
    return bytes(vl_convert.svg_to_png(picture, scale=PNG_SCALE))


def on_paper(
    chart: Chart | Drawing, language: Language, theme: Theme, *, font: str, text_size: int
) -> str | bytes:
    """Return the chart for a PDF: as SVG, or as PNG where WeasyPrint can't draw what is in it, and leaves it out."""
    markup = svg(chart, language, Colours.of(theme), font=font, text_size=text_size)
    return png(chart, language, Colours.of(theme)) if _NOT_ON_PAPER.search(markup) else markup


def size(chart: Chart | Drawing) -> tuple[int, int]:
    """Return the chart's width and height in CSS pixels: one whose legend takes more lines is higher than asked for."""
    if isinstance(chart, Drawing):
        return chart.width, chart.height
    if chart.kind == "sparkline":
        return _SPARK_WIDTH, _SPARK_HEIGHT
    return WIDTH, chart.height + _LEGEND_LINE * max(_legend(chart)[1] - 1, 0)


def svg(
    chart: Chart | Drawing, language: Language, colours: Colours, *, font: str = _FONT, text_size: int = _SIZE
) -> str:
    """
    Return the chart as an SVG document. Where its text begins and ends is meant from the left, whatever it stands in.

    :param text_size: of its text, at most the one that there is room for; less where it is shown wider than it is.
    """
    width, height = size(chart)
    if isinstance(chart, Drawing):
        left, top, wide, high = chart.box
        ground = f'<rect x="{left:g}" width="{wide:g}" height="{high:g}" fill="{colours.background}"/>'
        return printable(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="{left:g} {top:g} {wide:g} {high:g}" font-family="{escape(font)}" direction="ltr">'
            f"{'' if colours.see_through else ground}"
            f"{coloured(chart, colours)}</svg>"
        )
    language = _clock(chart, language)
    fill = colours.surface if chart.kind == "sparkline" else colours.background
    ground = "" if colours.see_through else f'<rect width="{width}" height="{height}" fill="{fill}"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{escape(font)}" font-size="{text_size}" direction="ltr">'
        f"{ground}"
    )
    drawing: _Sparkline | _Plot | _Lying = (
        _Lying(chart, language, colours) if chart.horizontal else _Plot(chart, language, colours)
    )
    if chart.kind == "sparkline":
        drawing = _Sparkline(chart, colours)
    body = "".join(drawing.parts())
    if language.direction == "rtl":  # each text runs its own way, while its anchor stays
        body = _TEXT.sub(">\N{RIGHT-TO-LEFT ISOLATE}\\1\N{POP DIRECTIONAL ISOLATE}</text>", body)
    return printable(head + body + "</svg>")


def alt_text(chart: Chart, language: Language) -> str:
    """Return what the chart shows, in words with its numbers: kind, span, and each series' extremes and end."""
    language = _clock(chart, language)
    kind = language.word(f"alt.{chart.kind}")
    title = f"{kind}: {chart.title}" if chart.title else kind
    filled = [one for one in chart.series if any(value is not None for value in one.values)]
    if not chart.x or not filled:
        return f"{title}, {language.word('alt.empty')}."
    format_ = _telling(chart.y_format, _y_scale(chart, chart.height, 0).ticks, language)
    span = language.word(
        "alt.span", first=_x_text(chart, chart.x[0], language), last=_x_text(chart, chart.x[-1], language)
    )
    said = [_series_text(chart, one, format_, language) for one in filled[:4]]
    if chart.kind == "sparkline":  # it has no axis, and bare numbers of its positions say nothing
        spans = [span] if not isinstance(chart.x[0], (int, float)) else []
        return f"{', '.join([title, *spans, said[0]])}."
    if len(filled) > len(said):
        said.append(language.word("alt.more_series", count=len(filled) - len(said)))
    if chart.reference is not None:
        said.append(_reference_text(chart, chart.reference, format_, language))
    return f"{title}, {span}. {'; '.join(said)}."


def _clock(chart: Chart, language: Language) -> Language:
    """Return the language by the clock of the chart's own axis."""
    zone = next((x.tzinfo for x in chart.x if isinstance(x, datetime) and x.tzinfo), None)
    return language if zone is None else language.at(zone)


def _series_text(chart: Chart, series: Series, format_: Format, language: Language) -> str:
    points = [(value, x) for value, x in zip(series.values, chart.x, strict=True) if value is not None]
    lowest, highest = min(points, key=lambda point: point[0]), max(points, key=lambda point: point[0])
    facts: dict[str, Any] = {
        "series": series.name,
        "lowest": format_.write(lowest[0], language),
        "highest": format_.write(highest[0], language),
        "last": format_.write(points[-1][0], language),
    }
    if chart.kind == "scatter":
        return language.word("alt.scatter_series", count=len(points), **facts)
    if chart.kind == "sparkline":
        return language.word("alt.sparkline_series", **facts)
    places: dict[str, Any] = {
        "lowest_at": _x_text(chart, lowest[1], language),
        "highest_at": _x_text(chart, highest[1], language),
    }
    return language.word("alt.series", **facts, **places)


def _reference_text(chart: Chart, reference: Reference, format_: Format, language: Language) -> str:
    value = MISSING if reference.value is None else format_.write(reference.value, language)
    if reference.at is None:
        return language.word("alt.reference", value=value)
    place = _x_text(chart, reference.at, language)
    return f"{reference.label or place}: {value}" + (f" ({place})" if reference.label else "")


def _x_text(chart: Chart, value: object, language: Language) -> str:
    text = chart.x_format.write(value, language) if chart.x_format else language.value(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _telling(format_: Format | None, ticks: Sequence[float], language: Language) -> Format:
    """Return the format with the digits that tell the ticks apart, if it has too few; what none tells apart is plain."""
    format_ = format_ or Format("number")
    if len(ticks) < 2:  # noqa: PLR2004 - one says no distance
        return format_
    kind, argument = format_.kind, format_.argument
    currency, digits = (argument[:1], argument[1:]) if kind == "currency" else ((), (argument,))
    written = next((one for one in digits if one is not None), _DIGITS.get(kind))
    step = Decimal(f"{ticks[1] - ticks[0]:.6g}").normalize().as_tuple()
    needed = min(-int(step.exponent) - (2 if kind == "percent" else 0), 15)
    if written is not None and needed > written:
        format_ = Format(kind, (*currency, needed) if currency else needed)
    texts = {format_.write(tick, language) for tick in ticks}
    return format_ if len(texts) == len(ticks) else Format("plain")


def _y_scale(chart: Chart, bottom: float, top: float) -> Scale:
    values = [value for one in chart.series for value in one.values if value is not None]
    if chart.kind == "stacked_bar":
        columns = [
            [value or 0 for value in column]
            for column in zip(*(one.values for one in chart.series), strict=True)
        ]
        values = [sum(v for v in column if v > 0) for column in columns]
        values += [sum(v for v in column if v < 0) for column in columns]
    if chart.reference is not None and chart.reference.value is not None:
        values.append(chart.reference.value)
    if chart.kind in ("bar", "stacked_bar", "area"):
        values.append(0)  # their areas compare only from zero
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if chart.y_format is None or chart.y_format.kind != "duration":
        return number_scale(low, high, bottom, top)
    base = next((unit for unit in (3600, 60) if high - low >= 2 * unit), 1)
    scale = number_scale(low, high, bottom, top, base=base)
    whole = tuple(tick for tick in scale.ticks if tick % 1 == 0)  # none is written with parts of a second
    return replace(scale, ticks=whole) if len(whole) > 1 else scale


def _legend(chart: Chart) -> tuple[list[tuple[float, float, str]], int]:
    """Return where each series' name stands, and the number of lines that they take."""
    if len(chart.series) < 2:  # noqa: PLR2004 - the chart's title says it
        return [], 0
    entries: list[tuple[float, float, str]] = []
    x, line = float(_MARGIN), 0
    for one in chart.series:
        text = shortened(one.name, _SIZE, 0.6 * WIDTH - 3 * _MARGIN)
        end = x + 17 + text_width(text, _SIZE)
        if end > WIDTH - _MARGIN:
            end, x, line = _MARGIN + end - x, _MARGIN, line + 1
        entries.append((x, 8 + line * _LEGEND_LINE, text))
        x = end + 16
    return entries, line + 1


class _Plot:
    """A chart with axes."""

    def __init__(self, chart: Chart, language: Language, colours: Any) -> None:
        self.chart, self.language, self.colours = chart, language, colours
        self.legend, lines = _legend(chart)
        self.top = 14 + (24 if lines else 0) + _LEGEND_LINE * max(lines - 1, 0)
        self.left, self.right = 0, WIDTH - 2
        self.bottom = size(chart)[1] - 36
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
        self.y = _y_scale(self.chart, self.bottom, self.top)
        self.y_format = _telling(self.chart.y_format, self.y.ticks, self.language)
        self.y_texts = [self.y_format.write(tick, self.language) for tick in self.y.ticks]
        if self.y_format.kind == "duration":  # no hours are no "0 sec"
            self.y_texts = [
                text if tick else self.language.number(0)
                for tick, text in zip(self.y.ticks, self.y_texts, strict=True)
            ]
        widest = max((text_width(text, _SIZE) for text in self.y_texts), default=0)
        self.left = max(self.left, 10 + math.ceil(widest))
        self.x = self._x_scale()

    def _x_scale(self) -> Scale:
        chart, language = self.chart, self.language
        if chart.kind in ("bar", "stacked_bar") or any(isinstance(x, str) for x in chart.x):
            texts = [_x_text(chart, x, language) for x in chart.x]
            if chart.x_format is None and chart.x and isinstance(chart.x[0], date):
                whole = all(not isinstance(x, datetime) for x in chart.x)
                texts = [tick_text(x, "MMMd" if whole else DAY_AND_TIME, language) for x in chart.x]
            names = any(isinstance(x, str) for x in chart.x)
            depth = 0.4 * (chart.height - 72)
            return band_scale(texts, self.left, self.right, _SIZE, names=names, depth=depth)
        if chart.x and isinstance(chart.x[0], date):
            return time_scale(chart.x, self.left, self.right, _SIZE, language, chart.x_format)
        span = (min(chart.x), max(chart.x)) if chart.x else (0.0, 1.0)
        pad = (span[1] - span[0]) * 0.03 if chart.kind == "scatter" else 0
        scale = number_scale(span[0] - pad, span[1] + pad, self.left, self.right, fit=False)
        whole = all(isinstance(x, int) for x in chart.x[:1])
        ticks = [int(tick) if whole and tick % 1 == 0 else tick for tick in scale.ticks]
        format_ = _telling(chart.x_format or (Format("text") if whole else None), ticks, language)
        return scale.with_texts(tuple(format_.write(tick, language) for tick in ticks))

    def parts(self) -> Iterator[str]:
        if self.chart.kind == "area":
            yield from self._areas()
        yield from self._grid()
        draw = {"bar": self._bars, "stacked_bar": self._stacks, "scatter": self._points}
        yield from draw.get(self.chart.kind, self._lines)()
        yield from self._reference()
        yield from _names(self.legend, self.colours)

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
            half = max(text_width(line, _SIZE) for line in lines) / 2
            x = min(max(x, half + 2), WIDTH - half - 2)
            if x - half < taken:  # clocks that go forward bring ticks together, and the edges move texts
                continue
            taken = x + half
            for number, line in enumerate(lines):
                yield (
                    f'<text x="{x:.1f}" y="{self.bottom + 23 + number * 18}" text-anchor="middle" '
                    f'fill="{colours.text}">{escape(line)}</text>'
                )

    @cached_property
    def _curves(self) -> list[tuple[int, list[tuple[float, float]], str]]:
        """The points of each line and its path, with the index of its series: a gap in the values ends a line."""
        curves = []
        for index, one in enumerate(self.chart.series):
            for run in _runs(self.places, one.values):
                points = _thinned([(self.x.at(x), self.y.at(value)) for x, value in run])
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
        anchor, baseline = self._free_spot(y, text_width(label, _SIZE))
        x = self.right if anchor == "end" else self.left + 4
        text = f'<text x="{x}" y="{baseline:.1f}" text-anchor="{anchor}"'
        yield f'<path d="M{self.left} {y:.1f}H{self.right}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'
        yield from self._label(text, label)

    def _mark(self, reference: Reference) -> Iterator[str]:
        """Draw a place of the axis: a line down to it, a dot at its value, and its label beside the dot."""
        place = self.chart.x.index(reference.at) if self.x.band else reference.at
        x, colour = self.x.at(place), self.colours.reference
        top = self.top if reference.value is None else self.y.at(reference.value)
        label = reference.label or _x_text(self.chart, reference.at, self.language)
        width = text_width(label, _SIZE)
        if not self.left <= x <= self.right:
            return
        yield f'<path d="M{x:.1f} {top:.1f}V{self.bottom}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'
        if reference.value is not None:
            yield f'<circle cx="{x:.1f}" cy="{top:.1f}" r="4.5" fill="{colour}"/>'
        spots = [("start", x + 8), ("end", x - 8), ("middle", x)]
        half = {"start": (0.0, width), "end": (width, 0.0), "middle": (width / 2, width / 2)}
        baselines = (self.bottom - 8, max(top - 10, self.top + _SIZE - 4))
        for anchor, at in spots:
            before, after = half[anchor]
            if at - before >= self.left and at + after <= self.right:
                break
        baseline = baselines[0] if self.bottom - top > 2 * _SIZE else baselines[1]
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


def _names(legend: list[tuple[float, float, str]], colours: Colours) -> Iterator[str]:
    """Yield the series' names with their colours."""
    for index, (x, y, text) in enumerate(legend):
        yield (
            f'<rect x="{x:.1f}" y="{y}" width="11" height="11" rx="2" {colours.ink(index)}/>'
            f'<text x="{x + 17:.1f}" y="{y + 12}" fill="{colours.text}">{escape(text)}</text>'
        )


def lying(chart: Chart, language: Language, *, horizontal: bool | None = None) -> Chart:
    """
    Return the chart with its bars lying beside their names where that was asked for, or where the names would be slanted.

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
        horizontal = bars and height <= _HIGHEST and _Plot(chart, _clock(chart, language), None).x.slanted
    return replace(chart, horizontal=True, height=max(height, chart.height)) if horizontal else chart


class _Lying:
    """A chart whose bars lie beside their names, which have more room there than below."""

    def __init__(self, chart: Chart, language: Language, colours: Colours) -> None:
        self.chart, self.language, self.colours = chart, language, colours
        self.legend, lines = _legend(chart)
        self.top = 8 + (24 if lines else 0) + _LEGEND_LINE * max(lines - 1, 0)
        self.bottom = size(chart)[1] - 36
        names = (" ".join(_x_text(chart, x, language).split()) for x in chart.x)
        self.names = [shortened(name, _SIZE, 0.42 * WIDTH) for name in names]
        self.left = 10 + math.ceil(max((text_width(name, _SIZE) for name in self.names), default=0))
        self.band = (self.bottom - self.top) / max(len(self.names), 1)
        self.right = WIDTH - 20
        self._scale()
        self.right = WIDTH - 2 - math.ceil(text_width(self.texts[-1], _SIZE) / 2)
        self._scale()

    def _scale(self) -> None:
        self.values = _y_scale(self.chart, self.left, self.right)
        self.format = _telling(self.chart.y_format, self.values.ticks, self.language)
        self.texts = [self.format.write(tick, self.language) for tick in self.values.ticks]

    def parts(self) -> Iterator[str]:
        yield from self._grid()
        yield from self._bars()
        yield from self._reference()
        yield from _names(self.legend, self.colours)

    def _grid(self) -> Iterator[str]:
        colours = self.colours
        gap = (self.right - self.left) / max(len(self.texts) - 1, 1)
        every = max(math.ceil((max(text_width(text, _SIZE) for text in self.texts) + 10) / gap), 1)
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
        end = x + 4 + text_width(label, _SIZE) > WIDTH
        text = f'<text x="{x - 4 if end else x + 4:.1f}" y="{self.top + 12}" text-anchor="{"end" if end else "start"}"'
        yield (
            f'<path d="M{x:.1f} {self.top}V{self.bottom}" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>'
            f'{text} fill="{colour}">{escape(label)}</text>'
        )


class _Sparkline:
    """A line without axes, its last point marked."""

    def __init__(self, chart: Chart, colours: Colours) -> None:
        self.chart, self.colours = chart, colours

    def parts(self) -> Iterator[str]:
        values = self.chart.series[0].values if self.chart.series else ()
        known = [value for value in values if value is not None]
        if not known:
            return
        scale = Scale(min(known), max(known), _SPARK_HEIGHT - 5, 5)
        step = (_SPARK_WIDTH - 10) / max(len(values) - 1, 1)
        colour = self.colours.series_at(0)
        positions = [5 + index * step for index in range(len(values))]
        last = (0.0, 0.0)
        for run in _runs(positions, values):
            points = _thinned([(x, scale.at(value)) for x, value in run])
            line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'
            last = points[-1]
        yield f'<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="3" fill="{colour}"/>'


def _meet(left: float, baseline: float, width: float, a: tuple[float, float], b: tuple[float, float]) -> bool:
    """Return whether the line from a to b, b further right, touches a text that begins at left."""
    (x1, y1), (x2, y2) = a, b
    start, end = max(x1, left - 4), min(x2, left + width)
    if start > end or x1 == x2:
        return False
    low, high = sorted(y1 + (x - x1) / (x2 - x1) * (y2 - y1) for x in (start, end))
    return low < baseline + 5 and high > baseline - 13


def _runs(x: Sequence[Any], values: Sequence[float | None]) -> Iterator[list[tuple[Any, float]]]:
    """Yield the stretches without a missing value."""
    run: list[tuple[Any, float]] = []
    for place, value in zip(x, values, strict=True):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most some points of a line, the extremes of each stretch among them."""
    if len(points) <= _MAX_POINTS:
        return points
    stretch = math.ceil(len(points) / (_MAX_POINTS // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        lowest, highest = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept.extend(sorted({lowest, highest}))
    return kept
