"""One HTML file for browsers: nothing beside it, light and dark, and good on paper."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import PageTooLargeError
from airflow_provider_daybreak.reports.charts import drawing
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.formats.body import Attributes, Body, in_pieces, period_line
from airflow_provider_daybreak.reports.formats.footer import footer_html
from airflow_provider_daybreak.reports.formats.styles import stylesheet, theme_values
from airflow_provider_daybreak.reports.picture import smaller
from airflow_provider_daybreak.reports.placeholders import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.reports.document import Chart, Document, Drawing
    from airflow_provider_daybreak.reports.theme import Theme

FILE_NAME = "page.html"

MAX_BYTES = 20 * 1024 * 1024
"""Of a page, or of what a PDF is made of: with charts in it, which are drawn where they stand."""
_CHART_TEXT = 12  # charts are a quarter wider here than in a mail
_ATTRIBUTES = Attributes(
    align=("style", "text-align:{}"),
    whole=' data-whole=""',
)
# Of the dark mode; what a theme says of colours is meant for the light one.
_DARK = {
    "text": "#e6eaf0",
    "muted": "#a3aebd",
    "background": "#161b22",
    "surface": "#1f2630",
    "rule": "#3a4452",
    "success": "#5fcf8e",
    "warning": "#f0b35a",
    "danger": "#ff8a80",
}


def render(document: Document, theme: Theme, files: Mapping[str, str]) -> Iterator[RenderedFile]:
    """
    Yield the page.

    :param files: by table, the name of the file that has all of its rows.
    :raises PageTooLargeError: no browser would like to read it.
    """
    colours = Colours(
        text="var(--muted)",
        rule="var(--rule)",
        background="var(--background)",
        surface="var(--surface)",
        reference="var(--danger)",
        series=tuple(f"var(--series-{index})" for index in range(len(theme.palette))),
    )
    text = html(
        document,
        theme,
        files,
        colours=colours,
        css=_variables(theme) + stylesheet("page", {"edge": "4px solid"}, document.language.direction),
    )
    yield RenderedFile(FILE_NAME, "text/html", text.encode())


def html(
    document: Document,
    theme: Theme,
    files: Mapping[str, str],
    *,
    colours: Colours,
    css: str,
    paper: bool = False,
) -> str:
    """
    Return a self-contained HTML document.

    :param colours: what charts are drawn with.
    :param css: its stylesheet.
    :param paper: whether it is for paper, which doesn't scroll.
    :raises PageTooLargeError: no browser would like to read it.
    """
    language = document.language

    def picture(chart: Chart | Drawing) -> str:
        mark = "spark" if chart.kind == "sparkline" else "chart"
        if paper:
            markup = drawing.on_paper(chart, language, theme, font=theme.font, text_size=_CHART_TEXT)
            if isinstance(markup, bytes):
                data = base64.b64encode(smaller(markup)).decode()
                return f'<img class="{mark}" src="data:image/png;base64,{data}" alt="{escape(chart.alt)}">'
        else:
            markup = drawing.svg(chart, language, colours, font=theme.font, text_size=_CHART_TEXT)
            markup = markup.replace(
                f' font-size="{_CHART_TEXT}px"', ' font-size="var(--letters)"'
            )  # a drawing's
        label = f'<svg role="img" aria-label="{escape(chart.alt)}" class="{mark}" '
        return markup.replace("<svg ", label, 1)

    logo = ""
    if theme.logo is not None:
        media_type, content = theme.logo
        data = base64.b64encode(content).decode()
        logo = f'<img class="logo" src="data:{media_type};base64,{data}" alt="{escape(theme.logo_alt)}">'
    foot = footer_html(document, theme)
    footer = f"<footer>{foot}</footer>" if foot else ""
    body = Body(document, picture, _ATTRIBUTES, files=files, paper=paper).html()
    inside = (
        f"{logo}<h1>{escape(document.title)}</h1>"
        f'<p class="period">{escape(period_line(document))}</p>'
        f"{body}{footer}"
    )
    page = printable(
        "<!doctype html>\n"
        f'<html lang="{language.tag}" dir="{language.direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(document.title)}</title><style>{css}</style></head>"
        f"<body><main>{in_pieces(inside) if paper else inside}</main></body></html>\n"
    )
    if (size := len(page.encode())) > MAX_BYTES:
        raise PageTooLargeError(document.report, size, MAX_BYTES)
    return page


def _variables(theme: Theme) -> str:
    """Return the theme as variables of CSS, for both modes."""
    light = theme_values(theme)
    font = light.pop("font")
    light |= {f"series-{index}": colour for index, colour in enumerate(theme.palette)}
    dark = {
        **_DARK,
        "info": _lighter(theme.accent),
        **{f"series-{index}": _lighter(colour) for index, colour in enumerate(theme.palette)},
    }
    return (
        f":root{{color-scheme:light dark;--font:{font};--letters:{_CHART_TEXT}px;{_declared(light)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_declared(dark)}}}}}"
    )


def _declared(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def _lighter(colour: str) -> str:
    """Return the colour moved towards white, so that it is read on a dark ground."""
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (255 - channel) * 0.42):02x}" for channel in channels)
