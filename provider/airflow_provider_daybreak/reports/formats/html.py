"""HTML for mail: layout by tables, CSS inlined, charts as pictures beside it, small enough not to be clipped."""

from __future__ import annotations

import binascii
import re
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ReportTooLargeError
from airflow_provider_daybreak.reports.charts import drawing
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.formats.body import Attributes, Body, period_line, preheader
from airflow_provider_daybreak.reports.formats.footer import footer_html
from airflow_provider_daybreak.reports.formats.styles import stylesheet, theme_values
from airflow_provider_daybreak.reports.picture import smaller
from airflow_provider_daybreak.reports.placeholders import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.reports.document import Chart, Document, Drawing
    from airflow_provider_daybreak.reports.theme import Theme

FILE_NAME = "report.html"
MAX_BYTES = 90_000
"""Gmail clips a mail near 102 kB of HTML; its own footer needs the rest."""
MAX_SENT = 102_000
"""What it may have as it is sent, where letters beyond ASCII take more room."""

_WIDTH = 632  # pixels, as the stylesheet has them
# Word, which draws the mails of Outlook on Windows, knows no greatest width: there a table of that width is around.
_WORD_OPENS = (
    f'<!--[if mso]><table role="presentation" width="{_WIDTH}" align="center" cellspacing="0" cellpadding="0" border="0">'
    "<tr><td><![endif]-->"
)
_WORD_CLOSES = "<!--[if mso]></td></tr></table><![endif]-->"
_ATTRIBUTES = Attributes(
    align=("align", "{}"),
    whole=" nowrap",
    table={"width": "100%", "cellspacing": "0", "cellpadding": "0", "border": "0"},
    tiles=True,
    narrow=52,  # of a phone
)
_FILLER = "\u034f\u00a0" * 60  # keeps mail programs from showing what comes next, which nobody wrote for there
_LOGO = "charts/theme.logo.png"  # no chart has it: their names have no dot
# In a tag: there alone a ">" comes before the next "<", since those of text are written as entities.
_CLASS = re.compile(r' class="[^"]*"(?=[^<>]*>)')


def render(document: Document, theme: Theme, files: Mapping[str, str]) -> Iterator[RenderedFile]:
    """
    Yield the HTML file and the charts it shows, as ``charts/<name>.png``.

    :param files: by table, the name of the file that has all of its rows.
    :raises ReportTooLargeError: without any row of a table it is still too large.
    """
    yield RenderedFile(FILE_NAME, "text/html", _fitting(document, theme, files).encode())
    colours = Colours.for_mail(theme)
    charts = {chart.name: chart for chart in document.charts}  # one that stands twice is one file
    pictures = [drawing.png(chart, document.language, colours) for chart in charts.values()]
    pack = partial(smaller, see_through=colours.see_through)
    # All at once: drawing keeps the interpreter's lock, and packing beside it would mostly wait for that.
    with ThreadPoolExecutor(2, thread_name_prefix="daybreak-picture") as pool:
        for name, content in zip(charts, pool.map(pack, pictures), strict=True):
            yield RenderedFile(f"charts/{name}.png", "image/png", content)
    if theme.logo is not None:
        yield RenderedFile(_LOGO, *theme.logo)


def _fitting(document: Document, theme: Theme, files: Mapping[str, str]) -> str:
    """Return the HTML, with the longest table cut in half until it fits."""
    shown = {table.name: min(table.limit, len(table.rows)) for table in document.tables}
    while True:
        text = _html(document, theme, Body(document, _picture, _ATTRIBUTES, shown, files))
        data = text.encode()
        if len(data) <= MAX_BYTES and _sent(data) <= MAX_SENT:
            return text
        longest = max(shown, key=shown.__getitem__, default="")
        if not shown.get(longest):
            size, most = (len(data), MAX_BYTES) if len(data) > MAX_BYTES else (_sent(data), MAX_SENT)
            raise ReportTooLargeError(document.report, size, most)
        shown[longest] //= 2


def _sent(data: bytes) -> int:
    """Return how many bytes a text has in the shorter of the two encodings of mail (RFC 2045 §6.7, §6.8)."""
    return min(len(binascii.b2a_qp(data)), len(data) * 4 // 3 * 78 // 76)


def _picture(chart: Chart | Drawing) -> str:
    width, height = drawing.size(chart)
    style = "" if chart.kind == "sparkline" else ' class="chart"'
    return f'<img src="charts/{chart.name}.png" width="{width}" height="{height}" alt="{escape(chart.alt)}"{style} border="0">'


def _html(document: Document, theme: Theme, body: Body) -> str:
    language = document.language
    before = preheader(document)
    hidden = f'<div class="preheader">{escape(before)}{_FILLER}</div>' if before else ""
    logo = ""
    if theme.logo is not None:
        logo = f'<img src="{_LOGO}" height="32" alt="{escape(theme.logo_alt)}" border="0"><br>'
    foot = footer_html(document, theme)
    footer = f'<p class="footer">{foot}</p>' if foot else ""
    html = (
        "<!doctype html>\n"
        f'<html lang="{language.tag}" dir="{language.direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light"><meta name="supported-color-schemes" content="light">'
        f"<title>{escape(document.title)}</title></head>"
        f"<body>{hidden}"
        '<div role="main"><table role="presentation" class="outer" width="100%" cellspacing="0" cellpadding="0" border="0"><tr>'
        '<td align="center" class="around">'
        f'{_WORD_OPENS}<table role="presentation" class="inner" width="100%" cellspacing="0" '
        f'cellpadding="0" border="0"><tr><td class="main">{logo}'
        f'<h1>{escape(document.title)}</h1><p class="period">{escape(period_line(document))}</p>'
        f"{body.html()}{footer}</td></tr></table>{_WORD_CLOSES}</td></tr></table></div></body></html>\n"
    )
    return _CLASS.sub(
        "",
        _inliner(stylesheet("mail", {**theme_values(theme), "edge": "4px solid"}, language.direction)).inline(
            printable(html)
        ),
    )


@lru_cache(maxsize=8)
def _inliner(css: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - css-inline has no types
    import css_inline

    # The default fetches stylesheets that the HTML links to, from anywhere.
    return css_inline.CSSInliner(extra_css=css, load_remote_stylesheets=False, keep_style_tags=False)
