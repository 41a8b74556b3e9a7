"""A PDF of the page, by WeasyPrint: tagged for screen readers, the same bytes each time, and nothing fetched."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import MissingExtraError, MissingLibraryError, ResourceRefusedError
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.document import RenderedFile
from airflow_provider_daybreak.reports.fonts import heard_of, say_missing
from airflow_provider_daybreak.reports.formats import page
from airflow_provider_daybreak.reports.formats.styles import stylesheet, theme_values
from airflow_provider_daybreak.reports.placeholders import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.reports.document import Document
    from airflow_provider_daybreak.reports.theme import Theme

FILE_NAME = "report.pdf"
_FOOT = 60  # characters of a page's foot


def check_installed() -> None:
    """
    Make sure that PDFs can be written here.

    :raises MissingExtraError: the extra ``pdf`` is not installed.
    :raises MissingLibraryError: the library that it draws with is not installed.
    """
    try:
        import weasyprint  # noqa: F401 - it loads the library
    except ImportError as error:
        raise MissingExtraError("The format 'pdf'", "pdf") from error
    except OSError as error:
        raise MissingLibraryError("The format 'pdf'", "pango", "libpango-1.0-0 libpangoft2-1.0-0") from error


def render(document: Document, theme: Theme, files: Mapping[str, str]) -> Iterator[RenderedFile]:
    """
    Yield the PDF, on A4.

    :param files: by table, the name of the file that has all of its rows.
    :raises MissingExtraError: the extra ``pdf`` is not installed.
    :raises MissingLibraryError: the library that it draws with is not installed.
    :raises ResourceRefusedError: the report shows something that lies elsewhere.
    """
    check_installed()
    from weasyprint import HTML
    from weasyprint.logger import LOGGER, PROGRESS_LOGGER

    PROGRESS_LOGGER.setLevel(logging.WARNING)  # its ten steps would hide what a task's log is read for
    css = _css(document, theme)
    text = page.html(document, theme, files, colours=Colours.of(theme), css=css, paper=True)
    refused: list[str] = []
    buffer = io.BytesIO()
    with heard_of(LOGGER) as letters:
        HTML(string=text, url_fetcher=_fetcher(refused)).write_pdf(
            buffer, pdf_identifier=b"daybreak", pdf_variant="pdf/ua-1", presentational_hints=True
        )
    say_missing("The PDF", letters)
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


def _css(document: Document, theme: Theme) -> str:
    values = {**theme_values(theme), "edge": "3pt solid", "title": _quoted(_short(document.title))}
    return stylesheet("pdf", values, document.language.direction)


def _short(title: str) -> str:
    """Return as much of the title as the foot of a page has room for."""
    return title if len(title) <= _FOOT else title[:_FOOT].rstrip() + "…"


def _quoted(text: str) -> str:
    """Return the text as a string of CSS that ends neither itself nor the stylesheet, whatever is in it."""
    return '"' + re.sub(r"[^\w ]", lambda match: f"\\{ord(match[0]):x} ", printable(text)) + '"'
