"""
What nobody would write, at random and the same each time: text, bytes, JSON, and damage to what was well.

``DAYBREAK_FUZZ`` is how many times as many cases as usual are tried, ten in a sweep; ``DAYBREAK_FUZZ_SEED`` makes them others.
"""

from __future__ import annotations

import json
import os
import random
from contextlib import contextmanager

from tests import attacks

MORE = int(os.environ.get("DAYBREAK_FUZZ", attacks.often(1, 10)))
SEED = os.environ.get("DAYBREAK_FUZZ_SEED", "daybreak")

ODD = (
    "",
    " ",
    "\0",
    "\n",
    "\r\n.\r\n",
    "\t",
    "\x1b[31m",
    "\x7f",
    "\x85",
    "\u2028",
    "\u202e",
    "\ud800",
    "\udcff",
    "\ue000",
    "\ufeff",
    "\uffff",
    "ß",
    "İ",
    "e\u0301",
    "٣",
    "日本",
    "😀",
    "\U0010ffff",
    "${X}",
    "{{ 1 }}",
    "'",
    '"',
    "\\",
    "../",
    "/",
    "%s",
    "{0}",
    "<x>",
    "-",
    "NaN",
    "1e400",
    "9" * 5000,
    "x" * 300,
)
NUMBERS = (0, -0.0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 0.1, 1e308, float("nan"), float("inf"))


class Fuzz(random.Random):
    """A source of odd things."""

    def text(self, words=(), most=8):
        """Return text of those words, odd bits, and anything between."""
        pieces = self.choices((*words, *words, *ODD, None), k=self.randrange(most + 1))
        return "".join(chr(self.randrange(0x110000)) if piece is None else piece for piece in pieces)

    def bytes(self, words=(), most=8):
        """Return likewise bytes, which need not be text."""
        pieces = self.choices((*words, *words, None, b""), k=self.randrange(most + 1))
        return b"".join(
            self.randbytes(self.randrange(20))
            if piece is None
            else piece or self.text(most=1).encode("utf-8", "surrogatepass")
            for piece in pieces
        )

    def json(self, depth=3):
        """Return a value that JSON has."""
        kind = self.randrange(8 if depth else 6)
        if kind == 6:
            return [self.json(depth - 1) for _ in range(self.randrange(4))]
        if kind == 7:
            return {self.text(most=2): self.json(depth - 1) for _ in range(self.randrange(4))}
        return self.choice((None, True, False, self.choice(NUMBERS), self.choice(ODD), self.text(most=3)))

    def damaged(self, value):
        """Return a JSON value with something else in a place of it."""
        if isinstance(value, dict) and value and self.random() < 0.9:
            key = self.choice(list(value))
            changed = dict(value)
            what = self.randrange(5)
            if what == 0:
                del changed[key]
            elif what == 1:
                changed[self.text(most=2)] = self.json()
            else:
                changed[key] = self.damaged(value[key])
            return changed
        if isinstance(value, list) and value and self.random() < 0.8:
            place = self.randrange(len(value))
            return [*value[:place], self.damaged(value[place]), *value[place + 1 :]]
        return self.json()

    def torn(self, data):
        """Return bytes with some that are missing, doubled or others."""
        start, end = sorted(self.randrange(len(data) + 1) for _ in range(2))
        return data[:start] + self.choice((b"", self.randbytes(3), data[start:end] * 2, b"\xff")) + data[end:]

    def file(self, value):
        """Return the bytes of a file in which that JSON value was, or something like it still is."""
        if self.random() < 0.2:
            return self.torn(json.dumps(value).encode())
        if self.random() < 0.1:
            return self.bytes()
        damaged = value
        for _ in range(self.randrange(1, 4)):
            damaged = self.damaged(damaged)
        return json.dumps(damaged).encode("utf-8", "surrogatepass")


def cases(name, count):
    """Yield that many sources, each of its own seed, times what is asked for."""
    for number in range(count * MORE):
        attacks.count()
        yield Fuzz(f"{SEED} {name} {number}")


@contextmanager
def told(case):
    """Add to an error what led to it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"with {case!r:.2000}") if hasattr(error, "add_note") else None
        raise
