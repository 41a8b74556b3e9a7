"""From a document to its files: one renderer a format."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.formats import csv, html, page, pdf, text, xlsx

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.reports.document import Document, RenderedFile
    from airflow_provider_daybreak.reports.theme import Theme

FORMATS = ("html", "text", "csv", "xlsx", "pdf", "page")


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """
    Return the formats, each once.

    :raises InvalidValueError: there are none, or one that we don't write.
    """
    wanted = (formats,) if isinstance(formats, str) else tuple(dict.fromkeys(formats))
    unknown = [one for one in wanted if one not in FORMATS]
    if unknown or not wanted:
        raise InvalidValueError("formats", unknown[0] if unknown else formats, "some of " + ", ".join(FORMATS))
    return wanted


def render(
    document: Document, formats: Sequence[str], theme: Theme, *, csv_dialect: str = "standard"
) -> Iterator[RenderedFile]:
    """
    Yield the document's files in these formats.

    The same document gives the same bytes.

    :param csv_dialect: as :func:`airflow_provider_daybreak.reports.formats.csv.dialect_of` takes it.
    :raises InvalidValueError: there is no such format.
    :raises MissingExtraError: a format's extra is not installed.
    """
    wanted = check_formats(formats)
    files: dict[str, str] = {}
    if "xlsx" in wanted:
        files = {table.name: xlsx.FILE_NAME for table in document.tables}
    elif "csv" in wanted:
        files = {table.name: PurePosixPath(csv.file_name(table.name)).name for table in document.tables}
    for one in wanted:
        if one == "html":
            yield from html.render(document, theme, files)
        elif one == "text":
            yield from text.render(document, files)
        elif one == "csv":
            yield from csv.render(document, csv.dialect_of(csv_dialect, document.language))
        elif one == "xlsx":
            yield from xlsx.render(document, theme)
        elif one == "pdf":
            yield from pdf.render(document, theme, files)
        else:
            yield from page.render(document, theme, files)
