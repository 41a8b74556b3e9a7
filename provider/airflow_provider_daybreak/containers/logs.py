"""What a container writes, as it comes: lines of two streams, in memory that doesn't grow."""

from __future__ import annotations

import codecs
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_daybreak.redact import Redactor

StreamName = Literal["stdout", "stderr"]

_HEADER = 8  # bytes before each frame: stream, three zeros, length (Engine API, "Stream format")
_STDERR = 2
LINE_LIMIT = 16 * 1024
"""Characters after which a line that doesn't end is taken as one."""


def frames(chunks: Iterable[bytes]) -> Iterator[tuple[StreamName, bytes]]:
    """
    Yield what each stream wrote, out of the engine's multiplexed format.

    :param chunks: bytes as they arrive, cut anywhere. A frame cut off at the end is dropped.
    """
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        start = 0
        while len(buffer) - start >= _HEADER:
            end = start + _HEADER + int.from_bytes(buffer[start + 4 : start + _HEADER], "big")
            if len(buffer) < end:
                break
            stream: StreamName = "stderr" if buffer[start] == _STDERR else "stdout"
            yield stream, bytes(buffer[start + _HEADER : end])
            start = end
        del buffer[:start]


class Lines:
    """
    Cuts one stream's bytes into lines of text, however the bytes were cut before.

    :param redactor: knows what must not be cut in two, since half of a secret is masked nowhere.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._rest = ""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield each line that the data completes, without the blanks at its end."""
        *lines, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        for line in lines:
            yield line.rstrip()
        while (end := self._redactor.cut(self._rest, LINE_LIMIT)) is not None:
            yield self._rest[:end]
            self._rest = self._rest[end:]

    def end(self) -> Iterator[str]:
        """Yield the line that was begun and never ended."""
        rest = (self._rest + self._decoder.decode(b"", final=True)).rstrip()
        self._rest = ""
        if rest:
            yield rest


@dataclass
class Tail:
    """
    The last lines of a stream that are not blank.

    :param lines: how many are kept, each cut at 1,000 characters.
    """

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def add(self, line: str) -> None:
        """Keep the line, and let go of the oldest."""
        if line and not line.isspace():
            self.lines.append(line[:1000])

    @property
    def last(self) -> str | None:
        """The last line, or None when there was none."""
        return self.lines[-1] if self.lines else None

    def __str__(self) -> str:
        return "\n".join(self.lines)
