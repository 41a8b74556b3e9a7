"""A report as one model: prose and typed blocks. Templates make it, formats write it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

from airflow_provider_daybreak.exceptions import InvalidValueError, UnwritableValueError
from airflow_provider_daybreak.reports.values import is_missing, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, tzinfo

    from markdown_it.token import Token

    from airflow_provider_daybreak.reports.format import Format
    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.period import Period
    from airflow_provider_daybreak.reports.rows import Rows

Tone = Literal["info", "success", "warning", "danger"]
Align = Literal["start", "end", "left", "right", "center"]
Side = Literal["left", "right", "center"]
ChartKind = Literal["line", "area", "bar", "stacked_bar", "scatter", "sparkline"]
Prose: TypeAlias = "tuple[Token, ...] | str"
"""Tokens of Markdown with blocks among them, or HTML with a block's number in each mark."""


@dataclass(frozen=True)
class Highlight:
    """Cells that stand out: those for which ``value <operator> operand`` holds."""

    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    operand: Any
    tone: Tone


@dataclass(frozen=True)
class Column:
    """
    One column of a table, by the name it has in the rows.

    :param sample: the first rows, to say in which of them a value is wrong.
    :param zone: by whose clock its instants are written; the report's when None.
    """

    name: str
    title: str
    format: Format
    align: Align
    highlights: tuple[Highlight, ...] = ()
    zone: tzinfo | None = None
    sample: Rows | None = field(default=None, repr=False, compare=False)

    def write(self, value: object, language: Language) -> str:
        """
        Write a value of the column in the language.

        :raises InvalidValueError: the column's format can't write it.
        :raises UnwritableValueError: no format can.
        """
        try:
            return self.format.write(value, self.language(language))
        except UnwritableValueError as error:
            raise UnwritableValueError(error.kind, self._place(value)) from error
        except InvalidValueError as error:
            if error.value is not value:  # the format itself asks for what there isn't
                name = f"{error.name} in the format of column {self.name!r}"
                raise InvalidValueError(name, error.value, error.expected) from error
            expected = f"{error.expected}, as the column's format {self.format.kind!r} wants it"
            raise InvalidValueError(f"value in {self._place(value)}", value, expected) from error

    def text(self, value: object) -> str:
        """
        Return what is no number, date or time as :func:`text_of` does.

        :raises UnwritableValueError: it's of a type that only Python can show.
        """
        try:
            return text_of(value)
        except UnwritableValueError as error:
            raise UnwritableValueError(error.kind, self._place(value)) from error

    def side(self, language: Language) -> Side:
        """Return the side of a cell that its text stands at: left or right is where a line begins in the language."""
        sides: tuple[Side, Side] = ("left", "right") if language.direction == "ltr" else ("right", "left")
        return sides[self.align == "end"] if self.align in ("start", "end") else cast("Side", self.align)

    def language(self, language: Language) -> Language:
        """Return the language that the column is written in: by its zone's clock."""
        return language if self.zone is None else language.at(self.zone)

    def _place(self, value: object) -> str:
        values = enumerate(self.sample.values(self.name), start=1) if self.sample else ()
        row = next((f"row {number} of " for number, each in values if each is value), "")
        return f"{row}column {self.name!r}"


@dataclass(frozen=True)
class Table:
    """
    Rows to read.

    :param name: names its file.
    :param label: names its sheet: the name as it was given, in any script.
    :param limit: how many rows html and text show.
    :param totals: by column, what its last line says of all rows.
    """

    name: str
    rows: Rows
    columns: tuple[Column, ...]
    caption: str = ""
    limit: int = 50
    totals: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    def tone(self, column: Column, value: object) -> Tone | None:
        """Return the tone of the first highlight that holds for the value."""
        return next((mark.tone for mark in column.highlights if _holds(mark, value)), None)


@dataclass(frozen=True)
class Metric:
    """
    One figure.

    :param change: the written change against the period before, or empty.
    :param tone: whether that change is good (success) or bad (danger).
    :param trend: values up to this one, for a small line.
    """

    label: str
    value: str
    unit: str = ""
    change: str = ""
    tone: Tone | None = None
    note: str = ""
    trend: Chart | None = None


