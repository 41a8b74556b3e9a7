"""
Charts as SVG, and as PNG for mail.

Drawn here rather than by a plotting library, since a chart of a report needs few things and needs them
exactly: the same bytes for the same data, text in the report's locale, and no browser, fonts or second
of start-up. The renderer (resvg, in vl-convert) brings its own Liberation Sans, so that a machine
without any font draws the same picture.
"""

from __future__ import annotations

import re
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.charts.axes import by_clock
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.charts.legend import Legend
from airflow_provider_daybreak.reports.charts.lines import Sparkline
from airflow_provider_daybreak.reports.charts.lying import Lying
from airflow_provider_daybreak.reports.charts.measures import LETTERS, SPARK_HEIGHT, SPARK_WIDTH, WIDTH
from airflow_provider_daybreak.reports.charts.plot import Plot
from airflow_provider_daybreak.reports.charts.scripts import with_fonts
from airflow_provider_daybreak.reports.charts.vega import coloured
from airflow_provider_daybreak.reports.document import Drawing
from airflow_provider_daybreak.reports.fonts import missing_of, say_missing
from airflow_provider_daybreak.reports.placeholders import printable

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.document import Chart
    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.theme import Theme

PNG_SCALE = 2  # sharp on screens of high density
_FONT = "Liberation Sans"
_NOT_ON_PAPER = re.compile("<linearGradient|<radialGradient|[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_TEXT = re.compile(">([^<]*[\u0590-\u08ff\u200f][^<]*)</text>")
_SAID = re.compile(">([^<]+)</t")
_LETTERS = re.compile(r' font-size="([\d.]+)px"')


def png(chart: Chart | Drawing, language: Language, colours: Colours, *, text_size: int = LETTERS) -> bytes:
    """
    Return the chart as a PNG of twice its size in pixels, packed for speed: see :func:`smaller`.

    :param text_size: as of :func:`svg`.
    """
    import vl_convert

    picture = with_fonts(svg(chart, language, colours, text_size=text_size), language)
    say_missing(f"The picture {chart.name!r}", missing_of(_SAID.findall(picture)))
    return bytes(vl_convert.svg_to_png(picture, scale=PNG_SCALE))


def on_paper(
    chart: Chart | Drawing, language: Language, theme: Theme, *, font: str, text_size: int
) -> str | bytes:
    """Return the chart for a PDF: as SVG, or as PNG where WeasyPrint can't draw what is in it, and leaves it out."""
    colours = Colours.of(theme)
    markup = svg(chart, language, colours, font=font, text_size=text_size)
    return png(chart, language, colours, text_size=text_size) if _NOT_ON_PAPER.search(markup) else markup


def size(chart: Chart | Drawing) -> tuple[int, int]:
    """Return the chart's width and height in CSS pixels: one whose legend takes more lines is higher than asked for."""
    return _size(chart, Legend() if isinstance(chart, Drawing) else Legend.of(chart.series))


def _size(chart: Chart | Drawing, legend: Legend) -> tuple[int, int]:
    if isinstance(chart, Drawing):
        return chart.width, chart.height
    if chart.kind == "sparkline":
        return SPARK_WIDTH, SPARK_HEIGHT
    return WIDTH, chart.height + legend.further


def svg(
    chart: Chart | Drawing, language: Language, colours: Colours, *, font: str = _FONT, text_size: int = LETTERS
) -> str:
    """
    Return the chart as an SVG document. Where its text begins and ends is meant from the left, whatever it stands in.

    :param text_size: of its text, at most the one that there is room for; less where it is shown wider than it is.
    """
    legend = Legend() if isinstance(chart, Drawing) else Legend.of(chart.series)
    width, height = _size(chart, legend)
    if isinstance(chart, Drawing):
        left, top, wide, high = chart.box
        ground = f'<rect x="{left:g}" width="{wide:g}" height="{high:g}" fill="{colours.background}"/>'
        return printable(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="{left:g} {top:g} {wide:g} {high:g}" font-family="{escape(font)}" direction="ltr">'
            f"{'' if colours.see_through else ground}"
            f"{_LETTERS.sub(partial(_sized, share=text_size / LETTERS), coloured(chart, colours))}</svg>"
        )
    language = by_clock(chart, language)
    fill = colours.surface if chart.kind == "sparkline" else colours.background
    ground = "" if colours.see_through else f'<rect width="{width}" height="{height}" fill="{fill}"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{escape(font)}" font-size="{text_size}" direction="ltr">'
        f"{ground}"
    )
    drawing: Sparkline | Plot | Lying
    if chart.kind == "sparkline":
        drawing = Sparkline(chart, colours)
    else:
        drawing = (Lying if chart.horizontal else Plot)(chart, language, colours, legend)
    body = "".join(drawing.parts())
    if language.direction == "rtl":  # each text runs its own way, while its anchor stays
        body = _TEXT.sub(">\N{RIGHT-TO-LEFT ISOLATE}\\1\N{POP DIRECTIONAL ISOLATE}</text>", body)
    return printable(head + body + "</svg>")


def _sized(letters: re.Match[str], *, share: float) -> str:
    return f' font-size="{float(letters[1]) * share:g}px"'
