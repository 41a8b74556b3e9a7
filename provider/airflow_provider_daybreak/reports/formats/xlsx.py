"""A workbook: a sheet a table, cells of their own types, streamed so that a million rows need no memory."""

from __future__ import annotations

import io
import math
import re
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError, MissingExtraError, TooManyRowsError
from airflow_provider_daybreak.reports.document import Column, Document, RenderedFile, Table
from airflow_provider_daybreak.reports.format import guess
from airflow_provider_daybreak.reports.formats.body import total_texts
from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.values import exact, is_missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.theme import Theme

FILE_NAME = "report.xlsx"
_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAX_ROWS = 1_048_576  # of a sheet, its header among them
_MAX_COLUMNS = 16_384
_MAX_NAME = 31  # characters of a sheet's name
_RESERVED = "history"  # the one name that Excel keeps to itself
_NO_SHEET = re.compile(r"[\[\]:*?/\\\s]+")  # signs that no sheet's name has
_MAX_TEXT = 32_767  # units of UTF-16 of a cell
_MAX_WHOLE = 10**15  # a cell's number is a float: larger whole numbers would lose digits
_LARGEST = 9.99e307
_SAMPLE = 500  # rows that a column's width is taken from
_EPOCH = date(1899, 12, 30)
_FIRST_DAY = 61  # 1 March 1900: Excel counts a 29 February before it that never was
_DAY = 86_400

_HEAD = {"bold": True, "bottom": 2, "text_wrap": True, "valign": "vcenter"}

# Numbers of formats that Excel writes as its user's country does.
_DATE, _TIME, _DATETIME = 14, 20, 22


def render(document: Document, theme: Theme) -> Iterator[RenderedFile]:
    """
    Yield the workbook.

    :raises MissingExtraError: the extra ``xlsx`` is not installed.
    :raises TooManyRowsError: a table has more rows than a sheet can hold.
    :raises InvalidValueError: it has more columns.
    """
    try:
        import xlsxwriter
    except ImportError as error:
        raise MissingExtraError("The format 'xlsx'", "xlsx") from error

    for table in document.tables:
        if len(table.rows) + 1 + bool(table.totals) > _MAX_ROWS:
            raise TooManyRowsError(table.name, len(table.rows), _MAX_ROWS - 1 - bool(table.totals))
        if (columns := len(table.columns)) > _MAX_COLUMNS:
            expected = f"at most {_MAX_COLUMNS:,} in a workbook; name those that are read, or leave xlsx out"
            raise InvalidValueError(f"number of columns of table {table.name!r}", columns, expected)
    buffer = io.BytesIO()
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(buffer, options) as book:
        day = document.report_date
        # The time of making would make each rendering another file.
        book.set_properties(
            {
                "title": printable(document.title),
                "created": datetime(day.year, day.month, day.day, tzinfo=timezone.utc),
            }
        )
        writer = _Writer(book, document, theme)
        names = {_RESERVED}
        for table in document.tables:
            writer.sheet(table, _sheet_name(table, names))
        if not book.worksheets():
            book.add_worksheet("report").write_string(0, 0, _text(document.title))
    yield RenderedFile(FILE_NAME, _MEDIA_TYPE, buffer.getvalue())


