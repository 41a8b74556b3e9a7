"""Several workers: what one of them deployed, made on another that lacks it."""

from __future__ import annotations

import hashlib
import logging
import os
from contextlib import contextmanager
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
from airflow_provider_daybreak.releases.files import read_json, write_json
from airflow_provider_daybreak.releases.making import (
    build_for,
    interpreter_here,
    make_release,
    remade,
)
from airflow_provider_daybreak.releases.release import find_release, get_release, is_ready
from airflow_provider_daybreak.releases.switch import history_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.releases.environments.packed import Packed
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
    other_python: bool = False,
) -> Release:
    """
    Return a release on this worker, made from the store unless it is here. Many may ask at once: one makes it.

    :param release_id: the current one of all workers when None.
    :param index_of: returns the index of a connection's id.
    :param other_python: where this worker's Python is another one, as while workers are upgraded one by one, return what the
        same lock and files make with it, under an id of its own. It is this worker's alone, and becomes nobody's current one.
    :raises ReleaseError: see the classes under it.
    """
    if release_id is None:
        with _remembered_history(layout, store):
            release_id = history_of(store.entries()).current
            if release_id is None:
                return get_release(layout)
            return ensure(
                layout, release_id, store=store, index_of=index_of, lock_timeout=lock_timeout,
                other_python=other_python,
            )  # fmt: skip
    if not is_ready(layout, release_id):
        with changing(layout, lock_timeout=lock_timeout):
            release_id = _fetch(layout, release_id, store, index_of, other_python=other_python)
    return get_release(layout, release_id)


@contextmanager
def _remembered_history(layout: Layout, store: Store) -> Iterator[None]:
    """Remember how long the signed history was: who may write to the store can cut it, and so return to an earlier release."""
    if not store.keys:
        yield
        return
    seen = (read_json(layout.history_seen) or {}).get("last")
    last = store.check_history(seen if isinstance(seen, int) else 0)
    yield
    if last != seen:
        write_json(layout.history_seen, {"last": last})


def shared_previous(store: Store) -> str | None:
    """Return the release that all workers may return to: the last one before the current that the store has."""
    there = set(store.release_ids())
    return next((one for one in reversed(history_of(store.entries()).line[:-1]) if one in there), None)


def _fetch(
    layout: Layout, release_id: str, store: Store, index_of: Callable[[str], Index], *, other_python: bool
) -> str:
    """Make a release from the store, and return the id that it has here."""
    if is_ready(layout, release_id):
        return release_id  # another task made it while this one waited
    manifest = store.manifest(release_id)
    lock = Lock(store.lock(manifest))
    interpreter = interpreter_here(layout, manifest, lock) if other_python else None
    packed = None
    if interpreter is not None and interpreter.identity() != manifest["interpreter"]:
        made_for = manifest["interpreter"]["version"]
        manifest = remade(manifest, interpreter)
        if is_ready(layout, manifest["release"]):
            return str(manifest["release"])
        log.warning(
            "Release %s of %s was made for Python %s, and here is %s at %s: it is made anew of its lock, as %s",
            release_id, layout.name, made_for, interpreter.version, interpreter.path,
            manifest["release"],
        )  # fmt: skip
    else:
        log.info("Release %s of %s is not on this worker: making it from the store", release_id, layout.name)
        packed = _packed(store, str(manifest["environment"]))
    build_for(layout, manifest, lock, index_of, interpreter=interpreter, packed=packed)
    if find_release(layout, manifest["release"]) is None:
        make_release(
            layout, manifest, lambda path: [_fetched(store, {**manifest, "release": release_id}, path)]
        )
    if manifest["env_file"]:
        _fetch_env_file(layout, Path(manifest["env_file"]))
    return str(manifest["release"])


def _packed(store: Store, environment_id: str) -> Packed | None:
    """Return an environment to unpack. Where what the store has of it can't be trusted, it is made of its lock, which can."""
    try:
        return store.packed(environment_id)
    except StoredReleaseError as error:
        log.warning("Environment %s is made of its lock: %s", environment_id, error)
        return None


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
