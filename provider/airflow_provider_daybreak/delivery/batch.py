"""The mailings of one request: each is made when its turn comes, so that ten thousand take the memory of a few."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.connections import work_over
from airflow_provider_daybreak.delivery.sender import Summary
from airflow_provider_daybreak.exceptions import SmtpUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.delivery.connections import Connection
    from airflow_provider_daybreak.delivery.mailing import Mailing
    from airflow_provider_daybreak.delivery.message import Message
    from airflow_provider_daybreak.delivery.transport import Session


class Batch:
    """
    The mailings of several reports, in their order.

    :param messages: by report, at least one.
    :param mailing_of: makes the mailing of a message.
    """

    def __init__(self, messages: Mapping[str, Message], mailing_of: Callable[[Message], Mailing]) -> None:
        self._messages = messages
        self._mailing_of = mailing_of
        self._reports = list(messages)

    def __len__(self) -> int:
        return len(self._reports)

    def __getitem__(self, index: int) -> Mailing:
        return self._mailing_of(self._messages[self._reports[index]])

    def __iter__(self) -> Iterator[Mailing]:
        """Yield each mailing. What it made of its message is let go of when the next is asked for."""
        for index in range(len(self)):
            mailing = self[index]
            yield mailing
            mailing.message.release()

    def send(self, connect: Callable[[], Session], *, connections: int) -> Summary:
        """
        Send them: many reports over few connections, and few reports over many.

        :param connect: opens a session.
        :param connections: how many at once.
        :return: what became of all of them.
        """
        results = _Results(self._reports)
        if len(self) < max(connections, 2):
            for index, mailing in enumerate(self):
                results.put(index, mailing.send(connect))
            return results.all
        left = deque(range(len(self)))

        def work(connection: Connection) -> None:
            while left:
                try:
                    index = left.popleft()
                except IndexError:  # another connection took the last
                    return
                try:
                    results.put(index, self[index].send(connection.keep, connections=1))
                except SmtpUnavailableError:
                    left.append(index)  # for those that have a connection
                    raise

        while left:
            work_over(connect, work, connections=min(connections, len(left)))
        return results.all


class _Results:
    """What became of the mails of each report, put together in the order of the reports whichever was sent first."""

    def __init__(self, reports: list[str]) -> None:
        self.all = Summary()
        self._reports = reports
        self._early: dict[int, Summary] = {}
        self._next = 0
        self._lock = Lock()

    def put(self, index: int, found: Summary) -> None:
        with self._lock:
            self._early[index] = found
            while self._next in self._early:
                self.all.add(self._early.pop(self._next), self._reports[self._next])
                self._next += 1
