"""
The body of a report as HTML with classes, shared by mail, page and PDF. How it looks is a stylesheet's matter.

One module, since all of these write each block alike.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import datetime
from html import escape
from itertools import islice
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.document import (
    BLOCK,
    Block,
    Chart,
    Column,
    Document,
    Drawing,
    Metric,
    Notice,
    Prose,
    Side,
    Table,
    metrics_together,
)
from airflow_provider_daybreak.reports.formats.columns import (
    LONG,
    PIECE,
    ROOMY,
    is_crowded,
    named_by,
    side_by_side,
    width_of,
)
from airflow_provider_daybreak.reports.formats.markdown_table import MarkdownTable
from airflow_provider_daybreak.reports.language import WIDTHS
from airflow_provider_daybreak.reports.placeholders import BLOCK_PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from markdown_it.token import Token

    from airflow_provider_daybreak.reports.language import Language

_UNBROKEN = frozenset({"date", "time", "datetime", "duration"})
_AMOUNT = re.compile("[\u200e\u200f]*-[^\\d]")  # a line may end behind such a minus
# Letters that are written the other way than the language.
_OTHER_WAY = {
    "ltr": re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"),
    "rtl": re.compile("[A-Za-z\u00aa-\u024f\u0370-\u052f\u1e00-\u1fff]"),
}

_FITS_A_THIRD, _FITS_A_HALF = 10, 16  # of a row of tiles, in characters of a figure
_FITS_A_PHONES_THIRD = 5
_FIGURES_BEFORE = 4  # of the report itself, in a list of mails
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=[^\W\d])")
_ELEMENT = 400  # characters of a long word that an element has
_LONG_WORD = re.compile(rf"[^\s<>&]{{{LONG},}}")
_TEXT = re.compile(r"<svg.*?</svg>|>[^<]+", re.DOTALL)
_SAMPLE = 200  # rows that a table's width is taken from


@dataclass(frozen=True)
class Attributes:
    """
    What tags say beside their classes: mail programs need other things than browsers.

    :param align: name and value of a cell's side; ``{}`` is the side.
    :param whole: of a cell whose text stays on one line.
    :param table: of every table.
    :param narrow: characters of a table beyond which it scrolls where there is little room, and says so; 0 for what never says it.
    :param tiles: whether figures stand in a table, which alone makes them of one height in mail programs.
    """

    align: tuple[str, str]
    whole: str
    table: Mapping[str, str] = field(default_factory=dict)
    tiles: bool = False
    narrow: int = 0


@dataclass(frozen=True)
class Body:
    """
    One way to write a document's body.

    :param picture: returns the HTML of a chart.
    :param limits: by table, how many rows are shown, where that is fewer than the table asks for.
    :param files: by table, the name of the file that has all of its rows.
    :param paper: whether what is too wide can't be scrolled: its tables say so.
    """

    document: Document
    picture: Callable[[Chart | Drawing], str]
    attributes: Attributes
    limits: Mapping[str, int] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    paper: bool = False

    def html(self) -> str:
        """Return the body."""
        return self._prose(self.document.body)

    def _prose(self, prose: Prose) -> str:
        if isinstance(prose, str):
            return BLOCK_PLACEHOLDER.sub(lambda match: self._block(self.document.blocks[int(match[1])]), prose)
        return "".join(self._parts(prose))

    def _parts(self, body: tuple[Token, ...]) -> Iterator[str]:
        from markdown_it import MarkdownIt

        markdown = MarkdownIt("commonmark")
        tokens: list[Token] = []
        table: list[Token] = []
        for token in metrics_together(body):
            if isinstance(token, tuple) or token.type == BLOCK:
                yield markdown.renderer.render(tokens, markdown.options, {})
                tokens = []
                yield self._metrics(token) if isinstance(token, tuple) else self._block(token.meta["block"])
            elif table or token.type == "table_open":
                table.append(token)
                if token.type == "table_close":
                    tokens += self._markdown_table(MarkdownTable(table))
                    table = []
            else:
                tokens.append(token)
        yield markdown.renderer.render(tokens, markdown.options, {})

    def _markdown_table(self, table: MarkdownTable) -> Iterator[Token]:
        """Yield the tokens of a table of Markdown that looks like those of components, and has room like them."""
        from markdown_it.token import Token

        parts, kind = self._parts_of(table.widths)
        name, value = self.attributes.align
        side = value.format("left" if self.document.language.direction == "ltr" else "right")
        for part in parts:
            yield Token("html_block", "", 0, content=self._scrolling(table.name, table.widths))
            for token in table.of(part):
                if token.type == "table_open":
                    yield token.copy(attrs={"class": f"data{kind}", **self.attributes.table})
                elif token.type == "th_open" and "style" not in token.attrs:
                    yield token.copy(attrs={name: side})
                else:
                    yield token
            yield Token("html_block", "", 0, content="</div>\n")
        yield Token("html_block", "", 0, content=self._hint(table.widths))

    def _block(self, block: Block) -> str:
        if isinstance(block, Table):
            return self._table(block)
        if isinstance(block, Metric):
            return self._metrics((block,))
        if isinstance(block, Notice):
            return self._notice(block)
        title = f'<p class="caption">{escape(block.title)}</p>' if block.title else ""
        return f'<div class="figure">{title}{self.picture(block)}</div>\n'

    def _notice(self, notice: Notice) -> str:
        title = f"<strong>{escape(notice.title)}</strong> " if notice.title else ""
        inside = escape(notice.text) if notice.body is None else self._prose(notice.body)
        return f'<div class="notice {notice.tone}">{title}{inside}</div>\n'

    def _metrics(self, metrics: tuple[Metric, ...]) -> str:
        # Where one has a line more, all have: tiles side by side are then of one height.
        deep = any(metric.change or metric.note for metric in metrics)
        longest = max(len(f"{metric.value} {metric.unit}".strip()) for metric in metrics)
        if self.attributes.tiles:
            return self._tiles([self._metric(metric, deep=False) for metric in metrics], longest)
        third = " third" if len(metrics) % 3 == 0 else ""
        room = (" roomy" if longest > _FITS_A_THIRD else "") + (" long" if longest > _FITS_A_HALF else "")
        tiles = "".join(
            f'<div class="metric{third}">{self._metric(metric, deep=deep)}</div>' for metric in metrics
        )
        return f'<div class="metrics{room}">{tiles}</div>\n'

    def _tiles(self, tiles: Sequence[str], longest: int) -> str:
        """
        Return tiles as a table, so many in a row as a phone has room for.

        :param longest: characters of the longest figure.
        """
        count = 3 if len(tiles) % 3 == 0 and longest <= _FITS_A_PHONES_THIRD else min(len(tiles), 2)
        width = f"{(100 - 2 * (count - 1)) / count:g}%"
        gap, below = '<td width="2%"></td>', f'<tr><td colspan="{2 * count - 1}" height="10"></td></tr>'
        rows = []
        for at in range(0, len(tiles), count):
            row = tiles[at : at + count]
            rest = 2 * (count - len(row)) + 1  # the last one has the room that is left
            cells = [f'<td class="metric" width="{width}" valign="top">{tile}</td>' for tile in row[:-1]]
            span = f' colspan="{rest}"' if rest > 1 else f' width="{width}"'
            cells.append(f'<td class="metric"{span} valign="top">{row[-1]}</td>')
            rows.append(f"<tr>{gap.join(cells)}</tr>")
        attributes = "".join(f' {name}="{value}"' for name, value in self.attributes.table.items())
        room = (" roomy" if longest > _FITS_A_THIRD else "") + (" long" if longest > _FITS_A_HALF else "")
        return (
            f'<table role="presentation" class="metrics{room}"{attributes}>{below.join(rows)}{below}</table>\n'
        )

    def _metric(self, metric: Metric, *, deep: bool) -> str:
        unit = f'\u00a0<span class="unit">{escape(metric.unit)}</span>' if metric.unit else ""
        lines = [
            f'<div class="label">{escape(metric.label)}</div>',
            f'<div class="value">{_whole(metric.value)}{unit}</div>',
        ]
        if metric.change:
            lines.append(f'<div class="change {metric.tone or ""}">{_whole(metric.change)}</div>')
        if metric.note:
            lines.append(f'<div class="change">{_whole(metric.note)}</div>')
        if deep and not metric.change and not metric.note:
            lines.append('<div class="change">&nbsp;</div>')
        if metric.trend is not None:
            lines.append(self.picture(metric.trend))
        return "".join(lines)

    def _table(self, table: Table) -> str:
        shown = min(table.limit, self.limits.get(table.name, table.limit), len(table.rows))
        caption = f'<p class="caption">{escape(table.caption)}</p>' if table.caption else ""
        if not len(table.rows):
            return f'{caption}<p class="more">{escape(self.document.language.word("no_rows"))}</p>\n'
        widths = self._widths(table, shown) if self.paper or self.attributes.narrow else []
        parts, kind = self._parts_of(widths or [0] * len(table.columns))
        scrolling = self._scrolling(table.caption or named_by(column.title for column in table.columns), widths)
        lines = [caption]
        for part in parts:
            beside = replace(table, columns=tuple(table.columns[column] for column in part))
            lines.append(f"{scrolling}{self._grid(beside, shown, kind)}</div>")
        lines.append(self._hint(widths))
        if shown < len(table.rows):
            lines.append(f'<p class="more">{escape(more_rows(table, shown, self.document, self.files))}</p>')
        return "".join(lines) + "\n"

    def _grid(self, table: Table, shown: int, kind: str) -> str:
        """Return a table, or those of its columns that stand beside each other."""
        head = "".join(
            f'<th scope="col"{self._aligned(column.side(self.document.language))}>{escape(column.title)}</th>'
            for column in table.columns
        )
        attributes = "".join(f' {name}="{value}"' for name, value in self.attributes.table.items())
        lines = [
            f'<table class="data{kind}"{attributes}>',
            f"<thead><tr>{head}</tr></thead><tbody>",
        ]
        positions = [table.rows.position(column.name) for column in table.columns]
        for row in islice(table.rows.tuples(), shown):
            cells = (
                self._cell(table, column, row[at]) for column, at in zip(table.columns, positions, strict=True)
            )
            lines.append(f"<tr>{''.join(cells)}</tr>")
        lines.append("</tbody>")
        if table.totals:
            lines.append(self._totals(table))
        lines.append("</table>")
        return "".join(lines)

    def _parts_of(self, widths: Sequence[int]) -> tuple[list[list[int]], str]:
        """
        Return which columns of a table stand beside each other, and further classes of it.

        :param widths: of the columns, in characters.
        """
        parts = list(side_by_side(widths)) if self.paper else [list(range(len(widths)))]
        dense = " dense" if max(map(len, parts)) > ROOMY else ""
        return parts, dense + (" crowded" if self.paper and is_crowded(parts, widths) else "")

    def _is_wide(self, widths: Sequence[int]) -> bool:
        """Return whether a table is known to scroll where there is little room."""
        return bool(self.attributes.narrow) and sum(widths) > self.attributes.narrow

    def _scrolling(self, name: str, widths: Sequence[int]) -> str:
        """
        Return the tag that opens what scrolls a table where there is little room, so that a keyboard reaches it.

        It is a group, since as a region each table would be a landmark that readers of screens stop at.

        :param name: what it is called where it is read out.
        :param widths: of its columns, in characters.
        """
        reached = not self.paper and (self._is_wide(widths) or not self.attributes.narrow)
        words = f' tabindex="0" role="group" aria-label="{escape(name)}"' if reached else ""
        return f'<div class="scroll"{words}>'

    def _hint(self, widths: Sequence[int]) -> str:
        """Return what says that a table scrolls where there is little room; empty where it doesn't."""
        if not self._is_wide(widths):
            return ""
        return f'<p class="more">{escape(self.document.language.word("scrolls", count=len(widths)))}</p>'

    def _widths(self, table: Table, shown: int) -> list[int]:
        """Return how many characters wide each column is at least: its longest word, and the room around."""
        language, sample = self.document.language, table.rows[: min(shown, _SAMPLE)]
        widths = []
        for column in table.columns:
            texts = [column.write(value, language) for value in sample.values(column.name)]
            whole = column.format.kind in _UNBROKEN
            words = [
                *column.title.split(),
                *(texts if whole else (word for text in texts for word in text.split())),
            ]
            widths.append(width_of(words))
        return widths

    def _cell(self, table: Table, column: Column, value: object) -> str:
        language = self.document.language
        text = column.write(value, language)
        # A column stays at its side, whichever way a cell's text is written.
        direction = (
            ' dir="auto"' if not column.format.numeric and _OTHER_WAY[language.direction].search(text) else ""
        )
        align = self._side(column, always=bool(direction))
        tone = table.tone(column, value)
        mark = f' class="{tone}"' if tone else ""
        # Where there are many columns, a time may stand under its date.
        wraps = column.format.kind == "datetime" and len(table.columns) > ROOMY
        unbroken = column.format.kind in _UNBROKEN or (column.format.numeric and _AMOUNT.match(text))
        whole = self.attributes.whole if unbroken and not wraps else ""
        if wraps:
            text = _in_two(text, column, value, language)
        lines = escape(text).replace("\r\n", "\n").replace("\n", "<br>")
        return f"<td{align}{direction}{mark}{whole}>{lines}</td>"

    def _totals(self, table: Table) -> str:
        cells = []
        for column, text in zip(table.columns, total_texts(table, self.document), strict=True):
            cells.append(f"<td{self._side(column)}>{escape(text)}</td>")
        return f'<tfoot><tr class="total">{"".join(cells)}</tr></tfoot>'

    def _side(self, column: Column, *, always: bool = False) -> str:
        """Return the side of a column's cell, where that isn't the one at which text begins anyway."""
        language = self.document.language
        side = column.side(language)
        return (
            self._aligned(side)
            if always or side != ("left" if language.direction == "ltr" else "right")
            else ""
        )

    def _aligned(self, side: Side) -> str:
        name, value = self.attributes.align
        return f' {name}="{value.format(side)}"'


