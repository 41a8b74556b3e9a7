"""What is different between two texts, side by side, with the numbers and words that changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from os.path import commonprefix
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_AROUND = 3  # lines that stay, before and after what changed
_MOST_LINES = 4000  # of each text
_MOST_SHOWN = 1000  # lines of what is different
_LONGEST = 2000  # characters that are shown of a line
_BEFORE = 100  # of them that are the same
_MOST_PAIRS = 2_000_000  # of words that are compared, in all: who reads a difference of more needs another tool
_WORD = re.compile(r"-?\d[\d.,\u00a0\u202f]*\d|\w+|\s+|.")

Part = tuple[str, bool]
"""A piece of a line, and whether it changed."""


@dataclass(frozen=True)
class Line:
    """
    A line of both texts.

    :param kind: ``same``, ``changed``, ``gone``, ``new``, or ``skipped`` in place of lines that are the same.
    :param left: what the first text has.
    :param right: what the second has.
    """

    kind: str
    left: Sequence[Part] = ()
    right: Sequence[Part] = ()


def difference(before: str, after: str) -> list[Line] | None:
    """Return the lines that changed, with some around them: none where nothing did, None where the texts are too long."""
    first, second = before.splitlines(), after.splitlines()
    if max(len(first), len(second)) > _MOST_LINES:
        return None
    found: list[Line] = []
    words = _Words()
    for group in SequenceMatcher(None, first, second).get_grouped_opcodes(_AROUND):
        if found:
            found.append(Line("skipped"))
        for kind, a, b, c, d in group:
            found += _lines(kind, first[a:b], second[c:d], words)
        if len(found) > _MOST_SHOWN:
            return [*found[:_MOST_SHOWN], Line("skipped")]
    return found


def _lines(kind: str, left: Sequence[str], right: Sequence[str], words: _Words) -> Iterator[Line]:
    if kind == "equal":
        yield from (Line("same", [(_shown(text), False)], [(_shown(text), False)]) for text in left)
        return
    for one, other in zip(left, right, strict=False):
        start = 0
        if max(len(one), len(other)) > _LONGEST:  # what is shown of it begins shortly before what changed
            start = max(0, len(commonprefix((one, other))) - _BEFORE)  # noqa: RUF071 - they are no paths
        yield Line("changed", *words.parts(_shown(one, start), _shown(other, start)))
    shared = min(len(left), len(right))
    yield from (Line("gone", [(_shown(text), True)]) for text in left[shared:])
    yield from (Line("new", (), [(_shown(text), True)]) for text in right[shared:])


def _shown(text: str, start: int = 0) -> str:
    before, after = ("… " if start else ""), (" …" if len(text) > start + _LONGEST else "")
    return f"{before}{text[start : start + _LONGEST]}{after}"


class _Words:
    """Compares lines word by word, as long as that takes no more than a moment."""

    def __init__(self) -> None:
        self._left = _MOST_PAIRS

    def parts(self, before: str, after: str) -> tuple[list[Part], list[Part]]:
        """Return the pieces of two lines, each with whether it changed."""
        first, second = _WORD.findall(before), _WORD.findall(after)
        self._left -= len(first) * len(second)
        if self._left < 0:
            return [(before, True)], [(after, True)]
        left: list[Part] = []
        right: list[Part] = []
        for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
            changed = kind != "equal"
            if a < b:
                left.append(("".join(first[a:b]), changed))
            if c < d:
                right.append(("".join(second[c:d]), changed))
        return left, right
