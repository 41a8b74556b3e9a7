"""One HTML file for browsers: nothing beside it, light and dark, and good on paper."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.charts import drawing
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.formats.body import Attributes, Body
from airflow_provider_daybreak.reports.placeholders import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.reports.document import Chart, Document
    from airflow_provider_daybreak.reports.theme import Theme

FILE_NAME = "page.html"

_CHART_TEXT = 12  # charts are a quarter wider here than in a mail
_ATTRIBUTES = Attributes(
    align=("style", "text-align:{}"),
    whole=' data-whole=""',
    scroll=' tabindex="0" role="group"',  # so that it scrolls without a mouse
)
_TONES = ("info", "success", "warning", "danger")
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
    """
    colours = drawing.Colours(
        text="var(--muted)",
        rule="var(--rule)",
        background="var(--background)",
        surface="var(--surface)",
        reference="var(--danger)",
        series=tuple(f"var(--series-{index})" for index in range(len(theme.palette))),
    )
    text = html(document, theme, files, colours=colours, css=_variables(theme) + _RULES)
    yield RenderedFile(FILE_NAME, "text/html", text.encode())


def html(
    document: Document, theme: Theme, files: Mapping[str, str], *, colours: drawing.Colours, css: str
) -> str:
    """
    Return a self-contained HTML document.

    :param colours: what charts are drawn with.
    :param css: its stylesheet.
    """
    language = document.language

    def picture(chart: Chart) -> str:
        markup = drawing.svg(chart, language, colours, font=theme.font, text_size=_CHART_TEXT)
        mark = "spark" if chart.kind == "sparkline" else "chart"
        label = f'<svg role="img" aria-label="{escape(chart.alt)}" class="{mark}" '
        return markup.replace("<svg ", label, 1)

    logo = ""
    if theme.logo is not None:
        media_type, content = theme.logo
        data = base64.b64encode(content).decode()
        logo = f'<img class="logo" src="data:{media_type};base64,{data}" alt="{escape(theme.logo_alt)}">'
    footer = f"<footer>{escape(theme.footer)}</footer>" if theme.footer else ""
    body = Body(document, picture, _ATTRIBUTES, files=files).html()
    return printable(
        "<!doctype html>\n"
        f'<html lang="{language.tag}" dir="{language.direction}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(document.title)}</title><style>{css}</style></head>"
        f"<body><main>{logo}<h1>{escape(document.title)}</h1>"
        f'<p class="period">{escape(language.period(document.period))} · {escape(document.period.timezone)}</p>'
        f"{body}{footer}</main></body></html>\n"
    )


def _variables(theme: Theme) -> str:
    """Return the theme as variables of CSS, for both modes."""
    light = {
        "text": theme.text,
        "muted": theme.muted,
        "background": theme.background,
        "surface": theme.surface,
        "rule": theme.rule,
        "info": theme.accent,
        "success": theme.success,
        "warning": theme.warning,
        "danger": theme.danger,
        **{f"series-{index}": colour for index, colour in enumerate(theme.palette)},
    }
    dark = {
        **_DARK,
        "info": _lighter(theme.accent),
        **{f"series-{index}": _lighter(colour) for index, colour in enumerate(theme.palette)},
    }
    return (
        f":root{{color-scheme:light dark;--font:{theme.font};{_declared(light)}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_declared(dark)}}}}}"
    )


def _declared(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())


def _lighter(colour: str) -> str:
    """Return the colour moved towards white, so that it is read on a dark ground."""
    channels = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(channel + (255 - channel) * 0.42):02x}" for channel in channels)


_RULES = (
    "*{box-sizing:border-box}body{margin:0;background:var(--surface);color:var(--text);font:16px/1.55 var(--font)}"
    "main{max-width:860px;margin:24px auto;padding:36px 40px;background:var(--background);border-top:4px solid var(--info);"
    "border-radius:0 0 8px 8px}"
    "h1{margin:0;font-size:30px;line-height:1.2}h2{margin:40px 0 10px;font-size:21px;line-height:1.3}"
    "h3{margin:28px 0 8px;font-size:17px}p{margin:0 0 14px}ul,ol{margin:0 0 14px;padding-left:26px}"
    ".period{margin:6px 0 24px;color:var(--muted);font-size:14px}a{color:var(--info)}"
    "hr{border:0;border-top:1px solid var(--rule);margin:28px 0}"
    "blockquote{margin:0 0 14px;padding-left:16px;border-left:3px solid var(--rule);color:var(--muted)}"
    "code,pre{font:14px/1.5 Consolas,Menlo,monospace;background:var(--surface)}pre{padding:12px;overflow:auto}"
    ".logo{display:block;height:36px;margin:0 0 14px}.caption{margin:24px 0 6px;font-weight:600;font-size:14px}"
    ".scroll{overflow-x:auto;margin:0 0 6px}table{width:100%;border-collapse:collapse;font-size:14px;font-variant-numeric:tabular-nums}"
    "th{padding:8px 10px;border-bottom:2px solid var(--rule);color:var(--muted);vertical-align:bottom}"
    "td[data-whole]{white-space:nowrap}td{padding:7px 10px;border-bottom:1px solid var(--rule)}tbody tr:hover td{background:var(--surface)}"
    ".dense{font-size:13px}.dense th,.dense td{padding:7px 5px}"
    "tfoot td{font-weight:700;border-top:2px solid var(--rule);border-bottom:0}"
    ".more{margin:6px 0 14px;font-size:13px;color:var(--muted)}"
    ".metrics{display:grid;grid-template-columns:repeat(auto-fit,minmax(165px,1fr));gap:12px;margin:0 0 18px}"
    ".metric{padding:14px 16px;background:var(--surface);border-radius:8px;overflow-wrap:anywhere}.label{font-size:13px;color:var(--muted)}"
    ".value{font-size:22px;line-height:1.3;font-weight:700}.long .value{font-size:18px;line-height:1.6}.unit{font-size:14px;font-weight:400;color:var(--muted)}"
    ".change{font-size:13px;color:var(--muted)}.figure{margin:0 0 18px;overflow:hidden}.chart{width:100%;height:auto;display:block}"
    ".notice{margin:0 0 18px;padding:12px 16px;background:var(--surface);border-left:4px solid var(--rule);border-radius:4px}"
    ".notice p,.notice ul,.notice ol{margin:4px 0}"
    + "".join(
        f".notice.{tone}{{border-left-color:var(--{tone})}}.change.{tone}{{color:var(--{tone})}}"
        f"td.{tone}{{color:var(--{tone});font-weight:700}}"
        for tone in _TONES
    )
    + "footer{margin:36px 0 0;padding:14px 0 0;border-top:1px solid var(--rule);font-size:13px;color:var(--muted)}"
    "@media (max-width:600px){main{margin:0;padding:24px 18px;border-radius:0}h1{font-size:25px}.chart{font-size:14px}}"
    "@media print{body{background:#fff;font-size:11pt}main{margin:0;padding:0;max-width:none;border:0}"
    "tfoot{display:table-row-group}h2,h3,.caption{break-after:avoid}tr,.metric,.notice,.figure{break-inside:avoid}thead{display:table-header-group}"
    ".scroll{overflow:visible}}"
)