def _in_two(text: str, column: Column, value: object, language: Language) -> str:
    """Return a date with its time that breaks between both alone."""
    own, width = column.language(language), column.format.argument or "medium"
    moment = own.moment_of(value)
    if not isinstance(moment, datetime) or width not in WIDTHS:
        return text
    for part in (own.date(moment, width), own.time(moment)):
        text = text.replace(part, part.replace(" ", "\u00a0"))
    return text


def _whole(text: str) -> str:
    """Return the text as HTML whose numbers stay on one line with their units."""
    return _BEFORE_UNIT.sub("\u00a0", escape(text))


def period_line(document: Document) -> str:
    """Return what stands under the title: the period and its zone, without what the title says already."""
    language, period = document.language, document.period
    text = language.period(period)
    if period.name == "day":
        dates = (language.date(period.first, width) for width in ("long", "d MMMM y"))
        if any(date in document.title for date in dates):
            text = language.date(period.first, "EEEE")
    elif text in document.title:
        return period.timezone
    return f"{text} · {period.timezone}"


def preheader(document: Document) -> str:
    """Return what a list of mails shows after the subject: the first figures, or nothing where there are none."""
    figures = [block for block in document.blocks if isinstance(block, Metric)][:_FIGURES_BEFORE]
    return " · ".join(f"{one.label} {one.value} {one.unit}".strip() for one in figures)


