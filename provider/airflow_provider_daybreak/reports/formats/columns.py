"""The columns of a table: how wide they are, and which of them have room beside each other on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOMY = 5
"""Columns of a table that need no smaller print."""
LONG, PIECE = 60, 20
"""Characters of a word that paper gets in pieces, since WeasyPrint looks for breaks in one of thousands for minutes; and of a piece."""

_ROOM = 2  # characters around a cell's text
_PAPER = 100  # characters beside each other on A4, in a table's print
_CROWDED_PAPER = 140  # in its smallest
_NAME = 60  # characters that a table is called by


def width_of(words: Iterable[str]) -> int:
    """Return how many characters wide a column is at least that has these words."""
    lengths = (len(word) for word in words)
    return _ROOM + max((PIECE if length >= LONG else length for length in lengths), default=0)


def side_by_side(widths: Sequence[int]) -> Iterator[list[int]]:
    """
    Yield which columns have room beside each other on paper, the first among them each time.

    :param widths: of the columns, in characters.
    """
    part, width = [0], widths[0]
    for column, each in enumerate(widths[1:], start=1):
        if width + each > _CROWDED_PAPER and len(part) > 1:
            yield part
            part, width = [0], widths[0]
        part.append(column)
        width += each
    yield part


def is_crowded(parts: Iterable[Iterable[int]], widths: Sequence[int]) -> bool:
    """
    Return whether some columns have room beside each other in the smallest print alone.

    :param parts: columns that stand beside each other.
    :param widths: of all columns, in characters.
    """
    return max(sum(widths[column] for column in part) for part in parts) > _PAPER


def named_by(titles: Iterable[str]) -> str:
    """Return what a table without a caption is called: its columns."""
    text = ", ".join(filter(None, titles))
    return text if len(text) <= _NAME else text[:_NAME].rstrip() + "…"