@dataclass(frozen=True)
class Series:
    """One line or set of bars or points. A value that is missing is None."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Reference:
    """
    A line across a chart at one value, or down to a place of its axis, with a mark at the first series' value there.

    :param at: the place, of the same kind as the chart's; None where it is a value.
    """

    value: float | None
    label: str = ""
    at: Any = None


@dataclass(frozen=True)
class Chart:
    """
    Series over a common axis.

    :param name: names its file.
    :param x: dates, datetimes, numbers or text, all of one kind.
    :param alt: what it shows, in words with numbers.
    :param horizontal: whether bars lie beside their names.
    """

    name: str
    kind: ChartKind
    x: tuple[Any, ...]
    series: tuple[Series, ...]
    title: str = ""
    x_format: Format | None = None
    y_format: Format | None = None
    reference: Reference | None = None
    alt: str = ""
    height: int = 280
    horizontal: bool = False


@dataclass(frozen=True)
class Drawing:
    """
    A picture by a specification of one's own.

    :param name: names its file.
    :param svg: its parts, in colours that stand for the theme's.
    :param box: left, top, width and height of what is seen of them.
    :param width: of the picture, in CSS pixels.
    :param alt: what it shows, in words with numbers.
    """

    name: str
    svg: str
    box: tuple[float, float, float, float]
    width: int
    height: int
    title: str
    alt: str
    kind: Literal["drawing"] = "drawing"


@dataclass(frozen=True)
class Notice:
    """
    A remark that stands out.

    :param body: prose in the place of text, in the form of a document's body.
    """

    text: str
    tone: Tone = "info"
    title: str = ""
    body: Prose | None = None


Block = Table | Metric | Chart | Drawing | Notice

BLOCK = "daybreak_block"
"""Type of the token that stands for a block among those of Markdown; its ``meta["block"]`` is the block."""


BLOCK_OPEN, BLOCK_CLOSE = "\ue001", "\ue002"
"""Around a block's index in an HTML template's output, and in Markdown before it is parsed."""


@dataclass(frozen=True)
class Document:
    """
    A rendered template, before any format.

    :param report: slug of the report.
    :param blocks: all blocks in the order of the template.
    :param template_sha256: digest of the template and of everything it included.
    :param names: what expressions in these name: data, columns, keys.
    :param address: where readers find the report, or nothing.
    """

    report: str
    title: str
    report_date: date
    period: Period
    language: Language
    body: Prose
    blocks: tuple[Block, ...]
    template_sha256: str = ""
    names: frozenset[str] = frozenset()
    address: str = ""

    @property
    def tables(self) -> Iterator[Table]:
        """The tables in their order."""
        return (block for block in self.blocks if isinstance(block, Table))

    @property
    def charts(self) -> Iterator[Chart | Drawing]:
        """The charts in their order, those of metrics too."""
        for block in self.blocks:
            if isinstance(block, (Chart, Drawing)):
                yield block
            elif isinstance(block, Metric) and block.trend is not None:
                yield block.trend


@dataclass(frozen=True)
class RenderedFile:
    """One file of a rendering, by its path relative to the others."""

    name: str
    media_type: str
    content: bytes


def with_notice(document: Document, notice: Notice) -> Document:
    """Return the document with a notice before everything else."""
    blocks = (*document.blocks, notice)
    if isinstance(document.body, str):
        mark = f"{BLOCK_OPEN}{len(document.blocks)}{BLOCK_CLOSE}"
        return replace(document, body=mark + document.body, blocks=blocks)
    from markdown_it.token import Token

    token = Token(BLOCK, "", 0, block=True, meta={"block": notice})
    return replace(document, body=(token, *document.body), blocks=blocks)


def metrics_together(tokens: Sequence[Token]) -> Iterator[Token | tuple[Metric, ...]]:
    """Yield the tokens, with metrics that follow each other as one tuple: they stand side by side."""
    row: list[Metric] = []
    for token in tokens:
        block = token.meta.get("block") if token.type == BLOCK else None
        if isinstance(block, Metric):
            row.append(block)
            continue
        if row:
            yield tuple(row)
            row = []
        yield token
    if row:
        yield tuple(row)


def _holds(mark: Highlight, value: Any) -> bool:
    if is_missing(value):
        return False
    if isinstance(value, Decimal):
        value = float(value)  # as the operand is: no float is 0.3, so that Decimal("0.3") would be more
    if mark.operator in ("==", "!="):
        same = bool(value == mark.operand)
        return same if mark.operator == "==" else not same
    if not isinstance(value, (int, float, Decimal)) or isinstance(mark.operand, str):
        return False
    holds: bool = {
        "<": value < mark.operand,
        "<=": value <= mark.operand,
        ">": value > mark.operand,
        ">=": value >= mark.operand,
    }[mark.operator]
    return holds
