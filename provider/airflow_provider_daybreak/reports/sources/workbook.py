"""Rows of a sheet of a workbook: of Excel, or an OpenDocument one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak.exceptions import DataUnreadableError, InvalidValueError, MissingExtraError
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.sources.csv import column_names, nothing_of

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.sources.declared import FileSource

_EXACT = 2**53  # beyond, a float holds no whole number of its own


def read_workbook(name: str, path: str, stream: BinaryIO, source: FileSource) -> Rows:
    """
    Return the rows of a sheet, whose first row that is not empty names the columns, with the cells' own types.

    A column of whole numbers has such, though workbooks have fractions alone. Columns without a name and a value are left
    out, and so are empty rows.

    :param path: what the file is called in errors.
    :raises InvalidValueError: there is no such sheet.
    :raises DataUnreadableError: it is no workbook.
    :raises MissingExtraError: the extra ``workbooks`` is not installed.
    """
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError as error:
        raise MissingExtraError("Reading workbooks", "workbooks") from error
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        sheet = workbook.sheet_names[0] if source.sheet is None else source.sheet
        if sheet not in workbook.sheet_names:
            raise InvalidValueError(f"sheet of {path!r}", sheet, "one of " + ", ".join(workbook.sheet_names))
        cells = workbook.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise DataUnreadableError(name, path, f"it is no workbook of Excel or OpenDocument: {error}") from error
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


def _whole(values: list[Any]) -> list[Any]:
    """Return a column's values, as whole numbers if all of its numbers are."""
    numbers = [value for value in values if isinstance(value, float)]
    if all(value.is_integer() and abs(value) < _EXACT for value in numbers):
        return [int(value) if isinstance(value, float) else value for value in values]
    return values
