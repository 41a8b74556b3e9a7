"""A table of Markdown: the tokens from its opening to its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.formats.columns import named_by, width_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from markdown_it.token import Token


@dataclass(frozen=True)
class MarkdownTable:
    """A table of Markdown, by its tokens."""

    tokens: Sequence[Token]

    @cached_property
    def widths(self) -> list[int]:
        """How many characters wide each column is at least."""
        words: list[list[str]] = []
        for column, token in self._placed():
            if column is not None and token.type == "inline":
                words += [[]] if column == len(words) else []
                words[column] += _text(token).split()
        return [width_of(each) for each in words]

    @property
    def name(self) -> str:
        """What it is called: its columns."""
        head = self.tokens[: next(at for at, each in enumerate(self.tokens) if each.type == "thead_close")]
        return named_by(_text(each) for each in head if each.type == "inline")

    def of(self, columns: Container[int]) -> Iterator[Token]:
        """Yield the tokens of a table that has these columns alone."""
        return (token for column, token in self._placed() if column is None or column in columns)

    def _placed(self) -> Iterator[tuple[int | None, Token]]:
        """Yield each token with the column that it is of, if any."""
        column, within = -1, False
        for token in self.tokens:
            if token.type == "tr_open":
                column = -1
            elif token.type in ("th_open", "td_open"):
                column, within = column + 1, True
            yield column if within else None, token
            within = within and token.type not in ("th_close", "td_close")


def _text(inline: Token) -> str:
    return "".join(each.content for each in inline.children or () if each.type in ("text", "code_inline"))
