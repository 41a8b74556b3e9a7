"""Rows of a sheet of a workbook: of Excel, or an OpenDocument one."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak.exceptions import (
    DataUnreadableError,
    InvalidValueError,
    MissingExtraError,
    TemplateLimitError,
)
from airflow_provider_daybreak.reports.apart import apart
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.sources.csv import column_names, nothing_of
from airflow_provider_daybreak.reports.templates.limits import Limits

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.sources.declared import FileSource

_EXACT = 2**53  # beyond, a float holds no whole number of its own
_LIMITS = Limits(seconds=600, memory=2 << 30)


def read_workbook(name: str, path: str, stream: BinaryIO, source: FileSource) -> Rows:
    """
    Return the rows of a sheet, whose first row that is not empty names the columns, with the cells' own types.

    A column of whole numbers has such, though workbooks have fractions alone. Columns without a name and a value are left
    out, and so are empty rows. A child of this process opens it: one cell far out makes a sheet of billions, for which the
    library takes memory without end.

    :param path: what the file is called in errors.
    :raises InvalidValueError: there is no such sheet.
    :raises DataUnreadableError: it is no workbook, or one of a size that nobody reads.
    :raises MissingExtraError: the extra ``workbooks`` is not installed.
    """
    try:
        import python_calamine  # noqa: F401 - here already, so that the child takes no lock of an import
    except ImportError as error:
        raise MissingExtraError("Reading workbooks", "workbooks") from error
    content = stream.read()
    try:
        cells = apart(
            lambda _: _cells(name, path, content, source.sheet),
            limits=_LIMITS,
            template=path,
            answer=lambda asked: asked,
        )
    except TemplateLimitError as error:
        problem = (
            f"reading it takes more than {_LIMITS.memory >> 30} GiB of memory or {_LIMITS.seconds / 60:g} minutes, as a "
            "sheet does that has a cell far out. Remove what stands beyond the table, or save the sheet as CSV"
        )
        raise DataUnreadableError(name, path, problem) from error
    nothing = nothing_of(source)
    table = [
        [None if value in nothing else value for value in row]
        for row in cells[source.skip_rows :]
        if any(value != "" for value in row)
    ]
    if not table:
        return Rows((), (), name=name)
    given = ["" if value is None else str(value) for value in table[0]]
    columns = [list(column) for column in zip(*table[1:], strict=True)] or [[] for _ in given]
    kept = [
        at
        for at, (text, column) in enumerate(zip(given, columns, strict=True))
        if text.strip() or any(value is not None for value in column)
    ]
    names = column_names(given)
    whole = [_whole(columns[at]) for at in kept]
    return Rows([names[at] for at in kept], zip(*whole, strict=True) if whole[0] else (), name=name)


def _cells(name: str, path: str, content: bytes, sheet: str | None) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(content))
        chosen = workbook.sheet_names[0] if sheet is None else sheet
        if chosen not in workbook.sheet_names:
            raise InvalidValueError(f"sheet of {path!r}", chosen, "one of " + ", ".join(workbook.sheet_names))
        return list(workbook.get_sheet_by_name(chosen).to_python(skip_empty_area=False))
    except CalamineError as error:
        raise DataUnreadableError(name, path, f"it is no workbook of Excel or OpenDocument: {error}") from error


def _whole(values: list[Any]) -> list[Any]:
    """Return a column's values, as whole numbers if all of its numbers are."""
    numbers = [value for value in values if isinstance(value, float)]
    if all(value.is_integer() and abs(value) < _EXACT for value in numbers):
        return [int(value) if isinstance(value, float) else value for value in values]
    return values
