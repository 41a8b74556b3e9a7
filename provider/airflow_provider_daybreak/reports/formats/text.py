"""Plain text that reads as Markdown: headings underlined, tables aligned, charts as what they show in words."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from itertools import islice
from textwrap import fill, indent
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.document import (
    Block,
    Column,
    Document,
    Metric,
    Notice,
    Prose,
    RenderedFile,
    Table,
)
from airflow_provider_daybreak.reports.formats.body import more_rows, period_line, total_texts
from airflow_provider_daybreak.reports.formats.footer import footer_text
from airflow_provider_daybreak.reports.placeholders import BLOCK_PLACEHOLDER, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from markdown_it.token import Token

FILE_NAME = "report.txt"
_WIDTH = 78
_CELL = 40
_BLOCK_TAGS = frozenset(
    [
        "p",
        "div",
        "tr",
        "li",
        "ul",
        "ol",
        "table",
        "section",
        "header",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "blockquote",
    ]
)


def render(document: Document, files: Mapping[str, str]) -> Iterator[RenderedFile]:
    """
    Yield the text file.

    :param files: by table, the name of the file that has all of its rows.
    """
    head = [document.title, "=" * _wide(document.title)]
    head.append(period_line(document))
    writer = _Writer(document, files)
    body = writer.of(document.body)
    text = re.sub(r"\n{3,}", "\n\n", "\n\n".join(["\n".join(head), body, footer_text(document)])).strip() + "\n"
    yield RenderedFile(FILE_NAME, "text/plain", printable(text).encode())


class _Writer:
    def __init__(self, document: Document, files: Mapping[str, str]) -> None:
        self.document, self.files = document, files

    def of(self, prose: Prose) -> str:
        """Return the text of prose, with blocks in their places."""
        if not isinstance(prose, str):
            return _Prose(prose, self.block).text()
        parts = BLOCK_PLACEHOLDER.split(prose)
        return "".join(
            f"\n\n{self.block(self.document.blocks[int(part)])}\n\n" if position % 2 else _plain(part)
            for position, part in enumerate(parts)
        )

    def block(self, block: Block) -> str:
        """Return a block as text."""
        if isinstance(block, Table):
            return self._table(block)
        if isinstance(block, Metric):
            unit = f" {block.unit}" if block.unit else ""
            rest = "; ".join(part for part in (block.change, block.note) if part)
            return f"{block.label}: {block.value}{unit}" + (f" ({rest})" if rest else "")
        if isinstance(block, Notice):
            return self._notice(block)
        return fill(f"[{block.alt}]", _WIDTH, break_long_words=False, break_on_hyphens=False)

    def _notice(self, notice: Notice) -> str:
        if notice.body is None:
            title = f"{notice.title}: " if notice.title else ""
            return fill(f"[!] {title}{notice.text}", _WIDTH, subsequent_indent="    ", break_long_words=False)
        title = f"{notice.title}:\n    " if notice.title else ""
        return f"[!] {title}{indent(self.of(notice.body).strip(), '    ').lstrip()}"

    def _table(self, table: Table) -> str:
        caption = [table.caption] if table.caption else []
        if not len(table.rows):
            return "\n".join([*caption, self.document.language.word("no_rows")])
        language = self.document.language
        shown = min(table.limit, len(table.rows))
        positions = [table.rows.position(column.name) for column in table.columns]
        cells = [[_short(column.title) for column in table.columns]]
        cells += [
            [
                _short(column.write(row[at], language))
                for column, at in zip(table.columns, positions, strict=True)
            ]
            for row in islice(table.rows.tuples(), shown)
        ]
        totals = [[_short(text) for text in total_texts(table, self.document)]] if table.totals else []
        widths = [max(map(_wide, column)) for column in zip(*cells, *totals, strict=True)]
        ruler = "  ".join("-" * width for width in widths)
        lines = [_aligned(row, table.columns, widths) for row in cells]
        lines.insert(1, ruler)
        if totals:
            lines += [ruler, _aligned(totals[0], table.columns, widths)]
        if shown < len(table.rows):
            lines.append(more_rows(table, shown, self.document, self.files))
        return "\n".join([*caption, *lines])


class _Prose:
    """Walks Markdown's tokens; each kind that starts or ends something has a method of its name."""

    def __init__(self, tokens: Sequence[Token], block: Callable[[Block], str]) -> None:
        self.tokens, self.block = tokens, block
        self.lines: list[str] = []
        self.prefixes: list[str] = []  # of lists and quotes that are open
        self.numbers: list[int | None] = []  # of the next item in each list that is open; None for bullets
        self.mark = ""  # of a list's item, until its first line
        self.row: list[str] = []

    def text(self) -> str:
        for index, token in enumerate(self.tokens):
            visit = getattr(self, f"on_{token.type}", None)
            if visit is not None:
                visit(token, index)
        return "\n".join(self.lines)

    def on_daybreak_block(self, token: Token, index: int) -> None:
        self.lines.append(self.block(token.meta["block"]))
        if not _metric_follows(self.tokens, index):
            self.lines.append("")

    def on_bullet_list_open(self, _: Token, __: int) -> None:
        self.numbers.append(None)

    def on_ordered_list_open(self, token: Token, _: int) -> None:
        self.numbers.append(int(token.attrs.get("start", 1)))

    def on_bullet_list_close(self, _: Token, __: int) -> None:
        self.numbers.pop()
        if not self.numbers:
            self.lines.append("")

    on_ordered_list_close = on_bullet_list_close

    def on_list_item_open(self, _: Token, __: int) -> None:
        number = self.numbers[-1]
        self.mark = "- " if number is None else f"{number}. "
        self.numbers[-1] = None if number is None else number + 1
        self.prefixes.append(" " * len(self.mark))

    def on_list_item_close(self, _: Token, __: int) -> None:
        self.prefixes.pop()

    def on_blockquote_open(self, _: Token, __: int) -> None:
        self.prefixes.append("> ")

    on_blockquote_close = on_list_item_close

    def on_hr(self, _: Token, __: int) -> None:
        self.lines += ["-" * _WIDTH, ""]

    def on_fence(self, token: Token, _: int) -> None:
        self.lines += [*(f"    {line}" for line in token.content.rstrip("\n").split("\n")), ""]

    def on_tr_open(self, _: Token, __: int) -> None:
        self.row = []

    def on_tr_close(self, _: Token, __: int) -> None:
        self.lines.append("  ".join(self.row))

    def on_table_close(self, _: Token, __: int) -> None:
        self.lines.append("")

    def on_inline(self, token: Token, index: int) -> None:
        text, opening = _inline(token), self.tokens[index - 1]
        if opening.type in ("th_open", "td_open"):
            self.row.append(text)
        elif opening.type == "heading_open":
            under = {"h1": "=", "h2": "-"}.get(opening.tag)
            self.lines += [text, *([under * _wide(text)] if under else []), ""]
        else:
            indent = "".join(self.prefixes)
            first = indent[: len(indent) - len(self.mark)] + self.mark
            self.lines.append(
                fill(
                    text,
                    _WIDTH,
                    initial_indent=first,
                    subsequent_indent=indent,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
            )
            if not self.prefixes:
                self.lines.append("")
            self.mark = ""


def _metric_follows(tokens: Sequence[Token], index: int) -> bool:
    both = tokens[index : index + 2]
    return len(both) > 1 and all(isinstance(token.meta.get("block"), Metric) for token in both)


def _inline(token: Token) -> str:
    parts: list[str] = []
    links: list[str] = []
    marks = {"hardbreak": "\n", "softbreak": " ", "strong_open": "*", "strong_close": "*"}
    for child in token.children or ():
        parts.append(child.content if child.type in ("text", "code_inline") else marks.get(child.type, ""))
        if child.type == "link_open":
            links.append(str(child.attrs.get("href", "")))
        elif child.type == "link_close":
            address = links.pop()
            if not "".join(parts).endswith(address):
                parts.append(f" <{address}>")
    return "".join(parts)


def _aligned(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = []
    for text, column, width in zip(cells, columns, widths, strict=True):
        room = width - _wide(text)
        left = {"right": room, "end": room, "center": room // 2}.get(column.align, 0)
        parts.append(" " * left + text + " " * (room - left))
    return "  ".join(parts).rstrip()


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _wide(text: str) -> int:
    """Return how many columns of a terminal the text takes: ideographs take two, combining marks none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "title"):
            self.hidden += 1
        elif tag == "br":
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append("  ")
        elif tag == "img":
            self.parts.append(dict(attrs).get("alt") or "")
        elif tag in _BLOCK_TAGS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "title"):
            self.hidden = max(self.hidden - 1, 0)
        elif tag in _BLOCK_TAGS:
            self.parts.append("\n\n" if tag in ("p", "h1", "h2", "h3") else "\n")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.parts.append(re.sub(r"\s+", " ", data))


def _plain(html: str) -> str:
    parser = _Text()
    parser.feed(html)
    parser.close()
    return "\n".join(line.strip() for line in "".join(parser.parts).split("\n"))