class _Writer:
    def __init__(self, book: Any, document: Document, theme: Theme) -> None:
        self.book, self.document, self.theme = book, document, theme
        self.language = document.language
        self.total = {"bold": True, "top": 1}

    def sheet(self, table: Table, name: str) -> None:
        """Write a table as a sheet: a header that stays, filters, rows and totals."""
        sheet = self.book.add_worksheet(name)
        count = len(table.rows)
        formats = [self.book.add_format(_options(column, self.language)) for column in table.columns]
        for at, width in enumerate(self._widths(table)):
            sheet.set_column(at, at, width, formats[at])
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        if self.language.direction == "rtl":
            sheet.right_to_left()
        sheet.fit_to_pages(1, 0)
        if table.columns:
            sheet.autofilter(0, 0, max(count, 1), len(table.columns) - 1)
        for at, column in enumerate(table.columns):
            sheet.write_string(
                0, at, _text(column.title), self.book.add_format({**_HEAD, "align": column.side(self.language)})
            )
        writers = [
            _cell_writer(sheet, column, (format_, self._wrapped(column)), self.language)
            for column, format_ in zip(table.columns, formats, strict=True)
        ]
        positions = [table.rows.position(column.name) for column in table.columns]
        cells = list(zip(range(len(writers)), positions, writers, strict=True))
        for line, row in enumerate(table.rows.tuples(), start=1):
            for at, position, write in cells:
                write(line, at, row[position])
        if table.totals:
            self._totals(sheet, table, count + 1)
        self._highlights(sheet, table, count)

    def _wrapped(self, column: Column) -> Any:
        return self.book.add_format({**_options(column, self.language), "text_wrap": True})

    def _totals(self, sheet: Any, table: Table, line: int) -> None:
        words = total_texts(table, self.document)
        for at, column in enumerate(table.columns):
            format_ = self.book.add_format({**_options(column, self.language), **self.total})
            if column.name in table.totals:
                _cell_writer(sheet, column, (format_, format_), self.language)(
                    line, at, table.totals[column.name]
                )
            else:
                sheet.write_string(line, at, words[at], format_)

    def _highlights(self, sheet: Any, table: Table, count: int) -> None:
        for at, column in enumerate(table.columns):
            for mark in column.highlights:
                operand = _quoted(mark.operand) if isinstance(mark.operand, str) else mark.operand
                colour = {
                    "info": self.theme.accent,
                    "success": self.theme.success,
                    "warning": self.theme.warning,
                    "danger": self.theme.danger,
                }[mark.tone]
                rule = {
                    "type": "cell",
                    "criteria": mark.operator,
                    "value": operand,
                    "format": self.book.add_format({"bold": True, "font_color": colour}),
                    "stop_if_true": True,
                }
                if count:
                    # An empty cell counts as 0 to a comparison.
                    sheet.conditional_format(
                        1, at, count, at, {"type": "blanks", "stop_if_true": True, "format": None}
                    )
                    sheet.conditional_format(1, at, count, at, rule)

    def _widths(self, table: Table) -> list[float]:
        """Return the columns' widths in characters: what the first rows, written out, need."""
        sample = table.rows[:_SAMPLE]
        widths = []
        for column in table.columns:
            texts = [column.write(value, self.language) for value in sample.values(column.name)]
            longest = max((len(text) for text in (*texts, column.title)), default=0)
            widths.append(float(min(max(longest + 3, 9), 60)))
        return widths


def _sheet_name(table: Table, names: set[str]) -> str:
    """Return a name that Excel takes: at most 31 units of UTF-16, without its own signs, and each once whatever the case."""
    stem = (
        _units(printable(_NO_SHEET.sub(" ", table.label)).strip(" '"), _MAX_NAME - 3).strip(" '") or table.name
    )
    name, number = stem, 1
    while name.lower() in names:
        number += 1
        suffix = f"_{number}"
        name = _units(stem, _MAX_NAME - len(suffix)) + suffix
    names.add(name.lower())
    return name


def _units(text: str, count: int) -> str:
    """Return the beginning of a text that has so many units of UTF-16, and half of no character."""
    return text.encode("utf-16-le", "replace")[: 2 * count].decode("utf-16-le", "ignore")


def _options(column: Column, language: Language) -> Mapping[str, Any]:
    return {"align": column.side(language), "valign": "top", **_number_format(column, language)}


def _number_format(column: Column, language: Language) -> dict[str, Any]:
    kind, argument = column.format.kind, column.format.argument
    fixed: dict[str, Any] = {
        "date": _DATE,
        "time": _TIME,
        "datetime": _DATETIME,
        "size": "#,##0",
        "plain": "0",
        "text": "General",
    }
    if kind in fixed:
        return {"num_format": fixed[kind]}
    if kind == "duration":
        return {"num_format": "[h]:mm" if _are_minutes(column) else "[h]:mm:ss"}
    if kind == "currency":
        from babel.numbers import get_currency_precision

        code = argument[0]
        digits = argument[1] if len(argument) > 1 else get_currency_precision(code)
        return {"num_format": _currency(code, digits, language)}
    if kind == "percent":
        return {"num_format": _digits("0", argument or 0) + "%"}
    if argument is None:  # as needed, which a workbook can't: it leaves the point of a whole number
        whole = column.sample is not None and not guess(column.sample.values(column.name)).argument
        return {"num_format": "#,##0" if whole else "#,##0.0##"}
    return {"num_format": _digits("#,##0", argument)}


def _are_minutes(column: Column) -> bool:
    """Return whether a column's durations are whole minutes, and nobody asked for seconds."""
    if column.format.argument == "second":
        return False
    values = () if column.sample is None else column.sample.values(column.name)
    numbers = (exact(value) for value in values if not is_missing(value))
    return all(
        number is None or not -_MAX_WHOLE < number < _MAX_WHOLE or number % 60 == 0 for number in numbers
    )


