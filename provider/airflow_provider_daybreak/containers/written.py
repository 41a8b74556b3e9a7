"""What a container writes, from its first byte on, however often it is read again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.containers import logs
from airflow_provider_daybreak.exceptions import ContainerLogTooLargeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow_provider_daybreak.containers.logs import StreamName

    Sink = Callable[[StreamName, str], None]


class Written:
    """
    What a container wrote, passed on line by line; the last lines are kept.

    :param sink: called with the stream's name and a line.
    :param limit: bytes after which it has written too much.
    """

    def __init__(self, sink: Sink, limit: int) -> None:
        self.stdout = logs.Tail()
        self.stderr = logs.Tail()
        self._sink = sink
        self._limit = limit
        self._bytes: dict[StreamName, int] = {"stdout": 0, "stderr": 0}
        self._lines: dict[StreamName, logs.Lines] = {"stdout": logs.Lines(), "stderr": logs.Lines()}

    def take(self, frames: Iterable[tuple[StreamName, bytes]], container: str) -> None:
        """
        Pass on what was not passed on yet, of frames that begin with the first byte ever written.

        :raises ContainerLogTooLargeError: there is more than the limit.
        """
        known = dict(self._bytes)
        for stream, data in frames:
            new = data[known[stream] :]
            known[stream] -= len(data) - len(new)
            self._bytes[stream] += len(new)
            if sum(self._bytes.values()) > self._limit:
                raise ContainerLogTooLargeError(container, self._limit)
            self._pass_on(stream, self._lines[stream].feed(new))

    def end(self) -> None:
        """Pass on lines that were begun and never ended."""
        for stream, lines in self._lines.items():
            self._pass_on(stream, lines.end())

    def _pass_on(self, stream: StreamName, lines: Iterable[str]) -> None:
        tail = self.stderr if stream == "stderr" else self.stdout
        for line in lines:
            tail.add(line)
            self._sink(stream, line)