def in_pieces(markup: str) -> str:
    """Return HTML for paper, with places where its long words may be broken."""
    return _TEXT.sub(
        lambda text: text[0] if text[0].startswith("<") else _LONG_WORD.sub(_in_pieces, text[0]), markup
    )


def _in_pieces(word: re.Match[str]) -> str:
    """
    Return a long word with places where it may be broken.

    In elements of its own, since WeasyPrint lays out what remains of an element anew for each of its lines.
    """
    spans = []
    for start in range(0, len(word[0]), _ELEMENT):
        part = word[0][start : start + _ELEMENT]
        pieces = (part[at : at + PIECE] for at in range(0, len(part), PIECE))
        whole = "\N{ZERO WIDTH SPACE}".join([*pieces, ""])
        spans.append(f'<span class="pieces">{whole}</span>')
    return "".join(spans)


def total_texts(table: Table, document: Document) -> list[str]:
    """Return what the line of totals says in each column; our word for it stands in the first that is free."""
    texts, word = [], document.language.word("total")
    for column in table.columns:
        if column.name in table.totals:
            texts.append(column.write(table.totals[column.name], document.language))
        else:
            texts.append(word)
            word = ""
    return texts


def more_rows(table: Table, shown: int, document: Document, files: Mapping[str, str]) -> str:
    """Return the sentence that says how many rows aren't shown, and where they are."""
    count = len(table.rows) - shown
    if table.name in files:
        return document.language.word("more_rows_in", count=count, file=files[table.name])
    return document.language.word("more_rows", count=count)
