"""What is done beside the mailing, for all ledgers that one task mails by: claims renewed, outcomes made durable."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.claims import LIFETIME, Claims, give_sign
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Hashable
    from datetime import timedelta
    from pathlib import Path

    from typing_extensions import Self

    from airflow_provider_daybreak.storage import StoragePath

_THREADS = 4
_MOST_UNSYNCHRONISED = 64  # outcomes


class Upkeep:
    """
    Threads that many ledgers share, which are there from when they are needed until :meth:`end`, or the end of a ``with``.

    :param lifetime: how long a claim stands that nobody renews.
    """

    def __init__(self, lifetime: timedelta = LIFETIME) -> None:
        self.lifetime = lifetime
        self.claims: Claims[StoragePath] = Claims(give_sign, lifetime)
        """The claims that are held, each as the file that says that its sender lives."""
        self.proven: set[Hashable] = set()
        """Where one alone was seen to create a file, see :func:`storage.place`."""
        self._pool: ThreadPoolExecutor | None = None
        self._synchronising: deque[Future[None]] = deque()
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def synchronise(self, path: Path) -> None:
        """Make a local file and its name durable soon: when this was called for 64 more, or at the end."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="daybreak-ledger")
            self._synchronising.append(self._pool.submit(_synchronise, path))
            full = len(self._synchronising) > _MOST_UNSYNCHRONISED
            oldest = self._synchronising.popleft() if full else None
        if oldest is not None:
            oldest.result()

    def end(self) -> None:
        """
        Wait until everything is durable, and end the threads. They are there again when they are needed again.

        :raises OSError: something could not be made durable.
        """
        try:
            while self._synchronising:
                self._synchronising.popleft().result()
        finally:
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.shutdown()
            self.claims.end()


def _synchronise(path: Path) -> None:
    local.synchronise(path)
    local.synchronise(path.parent)
