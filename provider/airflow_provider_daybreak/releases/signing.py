"""Signing what goes into the store, so that whoever may write there can't put something else in its place."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import StoredReleaseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.storage import StoragePath

SIGNED = ".signature"
UNSIGNED = "none of the keys in [daybreak] release_key has signed it. Deploy on a worker that has one of them"


def sign(folder: StoragePath, keys: Sequence[str], what: str, data: bytes) -> None:
    """
    Put a signature by the first of the keys there; none where there are no keys.

    :param what: what the data is, so that it can't be passed off as something else.
    """
    if keys:
        storage.create_if_absent(
            folder / f"{name_of(keys[0])}{SIGNED}", signature(keys[0], what, data).encode()
        )


def check_signature(path: StoragePath, keys: Sequence[str], what: str, data: bytes) -> None:
    """
    Make sure that one of the keys signed what a file holds; anything is taken where there are no keys.

    :raises StoredReleaseError: none of them did.
    """
    for key in keys:
        found = path.parent / f"{name_of(key)}{SIGNED}"
        if storage.changed(found) and hmac.compare_digest(
            storage.read(found), signature(key, what, data).encode()
        ):
            return
    if keys:
        raise StoredReleaseError(str(path), UNSIGNED)


def name_of(key: str) -> str:
    """Return what a key is called, by which others know it, and nobody gets to it."""
    return hashlib.sha256(b"name of " + key.encode()).hexdigest()[:12]


def signature(key: str, what: str, data: bytes) -> str:
    """Return a key's signature of the data, in hexadecimal digits."""
    return hmac.new(key.encode(), f"daybreak {what}\n".encode() + data, hashlib.sha256).hexdigest()
