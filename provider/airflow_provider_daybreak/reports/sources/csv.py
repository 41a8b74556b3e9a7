"""Rows of CSV as programs and spreadsheets write it."""

from __future__ import annotations

import codecs
import csv
import io
import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak.exceptions import DataUnreadableError, InvalidValueError
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.sources.declared import CsvOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# Digits of ASCII: those of other scripts, which Python reads too, stay as they are written.
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,99})\Z")
# Floats as programs write them, of no more whole digits than they hold: 1e5 and longer ones may be names of something.
_SHORT = re.compile(r"-?(0|[1-9][0-9]{0,14})\Z")
_BROKEN = re.compile(r"-?(0|[1-9][0-9]{0,14})?\.[0-9]+([eE][+-]?[0-9]+)?\Z|-?[0-9][eE][+-][0-9]+\Z")
_LONG = re.compile(r"-?[1-9][0-9]{15}\.[0-9]+\Z")
_SEPARATOR = re.compile(r'"?sep=([^"]|\t)"?\s*\Z', re.IGNORECASE)
_DELIMITERS = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a |"}
_THOUSANDS = (".", ",", "'", " ")
_BLANKS = str.maketrans({"\u00a0": " ", "\u202f": " ", "\N{RIGHT SINGLE QUOTATION MARK}": "'"})
"""What locales write between thousands, as what it is called in ``thousands``."""
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONGEST = 2**24
"""Characters of a cell. What Python sets is less than a document in a cell has; without any, an open quote is read to the end."""
_END = "\ue003\ue003end of the file\ue003\ue003"


class _CsvError(ValueError):
    """What is wrong with the file, as the end of a sentence."""


def read_csv(name: str, path: str, stream: BinaryIO, options: CsvOptions | None = None) -> Rows:
    """
    Return the rows of a CSV file whose first line that is not blank names the columns.

    A column whose every value is a number, or an ISO date, becomes one; ``007`` and ``1e5`` stay text, an empty
    cell becomes None. Blank lines say nothing. A column without a name is called by its place, ``column_3``, or left out
    where it has no value. Where no delimiter is given, it is what a first line such as ``sep=;`` says, as spreadsheets
    write it, or else whichever of comma, semicolon, tab and ``|`` the line of names has most of.

    :param path: what the file is called in errors.
    :param stream: one that can seek.
    :raises InvalidValueError: an option can't be used.
    :raises DataUnreadableError: a line has more cells than there are columns, a quote is never closed, two delimiters are
        as likely, or the text has another encoding.
    """
    options = options or CsvOptions()
    _check(options)
    encoding = options.encoding or _encoding(stream)
    lines = _Lines(io.TextIOWrapper(stream, encoding=encoding, newline=""))
    try:
        return _rows(name, lines, options)
    except _CsvError as error:
        raise DataUnreadableError(name, path, str(error)) from error
    except UnicodeError as error:
        hint = f"it is no text in {encoding.removesuffix('-sig').upper()}, after line {lines.number} ({error})"
        more = "say its encoding, as in encoding='cp1252' for what Excel writes in western Europe"
        raise DataUnreadableError(name, path, f"{hint}; {more}") from error
    except csv.Error as error:
        problem = f"line {lines.record}: {error}, as where a quote that begins there is never closed"
        raise DataUnreadableError(name, path, problem) from error


