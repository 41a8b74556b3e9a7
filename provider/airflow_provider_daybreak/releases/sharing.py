"""Several workers: what one of them deployed, made on another that lacks it."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import (
    InterpreterError,
    ReleaseNotFoundError,
    SecretNotHereError,
    StoredReleaseError,
)
from airflow_provider_daybreak.releases.changing import changing
from airflow_provider_daybreak.releases.dotenv_file import place_env_file, read_env_file
from airflow_provider_daybreak.releases.environments.lock import Lock
from airflow_provider_daybreak.releases.making import build_for, make_release
from airflow_provider_daybreak.releases.release import find_release, get_release, is_ready
from airflow_provider_daybreak.releases.switch import history_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.store import Store
    from airflow_provider_daybreak.releases.uv import Index

log = logging.getLogger(__name__)


def catch_up(layout: Layout, store: Store, *, index_of: Callable[[str], Index]) -> None:
    """
    Make what all workers run on this one too, so that a deploy starts from there.

    Where that can't be done, the deploy may well be what mends it.
    """
    if not store.length():
        return
    try:
        ensure(layout, None, store=store, index_of=index_of)
    except (InterpreterError, ReleaseNotFoundError, SecretNotHereError, StoredReleaseError) as error:
        log.warning("The release that is current elsewhere can't be made on this worker: %s", error)


def ensure(
    layout: Layout,
    release_id: str | None,
    *,
    store: Store,
    index_of: Callable[[str], Index],
    lock_timeout: float = 600,
) -> Release:
    """
    Return a release on this worker, made from the store unless it is here. Many may ask at once: one makes it.

    :param release_id: the current one of all workers when None.
    :param index_of: returns the index of a connection's id.
    :raises ReleaseError: see the classes under it.
    """
    if release_id is None:
        release_id = history_of(store.entries()).current
        if release_id is None:
            return get_release(layout)
    if not is_ready(layout, release_id):
        with changing(layout, lock_timeout=lock_timeout):
            _fetch(layout, release_id, store, index_of)
    return get_release(layout, release_id)


def shared_previous(store: Store) -> str | None:
    """Return the release that all workers may return to: the last one before the current that the store has."""
    there = set(store.release_ids())
    return next((one for one in reversed(history_of(store.entries()).line[:-1]) if one in there), None)


def _fetch(layout: Layout, release_id: str, store: Store, index_of: Callable[[str], Index]) -> None:
    if is_ready(layout, release_id):
        return  # another task made it while this one waited
    manifest = store.manifest(release_id)
    lock = Lock(store.lock(manifest))
    log.info("Release %s of %s is not on this worker: making it from the store", release_id, layout.name)
    build_for(layout, manifest, lock, index_of)
    if find_release(layout, release_id) is None:
        make_release(layout, manifest, lambda path: [_fetched(store, manifest, path)])
    if manifest["env_file"]:
        _fetch_env_file(layout, Path(manifest["env_file"]))


def _fetched(store: Store, manifest: Mapping[str, Any], path: str) -> bytes:
    """Return a file of a release from the store, or, where it looks like a secret, from this worker's own source."""
    if path not in manifest.get("secrets", ()):
        return store.read(dict(manifest), path)
    source = Path(manifest["source"])
    place = (source.parent if source.suffix == ".py" else source) / path
    expected = next(file["sha256"] for file in manifest["files"] if file["path"] == path)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise SecretNotHereError(path, str(place), error.strerror or str(error)) from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise SecretNotHereError(path, str(place), "its content is another one there")
    return data


def _fetch_env_file(layout: Layout, path: Path) -> None:
    """Place this worker's own ``.env``: secrets don't go through the store."""
    if os.path.lexists(path):
        place_env_file(layout, read_env_file(path))
    elif not layout.dotenv.exists():
        log.warning(
            "%s has a .env on the worker that deployed it, and there is none here: %s", layout.name, path
        )
