"""A PDF of the page, by WeasyPrint: tagged for screen readers, the same bytes each time, and nothing fetched."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import MissingExtraError, ResourceRefusedError
from airflow_provider_daybreak.reports.charts import drawing
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.formats import page
from airflow_provider_daybreak.reports.placeholders import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.reports.document import Document
    from airflow_provider_daybreak.reports.theme import Theme

FILE_NAME = "report.pdf"


def render(document: Document, theme: Theme, files: Mapping[str, str]) -> Iterator[RenderedFile]:
    """
    Yield the PDF, on A4.

    :param files: by table, the name of the file that has all of its rows.
    :raises MissingExtraError: the extra ``pdf``, or the pango library that it needs, is not installed.
    :raises ResourceRefusedError: the report shows something that lies elsewhere.
    """
    try:
        from weasyprint import HTML
        from weasyprint.logger import PROGRESS_LOGGER
    except (ImportError, OSError) as error:  # OSError: a library of the system's that it loads
        raise MissingExtraError("The format 'pdf'", "pdf") from error

    PROGRESS_LOGGER.setLevel(logging.WARNING)  # its ten steps would hide what a task's log is read for
    text = page.html(
        document, theme, files, colours=drawing.Colours.of(theme), css=_stylesheet(document, theme)
    )
    refused: list[str] = []
    buffer = io.BytesIO()
    HTML(string=text, url_fetcher=_fetcher(refused)).write_pdf(
        buffer, pdf_identifier=b"daybreak", pdf_variant="pdf/ua-1", presentational_hints=True
    )
    if refused:
        raise ResourceRefusedError(refused[0])
    yield RenderedFile(FILE_NAME, "application/pdf", buffer.getvalue())


def _fetcher(refused: list[str]) -> Any:
    """Return what fetches nothing but what stands in the document: an address may be a file or a machine inside."""
    from weasyprint.urls import URLFetcher

    class Fetcher(URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Any = None) -> Any:
            if url.startswith("data:"):
                return super().fetch(url, headers)
            refused.append(url)
            raise ValueError(url)  # WeasyPrint goes on without it

    return Fetcher(allowed_protocols={"data"})


def _stylesheet(document: Document, theme: Theme) -> str:
    return (
        f"@page{{size:A4;margin:18mm 16mm 20mm;@bottom-left{{content:{_quoted(document.title)};"
        f"font:8pt {theme.font};color:{theme.muted}}}"
        f'@bottom-right{{content:counter(page) " / " counter(pages);font:8pt {theme.font};color:{theme.muted}}}}}'
        f"body{{margin:0;color:{theme.text};font:10pt/1.5 {theme.font}}}"
        f"main{{border-top:3pt solid {theme.accent};padding-top:10pt}}h1{{margin:0;font-size:20pt;line-height:1.2}}"
        "h2{margin:18pt 0 5pt;font-size:13.5pt}h3{margin:12pt 0 4pt;font-size:11pt}p{margin:0 0 8pt}"
        f".period{{color:{theme.muted};margin:3pt 0 12pt;font-size:9pt}}a{{color:{theme.accent}}}"
        f".caption{{font-weight:bold;font-size:9pt;margin:10pt 0 3pt}}table{{width:100%;border-collapse:collapse;font-size:9pt}}"
        f"th{{padding:4pt 5pt;border-bottom:1.5pt solid {theme.rule};color:{theme.muted}}}"
        f"td{{padding:3.5pt 5pt;border-bottom:.5pt solid {theme.rule}}}tfoot td{{font-weight:bold;border-top:1.5pt solid {theme.rule}}}"
        f".more{{font-size:8pt;color:{theme.muted};margin:3pt 0 8pt}}.metrics{{margin:0 -.5% 8pt}}"
        f".metric{{display:inline-block;vertical-align:top;box-sizing:border-box;width:24%;margin:0 .5% 5pt;padding:6pt 8pt;background:{theme.surface};border-radius:4pt}}.third{{width:32.3%}}"
        f".label,.change{{font-size:8pt;color:{theme.muted}}}.value{{font-size:14pt;font-weight:bold;line-height:1.3;overflow-wrap:anywhere}}"
        f".long .value{{font-size:11pt;line-height:1.65}}.dense{{font-size:8pt}}.dense th,.dense td{{padding:3.5pt 3pt}}"
        f".unit{{font-size:9pt;font-weight:normal}}.chart{{width:100%;height:auto}}.logo{{height:10mm}}"
        f".notice{{padding:6pt 9pt;margin:0 0 8pt;background:{theme.surface};border-left:3pt solid {theme.rule}}}"
        ".notice p,.notice ul,.notice ol{margin:2pt 0}"
        f"footer{{margin-top:14pt;padding-top:6pt;border-top:.5pt solid {theme.rule};font-size:8pt;color:{theme.muted}}}"
        f"code,pre{{font-size:8.5pt;background:{theme.surface}}}"
        f"blockquote{{margin:0 0 8pt;padding-left:8pt;border-left:2pt solid {theme.rule};color:{theme.muted}}}"
        "tfoot{display:table-row-group}h2,h3,.caption{break-after:avoid}tr,.metric,.notice,.figure{break-inside:avoid}"
        + "".join(
            f".notice.{tone}{{border-left-color:{colour}}}.change.{tone}{{color:{colour}}}td.{tone}{{color:{colour};font-weight:bold}}"
            for tone, colour in (
                ("info", theme.accent),
                ("success", theme.success),
                ("warning", theme.warning),
                ("danger", theme.danger),
            )
        )
    )


def _quoted(text: str) -> str:
    """Return the text as a string of CSS that ends neither itself nor the stylesheet, whatever is in it."""
    return '"' + re.sub(r"[^\w ]", lambda match: f"\\{ord(match[0]):x} ", printable(text)) + '"'
