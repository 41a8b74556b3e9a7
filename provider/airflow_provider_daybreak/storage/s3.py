"""
Object storage that speaks S3, through the fsspec filesystem that its paths bring along.

Only what it takes to keep an archive there: above all, creating an object unless it is there, which fsspec's
own exclusive mode does by looking first and writing then on most stores.
"""

from __future__ import annotations

import errno
import secrets
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from airflow_provider_daybreak.exceptions import (
    MissingExtraError,
    StorageNotAtomicError,
    StorageUnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from datetime import timedelta
    from pathlib import Path

    from airflow_provider_daybreak.storage.path import StoragePath

PROTOCOLS = ("s3", "s3a")
_NONCE = "daybreak-nonce"
_PAUSES = (
    0.05,
    0.1,
    0.2,
    0.4,
    0.8,
)  # seconds, while the store says that another conditional write is under way

_proven: set[tuple[Any, str]] = set()
"""Filesystems and buckets that were seen to refuse a second conditional write, in this process."""


class _ObjectPath(Protocol):
    """What ``ObjectStoragePath`` and ``UPath`` offer."""

    protocol: str
    path: str
    fs: Any


def filesystem_of(path: StoragePath) -> tuple[Any, str]:
    """
    Return the filesystem that a path lies on, and its name there, ``bucket/key``.

    :raises StorageUnsupportedError: it is no S3.
    :raises MissingExtraError: what speaks S3 is not installed.
    """
    given = cast("_ObjectPath", path)
    if given.protocol not in PROTOCOLS:
        raise StorageUnsupportedError(str(path))
    try:
        return given.fs, given.path
    except ImportError as error:
        raise MissingExtraError("Storage that speaks S3", "s3") from error


def create_if_absent(path: StoragePath, data: bytes) -> bool:
    """
    Create an object unless it is there, by one conditional put (``If-None-Match: *``).

    :raises StorageNotAtomicError: the store ignores the condition.
    """
    filesystem, name = filesystem_of(path)
    bucket = filesystem.split_path(name)[0]
    if (filesystem, bucket) not in _proven:
        probe(path.parent)
        _proven.add((filesystem, bucket))
    return _put_if_absent(filesystem, name, data)


def probe(folder: StoragePath) -> None:
    """
    Make sure that the store refuses to create an object twice. Three small requests.

    :raises StorageNotAtomicError: it does not.
    """
    filesystem, name = filesystem_of(folder)
    name = f"{name}/.probe-{secrets.token_hex(8)}"
    try:
        if not _put_if_absent(filesystem, name, b"") or _put_if_absent(filesystem, name, b""):
            raise StorageNotAtomicError(str(folder))
    finally:
        with suppress(FileNotFoundError, PermissionError):  # who may not delete leaves an empty object
            remove(folder / name.rpartition("/")[2])


def _put_if_absent(filesystem: Any, name: str, data: bytes) -> bool:
    for pause in _PAUSES:
        created = _try_put(filesystem, name, data)
        if created is not None:
            filesystem.invalidate_cache(name)
            return created
        time.sleep(pause)
    raise OSError(errno.EBUSY, "another conditional write of this object never ended", name)


def _try_put(filesystem: Any, name: str, data: bytes) -> bool | None:
    """Return whether the object was created, or None while the store can't say for another such request."""
    bucket, key, _version = filesystem.split_path(name)
    nonce = secrets.token_hex(16)
    metadata = {_NONCE: nonce}
    try:
        with connected():
            filesystem.call_s3(
                "put_object", Bucket=bucket, Key=key, Body=data, IfNoneMatch="*", Metadata=metadata
            )
    except OSError as error:
        code = _code(error)
        if code in ("ConditionalRequestConflict", "409"):
            return None
        if code not in ("PreconditionFailed", "412"):
            raise
        # The client repeats a put whose answer was lost: the object that is there may be its own.
        with connected():
            head = filesystem.call_s3("head_object", Bucket=bucket, Key=key)
        return bool(head.get("Metadata", {}).get(_NONCE) == nonce)
    return True


def _code(error: OSError) -> str:
    """Return the store's code for what s3fs made an ``OSError`` of."""
    response = getattr(error.__cause__, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def names(folder: StoragePath) -> list[str]:
    """Return what a folder holds, as the store has it now and not as it was listed before."""
    filesystem, name = filesystem_of(folder)
    try:
        with connected():
            found = filesystem.ls(name, detail=False, refresh=True)
    except FileNotFoundError:
        return []
    return [each.rstrip("/").rpartition("/")[2] for each in found if each.rstrip("/") != name]


def read(path: StoragePath) -> bytes:
    """Return an object's content."""
    filesystem, name = filesystem_of(path)
    with connected():
        return bytes(filesystem.cat_file(name))


def write(path: StoragePath, data: bytes) -> None:
    """Put an object there."""
    filesystem, name = filesystem_of(path)
    with connected():
        filesystem.pipe_file(name, data)


def upload(path: StoragePath, file: Path) -> None:
    """Put an object there that a local file holds."""
    filesystem, name = filesystem_of(path)
    with connected():
        filesystem.put_file(str(file), name)


@contextmanager
def reading(path: StoragePath) -> Iterator[BinaryIO]:
    """Open an object to read it in pieces."""
    filesystem, name = filesystem_of(path)
    with connected(), filesystem.open(name, "rb") as file:
        yield file


def files_below(folder: StoragePath) -> list[tuple[str, datetime]]:
    """Return the name relative to the folder, and the time of the last change, of each object below it."""
    filesystem, name = filesystem_of(folder)
    with connected():
        found = filesystem.find(name, detail=True)
    return [
        (each[len(name) + 1 :], facts["LastModified"])
        for each, facts in found.items()
        if each.startswith(f"{name}/")
    ]


def changed(path: StoragePath) -> datetime | None:
    """Return when an object was last changed, as the store has it now, or None where there is none."""
    head = _head(path)
    moment: datetime | None = head["LastModified"] if head else None
    return moment


def _head(path: StoragePath) -> dict[str, Any] | None:
    filesystem, name = filesystem_of(path)
    bucket, key, _version = filesystem.split_path(name)
    try:
        with connected():
            return cast("dict[str, Any]", filesystem.call_s3("head_object", Bucket=bucket, Key=key))
    except FileNotFoundError:
        return None


def age(path: StoragePath) -> timedelta | None:
    """Return how long ago an object was last changed, both by the store's clock, or None where there is none."""
    head = _head(path)
    if head is None:
        return None
    modified: datetime = head["LastModified"]
    return (_date(head) or datetime.now(timezone.utc)) - modified


def clock(folder: StoragePath) -> datetime | None:
    """Return what time it is by the store's clock, in whole seconds, or None where it doesn't say."""
    filesystem, name = filesystem_of(folder)
    bucket, key, _version = filesystem.split_path(name)
    with connected():
        listed = filesystem.call_s3("list_objects_v2", Bucket=bucket, Prefix=key, MaxKeys=1)
    return _date(listed)


def bucket_of(folder: StoragePath) -> Hashable:
    """Return what tells a folder's bucket from any other, those of other stores too."""
    filesystem, name = filesystem_of(folder)
    return filesystem, filesystem.split_path(name)[0]


def _date(answer: Mapping[str, Any]) -> datetime | None:
    """Return when the store answered, by its own clock, if it says so."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    return parsedate_to_datetime(date) if date else None


def remove(path: StoragePath) -> None:
    """Remove the object of exactly that name, if it is there."""
    filesystem, name = filesystem_of(path)
    with connected():
        filesystem.rm_file(name)  # rm takes names for patterns, and is silent of what the store refuses


@contextmanager
def connected() -> Iterator[None]:
    """
    Raise what stands between us and the store as an ``OSError``, as s3fs raises what the store says.

    :raises ConnectionError: the store can't be reached, or there is nothing to log in with.
    """
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except BotoCoreError as error:
        raise ConnectionError(str(error)) from error
