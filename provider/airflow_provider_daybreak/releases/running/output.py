"""What a script writes, as it comes: kept for who takes it apart, and passed on line by line."""

from __future__ import annotations

import codecs
import re
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_daybreak.redact import Redactor

KEPT_BYTES = 4 * 1024**2
_LINE_LENGTH = 64 * 1024  # characters that are passed on at a time
_TAIL_LINES = 20


class Stream(Protocol):
    """What a script writes, as it comes."""

    def feed(self, chunk: bytes) -> None:
        """Take what comes next."""

    def close(self) -> None:
        """Take note that nothing more comes."""


class Kept:
    """The end of a stream, as it came."""

    def __init__(self) -> None:
        self.written = 0
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take what comes next, and forget what is too far back."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        self.written += len(chunk)
        while self._size - len(self._chunks[0]) > KEPT_BYTES:
            self._size -= len(self._chunks.popleft())

    def close(self) -> None:
        """Do nothing: all is there already."""

    def data(self) -> bytes:
        """Return all of it, or the last whole lines: the rest of one could begin with the rest of a secret."""
        data = b"".join(self._chunks)
        return data if self.written <= KEPT_BYTES else data[-KEPT_BYTES:].partition(b"\n")[2]


class Lines:
    r"""
    A stream as lines without the values of ``.env``: they are passed on as they come, and the last are kept.

    :param encoding: of its text. What is none in it is shown as ``\xe9``.
    :param patterns: regular expressions; the first line that one is found in is kept in ``matches``, by its text.
    """

    def __init__(
        self,
        name: str,
        on_line: Callable[[str, str], None],
        redactor: Redactor,
        *,
        encoding: str = "utf-8",
        patterns: Sequence[str] = (),
    ) -> None:
        self._name = name
        self._on_line = on_line
        self._redactor = redactor
        self._patterns = {pattern: re.compile(pattern) for pattern in patterns}
        self.matches: dict[str, str] = {}
        self._decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
        self._partial = ""
        self._last: deque[str] = deque(maxlen=_TAIL_LINES)

    def feed(self, chunk: bytes) -> None:
        """Pass on the lines that end in what comes next."""
        *lines, self._partial = (self._partial + self._decoder.decode(chunk)).split("\n")
        for line in lines:
            self._pass_on(line)
        while (end := self._redactor.cut(self._partial, _LINE_LENGTH)) is not None:
            self._pass_on(self._partial[:end])
            self._partial = self._partial[end:]

    def close(self) -> None:
        """Pass on the last line, if it has no end."""
        if rest := self._partial + self._decoder.decode(b"", final=True):
            self._pass_on(rest)

    def last(self) -> str:
        """Return the last lines."""
        return "\n".join(self._last)

    def _pass_on(self, line: str) -> None:
        text = self._redactor.for_log(line.rstrip("\r"))
        for pattern, compiled in self._patterns.items():
            if pattern not in self.matches and compiled.search(line):
                self.matches[pattern] = text
        self._on_line(self._name, text)
        if text.strip():
            self._last.append(text)
