"""The lock that keeps two changes of the same name apart."""

from __future__ import annotations

import fcntl
import logging
import os
import socket
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import DeployLockTimeoutError, LocksUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.releases.layout import Layout

log = logging.getLogger(__name__)

_POLL = 0.05
_HOLDER_BYTES = 120  # always as many: a file whose length changes costs the journal a millisecond
_held: ContextVar[tuple[int, ...]] = ContextVar("held locks", default=())


def held_locks() -> tuple[int, ...]:
    """
    Return the descriptors of the locks held here, for ``pass_fds`` of what works on a deploy's behalf.

    With them it keeps the lock for as long as it lives: were this process killed, nobody would clean up
    under a uv that goes on writing.
    """
    return _held.get()


@contextmanager
def deploy_locked(layout: Layout, *, timeout: float) -> Iterator[None]:
    """
    Keep every other change of the name waiting.

    The kernel lets go of the lock when its holder ends in whatever way. Its file is never removed or replaced:
    those who wait for a file that is gone would not see each other.

    :param timeout: seconds to wait for another one.
    :raises DeployLockTimeoutError: another one held it for longer.
    :raises LocksUnsupportedError: the file system has no locks.
    """
    descriptor = os.open(layout.deploy_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait_for(descriptor, layout, timeout)
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        os.pwrite(descriptor, holder.encode()[:_HOLDER_BYTES].ljust(_HOLDER_BYTES), 0)
        token = _held.set((*_held.get(), descriptor))
        try:
            yield
        finally:
            _held.reset(token)
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, layout: Layout, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    told = False
    while not _locked(descriptor, layout):
        holder = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace").strip() or "unknown"
        if time.monotonic() >= deadline:
            raise DeployLockTimeoutError(layout.name, holder, timeout)
        if not told:
            log.info("Waiting for another deploy of %s: %s", layout.name, holder)
            told = True
        time.sleep(_POLL)


def _locked(descriptor: int, layout: Layout) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # ENOLCK, ENOTSUP, ENOSYS, as the file system likes
        raise LocksUnsupportedError(str(layout.home), error.strerror or str(error)) from error
    return True
