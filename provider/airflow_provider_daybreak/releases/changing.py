"""Holding a name for a change: one at a time, from what all workers have, after what an interrupted one left."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import DiskFullError, StorageError
from airflow_provider_daybreak.releases.locking import deploy_locked
from airflow_provider_daybreak.releases.prune import clean
from airflow_provider_daybreak.releases.release import get_release, is_ready
from airflow_provider_daybreak.releases.switch import (
    current_id,
    entries_of,
    heal,
    history_of,
    point_to,
    replace_history,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.store import Store


@contextmanager
def changing(layout: Layout, *, lock_timeout: float, store: Store | None = None) -> Iterator[None]:
    """
    Hold the name for a change, after what an interrupted one left was removed.

    :param lock_timeout: seconds to wait for another change of the name.
    :param store: whose history this worker takes over first.
    :raises DeployLockTimeoutError: another one held it for longer.
    :raises StorageError: what was to change can't be written; a DiskFullError where there is no room.
    """
    try:
        layout.make()
        layout.check_access()
        with deploy_locked(layout, timeout=lock_timeout):
            heal(layout)
            clean(layout)
            if store:
                _take_over_history(layout, store)
            yield
    except OSError as error:
        path, problem = str(error.filename or layout.home), error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(path, problem) from error
        raise StorageError(path, problem) from error


def _take_over_history(layout: Layout, store: Store) -> None:
    """Make this worker's history that of all workers, which another one may have gone on with."""
    ours = entries_of(layout)
    if store.length() == len(ours):
        return
    theirs = store.entries()
    if not theirs:  # the store is new: what is current here is where all begin
        if current_id(layout):
            _share(layout, ours, store)
        return
    if theirs == ours[: len(theirs)]:  # of the store's, some are gone or were never signed
        _share(layout, ours[len(theirs) :], store)
        return
    replace_history(layout, theirs)
    wanted = history_of(theirs).current
    if wanted and is_ready(layout, wanted):
        point_to(layout, wanted)


def _share(layout: Layout, entries: list[dict[str, Any]], store: Store) -> None:
    store.publish(get_release(layout))
    for entry in entries:
        store.append(entry)
