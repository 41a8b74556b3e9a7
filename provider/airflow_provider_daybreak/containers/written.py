"""What a container writes, from its first byte on, however often it is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.containers import logs
from airflow_provider_daybreak.exceptions import ContainerLogTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_daybreak.containers.logs import StreamName
    from airflow_provider_daybreak.redact import Redactor

    Sink = Callable[[StreamName, str], None]

_LAST_LINE = 1000
"""Characters of the last line that are kept: it becomes an XCom."""


class Written:
    """
    What a container wrote, passed on line by line, masked; the last lines are kept.

    :param sink: called with the stream's name and a line.
    :param limit: bytes after which it has written too much.
    :param redactor: knows the container's secrets.
    """

    def __init__(self, sink: Sink, limit: int, redactor: Redactor) -> None:
        self.last_line: str | None = None
        """Last line on stdout that isn't blank, without the secrets in it."""
        self.stdout = logs.Tail()
        self.stderr = logs.Tail()
        self._sink = sink
        self._limit = limit
        self._bytes: dict[StreamName, int] = {"stdout": 0, "stderr": 0}
        self._lines: dict[StreamName, logs.Lines] = {
            "stdout": logs.Lines(redactor),
            "stderr": logs.Lines(redactor),
        }
        self.redactor = redactor

    def take(self, frames: Iterable[tuple[StreamName, bytes]], container: str) -> None:
        """
        Pass on what was not passed on yet, of frames that begin with the first byte ever written.

        :raises ContainerLogTooLargeError: there is more than the limit.
        """
        known = dict(self._bytes)
        for stream, data in frames:
            new = data[known[stream] :]
            known[stream] -= len(data) - len(new)
            self.add(stream, new, container)

    def add(self, stream: StreamName, data: bytes, container: str) -> None:
        """
        Pass on what follows what was passed on.

        :raises ContainerLogTooLargeError: there is more than the limit.
        """
        self._bytes[stream] += len(data)
        if sum(self._bytes.values()) > self._limit:
            raise ContainerLogTooLargeError(container, self._limit)
        self._pass_on(stream, self._lines[stream].feed(data))

    def end(self) -> None:
        """Pass on lines that were begun and never ended."""
        for stream, lines in self._lines.items():
            self._pass_on(stream, lines.end())

    def _pass_on(self, stream: StreamName, lines: Iterable[str]) -> None:
        tail = self.stderr if stream == "stderr" else self.stdout
        for line in lines:
            if stream == "stdout" and line and not line.isspace():
                self.last_line = self.redactor.for_result(line)[:_LAST_LINE]
            masked = self.redactor.for_log(line)
            tail.add(masked)
            self._sink(stream, masked)
