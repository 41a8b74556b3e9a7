"""What is different between two texts, side by side, with the numbers and words that changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_AROUND = 3  # lines that stay, before and after what changed
_MOST_LINES = 4000  # of each text
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
    for group in SequenceMatcher(None, first, second, autojunk=False).get_grouped_opcodes(_AROUND):
        if found:
            found.append(Line("skipped"))
        for kind, a, b, c, d in group:
            found += _lines(kind, first[a:b], second[c:d])
    return found


def _lines(kind: str, left: Sequence[str], right: Sequence[str]) -> Iterator[Line]:
    if kind == "equal":
        yield from (Line("same", [(text, False)], [(text, False)]) for text in left)
        return
    for one, other in zip(left, right, strict=False):
        yield Line("changed", *_parts(one, other))
    shared = min(len(left), len(right))
    yield from (Line("gone", [(text, True)]) for text in left[shared:])
    yield from (Line("new", (), [(text, True)]) for text in right[shared:])


def _parts(before: str, after: str) -> tuple[list[Part], list[Part]]:
    first, second = _WORD.findall(before), _WORD.findall(after)
    left: list[Part] = []
    right: list[Part] = []
    for kind, a, b, c, d in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        changed = kind != "equal"
        if a < b:
            left.append(("".join(first[a:b]), changed))
        if c < d:
            right.append(("".join(second[c:d]), changed))
    return left, right
