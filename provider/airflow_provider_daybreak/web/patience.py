"""An archive that does not answer hangs no page: it is asked in a thread of its own, and for a while."""

from __future__ import annotations

import time
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_daybreak.exceptions import ArchiveAwayError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

PATIENCE = 10.0  # seconds that one request waits
_MOST = 32  # requests that may wait at once: Airflow's own pages share a server's threads and memory with these
_WAITING = BoundedSemaphore(_MOST)


def patiently(uri: str, ask: Callable[[], _T]) -> _T:
    """
    Return what the archive answers.

    :param uri: of the archive, for the error.
    :param ask: asks it. Where it hangs, it does so in a thread that nobody waits for.
    :raises ArchiveAwayError: it can't be read, or not in time. What else ``ask`` raises is raised as it is.
    """
    deadline, found, failed = time.monotonic() + PATIENCE, list[_T](), list[BaseException]()
    late = ArchiveAwayError(uri, f"it gave no answer within {PATIENCE:.0f} seconds")
    waiting = _WAITING
    if not waiting.acquire(timeout=PATIENCE):
        raise late

    def work() -> None:
        try:
            found.append(ask())
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            failed.append(error)
        finally:
            waiting.release()

    thread = Thread(target=work, name="daybreak-archive", daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if failed:
        if isinstance(failed[0], OSError):
            raise ArchiveAwayError(uri, str(failed[0])) from failed[0]
        raise failed[0]
    if not found:
        raise late
    return found[0]