class _Lines:
    """
    The lines of a text, and after them a line that says so: inside of an open quote it becomes part of a cell.

    :ivar number: of the line that was given last, from 1.
    :ivar record: the line that the record being read begins at.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text: Iterator[str] = iter(text)
        self._again: list[str] = []
        self.number = 0
        self.record = 1

    def __iter__(self) -> Iterator[str]:
        while True:
            line = self.next()
            if line is None:
                yield _END
                return
            yield line

    def next(self) -> str | None:
        line = self._again.pop() if self._again else next(self._text, None)
        self.number += line is not None
        return line

    def give_back(self, *lines: str) -> None:
        self._again.extend(reversed(lines))
        self.number -= len(lines)


def _rows(name: str, lines: _Lines, options: CsvOptions) -> Rows:
    for _ in range(options.skip_rows):
        lines.next()
    head = _not_blank(lines)
    delimiter = options.delimiter
    if head is not None and (said := _SEPARATOR.match(head)) is not None:
        delimiter, head = delimiter or said[1], _not_blank(lines)
    if head is None:
        return Rows((), (), name=name)
    if "\0" in head:
        raise _CsvError("it has NUL characters, as UTF-16 without a mark has; say its encoding, as 'utf-16-le'")
    lines.give_back(head)
    records = _records(lines, delimiter or _delimiter(lines))
    given = next(records)
    columns = column_names(given)
    kinds = [_Kind(options) for _ in columns]

    def tuples() -> Iterator[tuple[str, ...]]:
        for cells in records:
            if not cells or (len(cells) == 1 < len(columns) and not cells[0].strip()):
                continue
            if any(cells[len(columns) :]):
                raise _CsvError(
                    f"line {lines.record} has {len(cells)} cells, but there are {len(columns)} columns"
                )
            for kind, cell in zip(kinds, cells, strict=False):
                kind.see(cell)
            yield (*cells[: len(columns)], *[""] * (len(columns) - len(cells)))

    raw = Rows(columns, tuples(), name=name)
    kept = [at for at, (text, kind) in enumerate(zip(given, kinds, strict=True)) if text.strip() or kind.seen]
    converters = [(at, kinds[at].converter()) for at in kept]
    nothing = kinds[0].nothing
    converted = (
        tuple(None if row[at] in nothing else convert(row[at]) for at, convert in converters)
        for row in raw.tuples()
    )
    return Rows([columns[at] for at in kept], converted, name=name)


def column_names(given: Sequence[str]) -> list[str]:
    """Return the names of columns; one without any is called by its place."""
    return [text if text.strip() else f"column_{place}" for place, text in enumerate(given, start=1)]


def nothing_of(options: CsvOptions) -> frozenset[str]:
    """Return the cells that hold no value."""
    return frozenset(("", *((options.na,) if isinstance(options.na, str) else options.na)))


def _not_blank(lines: _Lines) -> str | None:
    while (line := lines.next()) is not None:
        if line.strip():
            return line
    return None


def _records(lines: _Lines, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))  # of the process: another may want more
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.record = lines.number + 1
        cells = next(reader)
        if cells == [_END]:
            return
        if cells and cells[-1].endswith(_END):
            raise _CsvError(f"the quote that is opened in line {lines.record} is never closed")
        yield cells


def _delimiter(lines: _Lines) -> str:
    """Return the delimiter that the record of names has most of, outside of quotes."""
    counts = dict.fromkeys(_DELIMITERS, 0)
    read: list[str] = []
    quoted, begins = False, True
    while (line := lines.next()) is not None:
        read.append(line)
        for sign in line:
            if quoted:
                quoted = sign != '"'  # of a doubled one, the second opens it again
                begins = not quoted
            elif sign == '"' and begins:
                quoted = True
            else:
                begins = sign in counts
                if begins:
                    counts[sign] += 1
        if not quoted:
            break
    lines.give_back(*read)
    most = max(counts.values())
    likely = [sign for sign, count in counts.items() if count == most]
    if most and len(likely) > 1:
        names = " and ".join(_DELIMITERS[sign] for sign in likely)
        raise _CsvError(f"its columns may be parted by {names}: say delimiter={likely[0]!r} or {likely[1]!r}")
    return likely[0]


class _Kind:
    """What all cells of a column, seen one by one, can be."""

    def __init__(self, options: CsvOptions) -> None:
        self._possible: tuple[Callable[[str], Any], ...] = (self._int, self._float, date.fromisoformat)
        self._decimal, self._thousands = options.decimal, options.thousands
        self.nothing = nothing_of(options)
        self.seen = False
        sign = re.escape(options.thousands or "")
        self._grouped = re.compile(rf"-?[1-9][0-9]{{0,2}}({sign}[0-9]{{3}})+(?![0-9])") if sign else None

    def see(self, cell: str) -> None:
        if cell in self.nothing:
            return
        self.seen = True
        if self._possible:
            self._possible = tuple(kind for kind in self._possible if self._is(kind, cell))

    def converter(self) -> Callable[[str], Any]:
        return self._possible[0] if self._possible and self.seen else str

    def _is(self, kind: Callable[[str], Any], cell: str) -> bool:
        if kind == self._int:
            return _WHOLE.match(self._plain(cell)) is not None
        if kind == self._float:
            cell = self._plain(cell)
            broken = _BROKEN.match(cell) is not None and math.isfinite(float(cell))
            return broken or _SHORT.match(cell) is not None or _is_whole(cell)
        if len(cell) != len("2026-03-29") or not cell.isascii():
            return False
        try:
            date.fromisoformat(cell)
        except ValueError:
            return False
        return True

    def _plain(self, cell: str) -> str:
        """Return a number as Python writes it, and what is none in these signs as something that is none."""
        if self._grouped is not None and (match := self._grouped.match(cell.translate(_BLANKS))):
            whole = match[0].replace(self._thousands or "", "")
            cell = whole + cell[match.end() :]
        return cell if self._decimal == "." else cell.replace(".", "?").replace(self._decimal, ".")

    def _int(self, cell: str) -> int:
        return int(self._plain(cell))

    def _float(self, cell: str) -> float:
        return float(self._plain(cell))


def _is_whole(cell: str) -> bool:
    """Return whether a float of 16 whole digits is written, which says all that it holds, as none of more does."""
    return _LONG.match(cell) is not None and repr(float(cell)) == cell


def _check(options: CsvOptions) -> None:
    delimiter, decimal, thousands = options.delimiter, options.decimal, options.thousands
    if delimiter is not None and (
        not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n'
    ):
        raise InvalidValueError("delimiter", delimiter, "one character, such as ';'")
    if decimal not in (".", ","):
        raise InvalidValueError("decimal", decimal, "'.' or ','")
    if thousands is not None and (thousands not in _THOUSANDS or thousands == decimal):
        expected = "one of '.', ',', \"'\" or ' ' (which stands for narrow ones too), and another than decimal"
        raise InvalidValueError("thousands", thousands, expected)
    if isinstance(options.skip_rows, bool) or not isinstance(options.skip_rows, int) or options.skip_rows < 0:
        raise InvalidValueError("skip_rows", options.skip_rows, "a number of lines, 0 or more")
    if not isinstance(options.na, str) and not _all_text(options.na):
        raise InvalidValueError("na", options.na, "texts that stand for nothing, such as ('NA', '-')")
    try:
        if options.encoding is not None:
            "".encode(options.encoding)
    except (LookupError, TypeError) as error:
        raise InvalidValueError("encoding", options.encoding, "one of Python's, such as 'cp1252'") from error


def _all_text(values: Iterable[object]) -> bool:
    return isinstance(values, (list, tuple, set, frozenset)) and all(isinstance(each, str) for each in values)


def _encoding(stream: BinaryIO) -> str:
    """Return the encoding that the file's first bytes say, or UTF-8."""
    head = stream.read(4)
    stream.seek(0)
    return next((encoding for bom, encoding in _BOMS if head.startswith(bom)), "utf-8")