def _currency(code: str, digits: int, language: Language) -> str:
    """Return the locale's pattern of amounts as a workbook's, its sign for the currency in quotes as all that is no digit."""
    from babel.numbers import get_currency_symbol

    symbol = get_currency_symbol(code, locale=language.locale)

    def part(pattern: str) -> str:
        before, after = re.split(r"[#0][#0.,]*", pattern, maxsplit=1)
        quoted = (
            _quoted(text.replace("\u00a4", symbol)) if text.strip("-") else text for text in (before, after)
        )
        return _digits("#,##0", digits).join(quoted)

    return ";".join(map(part, language.locale.currency_formats["standard"].pattern.split(";")))


def _digits(pattern: str, digits: int) -> str:
    return pattern + ("." + "0" * digits if digits else "")


def _cell_writer(
    sheet: Any, column: Column, styles: tuple[Any, Any], language: Language
) -> Callable[[int, int, Any], object]:
    """Return what writes a column's cells by their types. Text and numbers, of which there may be millions, come first."""
    write_number, write_string = sheet.write_number, sheet.write_string
    style, wrapped = styles  # the second is of text with line ends
    kind_of, language = column.format.kind, column.language(language)
    moments = kind_of in ("date", "time", "datetime")
    unit = _DAY if kind_of == "duration" else 1
    least = -_MAX_WHOLE if unit == 1 else -1e-9  # Excel shows no time below nothing, but a row of #

    def write(line: int, at: int, value: Any) -> object:
        kind = type(value)
        if kind is str and not moments and len(value) <= _MAX_TEXT and value.isascii() and "\n" not in value:
            return write_string(line, at, value, style)
        if (kind is int or kind is float) and least < value < _MAX_WHOLE:
            return write_number(line, at, value / unit if unit > 1 else value, style)
        cell = _cell(column, value, unit, language) if moments or kind is not str else _text(value)
        if isinstance(cell, float):
            return write_number(line, at, cell, style)
        if isinstance(cell, bool):
            return sheet.write_boolean(line, at, cell, style)
        if cell is None:
            return sheet.write_blank(line, at, None, style)
        return write_string(line, at, cell, wrapped if "\n" in cell else style)

    return write


def _cell(column: Column, value: Any, unit: int, language: Language) -> float | bool | str | None:
    """Return what a cell can hold of a value: what doesn't fit a number or a date becomes text."""
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return value
    below = unit > 1 and (exact(value) or 0) < 0
    if isinstance(value, timedelta) and not below:
        return value.total_seconds() / _DAY
    if (moment := language.moment_of(value)) is not None and (serial := _serial(moment)) is not None:
        return serial
    if isinstance(value, (int, float, Decimal)) and _is_number(value) and not below:
        return float(value) / unit
    text = column.write(value, language) if below else None
    if text is None and isinstance(value, (float, Decimal)):
        text = {math.inf: "∞", -math.inf: "-∞"}.get(float(value))
    return _text(text or column.text(value))


def _is_number(value: float | Decimal) -> bool:
    """Return whether a cell's number says the value: not all digits of a fraction, but those of a whole number."""
    if -_MAX_WHOLE < value < _MAX_WHOLE:
        return True
    if isinstance(value, float):
        return -_LARGEST < value < _LARGEST
    return isinstance(value, Decimal) and value.is_finite() and value != value.to_integral_value()


def _quoted(text: str) -> str:
    """Return text as formulas have it."""
    doubled = printable(text).replace('"', '""')
    return f'"{doubled}"'


def _text(text: str) -> str:
    """Return text that a cell can hold."""
    if 2 * len(text) > _MAX_TEXT and len(text.encode("utf-16-le", "replace")) > 2 * _MAX_TEXT:
        text = _units(text, _MAX_TEXT - 1) + "…"
    return text if text.isprintable() else printable(text)


def _serial(value: date | time) -> float | None:
    """Return days since the workbook's epoch, by the clock that the value has; None before 1900."""
    clock = value if isinstance(value, time) else time()
    day = None
    if isinstance(value, datetime):
        clock, day = value.time(), value.date()
    elif isinstance(value, date):
        day = value
    days = 0 if day is None else (day - _EPOCH).days
    if day is not None and days < _FIRST_DAY:
        return None
    return days + (clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6) / _DAY
