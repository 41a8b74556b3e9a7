"""Removing releases and environments that nothing needs any more."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.releases.environments.environment import COMPLETE, users_of
from airflow_provider_daybreak.releases.files import discard, empty_trash
from airflow_provider_daybreak.releases.layout import ids_in
from airflow_provider_daybreak.releases.lease import exclusively
from airflow_provider_daybreak.releases.release import MANIFEST, previous_id
from airflow_provider_daybreak.releases.running.workspace import remove_leftovers
from airflow_provider_daybreak.releases.switch import current_id, read_history

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.store import Store

log = logging.getLogger(__name__)

PINNED = ".pinned"


def clean(layout: Layout) -> None:
    """Remove what interrupted deploys and runs left. Only who holds the deploy lock may call this."""
    empty_trash(layout.trash)
    remove_leftovers(layout, current_id(layout))
    for folder in (layout.home, layout.state, layout.dotenv.parent):
        for entry in os.scandir(folder):
            if entry.name.startswith(".") and entry.name.endswith(".tmp"):
                Path(entry.path).unlink()
    for release in ids_in(layout.releases):
        if not (layout.releases / release / MANIFEST).exists():
            log.info("Removing the remains of an interrupted deploy: release %s", release)
            discard(layout.releases / release, layout.trash)
    for environment in ids_in(layout.environments):
        if not (layout.environments / environment / COMPLETE).exists():
            log.info("Removing the remains of an interrupted build: environment %s", environment)
            discard(layout.environments / environment, layout.trash)


def check_keep(keep: object) -> None:
    """
    Make sure that this can be how many releases stay.

    :raises InvalidValueError: it can't.
    """
    if not isinstance(keep, int) or keep < 1:
        raise InvalidValueError("keep", keep, "a whole number of at least 1")


def prune(layout: Layout, *, keep: int) -> list[str]:
    """
    Remove all but the newest releases, and the environments that only they used.

    A release that is current, previous, pinned or in use stays, and counts among those to keep. Only who
    holds the deploy lock may call this.

    :param keep: how many releases stay, at least the current and the previous one.
    :return: ids of the releases that were removed.
    """
    history = read_history(layout)
    spared = {current_id(layout), previous_id(layout)}
    order = {release: place for place, release in enumerate(history.recent)}
    there = sorted(ids_in(layout.releases), key=lambda one: (order.get(one, -1), one), reverse=True)
    removed = []
    for release in there[max(keep, 1) :]:
        path = layout.release(release)
        if release in spared or (path / PINNED).exists():
            continue
        with exclusively(path) as free:
            if free:
                discard(path, layout.trash)
                removed.append(release)
            else:
                log.info("Release %s is past keeping, but a job runs from it: it stays for now", release)
    used = users_of(layout)
    for environment in ids_in(layout.environments):
        if environment not in used:
            discard(layout.environment(environment), layout.trash)
    if removed:
        log.info("Removed %d old releases: %s", len(removed), ", ".join(removed))
    return removed


def prune_store(layout: Layout, store: Store, *, keep: int) -> None:
    """
    Remove what the workers share of all but the newest releases.

    One that is current or previous stays. A worker that made a release keeps its own copy, whatever is here.

    :param keep: how many stay.
    """
    history = read_history(layout)
    kept = {current_id(layout), *history.line[-2:], *history.recent[-max(keep, 2) :]}
    for release in store.release_ids():
        if release not in kept:
            store.remove(release)
    store.remove_environments()
