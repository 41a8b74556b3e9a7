"""Connections to a server, one or several at once, and the work that is done over them."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import SmtpUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_daybreak.delivery.transport import Session

log = logging.getLogger(__name__)


class StoppedError(Exception):
    """No further mail may be begun: another connection failed, or the task is to end."""


class Connection:
    """
    A session that is opened when it is needed, and again after it was dropped.

    :ivar worked: whether the server took a mail over it since it was opened.
    :ivar stopped: set when no further mail may be begun.
    """

    def __init__(self, connect: Callable[[], Session], stopped: Event) -> None:
        self._connect = connect
        self._session: Session | None = None
        self._keeps = False
        self.worked = False
        self.stopped = stopped

    def session(self) -> Session:
        """Return the session."""
        if self._session is None:
            self._session = self._connect()
        return self._session

    def drop(self) -> None:
        """Close it without a word."""
        if self._session is not None:
            self._session.abort()
            self._session = None

    def close(self) -> None:
        """Say goodbye."""
        if self._session is not None:
            if self._keeps:
                self._session.kept = False
            self._session.close()

    def keep(self) -> Session:
        """
        Return the session for the mails of one report, to be left open for those of the next.

        :raises StoppedError: no further mail may be begun.
        """
        if self.stopped.is_set():
            raise StoppedError
        if self._session is not None and not self._session.is_open:
            self._session = None
        session = self.session()
        session.kept = self._keeps = True
        return session

    def interrupt(self) -> None:
        """End what another thread waits for."""
        if self._session is not None:
            self._session.interrupt()


def work_over(connect: Callable[[], Session], work: Callable[[Connection], None], *, connections: int) -> None:
    """
    Do the work over so many connections at once, each in a thread of its own, or here where it is one.

    What one could not do since the server takes no more connections is left to the others.

    :param work: takes what there is to do until nothing is left, and is told when to stop.
    :raises SmtpUnavailableError: none of them could be opened to the end.
    """
    stopped = Event()
    crew = [Connection(connect, stopped) for _ in range(connections)]
    if connections == 1:
        _work(crew[0], work)
        return
    unavailable: list[SmtpUnavailableError] = []
    failed: list[BaseException] = []
    with ThreadPoolExecutor(connections, thread_name_prefix="daybreak-mail") as pool:
        futures = [pool.submit(_work, connection, work) for connection in crew]
        try:
            for future in as_completed(futures):
                error = future.exception()
                if isinstance(error, SmtpUnavailableError):
                    log.info("one connection less: %s", error)
                    unavailable.append(error)
                elif error is not None:
                    stopped.set()
                    failed.append(error)
        except BaseException:  # the task is to end: what waits for the server waits no more
            stopped.set()
            for connection in crew:
                connection.interrupt()
            raise
    if failed:
        raise failed[0]
    if len(unavailable) == connections:
        raise unavailable[0]


def _work(connection: Connection, work: Callable[[Connection], None]) -> None:
    try:
        work(connection)
    finally:
        connection.close()
