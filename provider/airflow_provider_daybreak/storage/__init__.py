"""
One answer to where things are kept: on this machine's disks, or on storage that speaks S3.

A file is there whole or not at all, and of any number of processes and machines that create it at once one is
told that it did. What is the same for both places is asked here; :mod:`.local` and :mod:`.s3` say how each does
it, and offer what only one of them can.
"""

from __future__ import annotations

import errno
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from airflow_provider_daybreak.storage import local, s3
from airflow_provider_daybreak.storage.path import StoragePath, below, uri_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from airflow_provider_daybreak.storage.local import Durability

__all__ = [
    "StoragePath",
    "age",
    "below",
    "changed",
    "clock",
    "connected",
    "create_if_absent",
    "each",
    "files_below",
    "is_no_file",
    "marks",
    "names",
    "place",
    "read",
    "reading",
    "remove",
    "remove_empty",
    "synchronise",
    "temporary_file",
    "upload",
    "uri_of",
    "write",
]

_CONNECTIONS = 16  # requests to an object store at the same time
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def create_if_absent(path: StoragePath, data: bytes, *, durable: Durability = "all") -> bool:
    """
    Create the file with that content, in one step, unless it is there. The folder is made when needed.

    Of any number of processes and machines that do so at once, one gets True. Hidden names beside it are
    another's work in progress.

    :param durable: what of it must outlast a loss of power once this returns, on a disk; an object store
        answers only when all of it does. With ``none`` it may also be seen in part.
    :return: whether this call created it.
    :raises OSError: it could not be written; the file is then absent, or, if only making it durable
        failed, complete.
    :raises StorageUnsupportedError: the path is on neither a disk nor S3.
    :raises StorageNotAtomicError: the store would create it a second time.
    """
    if isinstance(path, Path):
        return local.create_if_absent(path, data, durable=durable)
    return s3.create_if_absent(path, data)


def write(path: StoragePath, data: bytes, *, durable: Durability = "content") -> None:
    """
    Put a file there, whole or not at all, in place of the one that was.

    :param durable: what of it must outlast a loss of power once this returns, on a disk. With ``content`` the name
        is durable once its folder was synchronised: see :func:`synchronise`.
    """
    if isinstance(path, Path):
        local.write(path, data, durable=durable)
    else:
        s3.write(path, data)


def read(path: StoragePath) -> bytes:
    """
    Return the content of a file, and of nothing that a symbolic link in its place leads to.

    :raises FileNotFoundError: there is no such file.
    """
    return local.read(path) if isinstance(path, Path) else s3.read(path)


def is_no_file(error: OSError) -> bool:
    """Return whether reading failed since a symbolic link or a folder lies where a file should."""
    return error.errno in (errno.ELOOP, errno.EISDIR)


def names(folder: StoragePath) -> list[str]:
    """Return the sorted names in a folder; none where there is no such folder. Hidden names are left out."""
    found = local.names(folder) if isinstance(folder, Path) else s3.names(folder)
    return sorted(name for name in found if not name.startswith("."))


def files_below(folder: StoragePath) -> list[tuple[str, datetime]]:
    """
    Return each file below a folder, hidden ones too: its relative name, and when it was last changed.

    Symbolic links count as files. There are none where there is no such folder.
    """
    return local.files_below(folder) if isinstance(folder, Path) else s3.files_below(folder)


def marks(folder: StoragePath, *, depth: int = 1) -> list[tuple[str, int]]:
    """
    Return what lies in a folder with when it was last changed, sorted: whatever is created there changes what this returns.

    Hidden names are left out. There is nothing where there is no such folder.

    :param depth: on a disk, how many folders deep is looked; of an object store every object below is told.
    :return: relative names with times in nanoseconds.
    """
    if isinstance(folder, Path):
        return sorted(local.marks(folder, depth))
    stamps = ((name, int(time.timestamp() * 1e9)) for name, time in s3.files_below(folder))
    return sorted((name, time) for name, time in stamps if "/." not in f"/{name}")


def changed(path: StoragePath) -> datetime | None:
    """Return when a file was last changed, as of now, or None where there is none."""
    return local.changed(path) if isinstance(path, Path) else s3.changed(path)


def age(path: StoragePath) -> timedelta | None:
    """Return how long ago a file was last changed, both by the clock of where it lies, or None where there is none."""
    return local.age(path) if isinstance(path, Path) else s3.age(path)


def clock(folder: StoragePath) -> datetime | None:
    """
    Return what time it is by the clock of where a folder lies, to a second, or None where that can't be known.

    :param folder: one that is there.
    """
    return local.clock(folder) if isinstance(folder, Path) else s3.clock(folder)


def place(folder: StoragePath) -> Hashable:
    """Return what tells the disk or the bucket that a folder lies on, or would lie on, from any other."""
    return local.device(folder) if isinstance(folder, Path) else s3.bucket_of(folder)


def connected(path: StoragePath) -> AbstractContextManager[None]:
    """
    Return a context for the path's own methods, in which what stands between us and its store is an ``OSError`` too.

    What is asked for here needs none.
    """
    return s3.connected() if getattr(path, "protocol", "") in s3.PROTOCOLS else nullcontext()


def remove(folder: StoragePath, relative: Iterable[str]) -> None:
    """Remove files below a folder, and what folders they leave empty there."""
    if isinstance(folder, Path):
        local.remove(folder, relative)
    else:
        list(each(folder, lambda name: s3.remove(below(folder, name)), relative))


def remove_empty(folder: StoragePath, top: StoragePath) -> None:
    """Remove a local folder, and those above it up to and without the top, as far as they are empty."""
    if isinstance(folder, Path) and isinstance(top, Path):
        local.remove_empty(folder, top)


def upload(path: StoragePath, file: Path) -> None:
    """Put the content of a local file there, whole or not at all. On a disk the file itself is moved there."""
    if isinstance(path, Path):
        local.move(file, path)
    else:
        s3.upload(path, file)


@contextmanager
def reading(path: StoragePath) -> Iterator[BinaryIO]:
    """
    Open a file to read it in pieces, and nothing that a symbolic link in its place leads to.

    :raises OSError: it could not be opened; reading raises it too.
    """
    with local.reading(path) if isinstance(path, Path) else s3.reading(path) as file:
        yield file


@contextmanager
def temporary_file(folder: StoragePath) -> Iterator[tuple[Path, BinaryIO]]:
    """Yield a new file on the disk of the folder, or on this machine's where the folder is far away: see :func:`upload`."""
    if not isinstance(folder, Path):
        with NamedTemporaryFile(prefix="daybreak-") as file:
            yield Path(file.name), cast("BinaryIO", file)
        return
    local.make_folder(folder)
    path = local.temporary_beside(folder / "artifact")
    try:
        with local.create_hidden(path) as file:
            yield path, file
    finally:
        path.unlink(missing_ok=True)


def synchronise(folders: Iterable[StoragePath]) -> None:
    """Make the names in local folders durable. Object stores answer only when what they took is."""
    for folder in folders:
        if isinstance(folder, Path):
            local.synchronise(folder)


def each(place: StoragePath, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield what the function makes of each item, in order; many at the same time where the place is far away."""
    if isinstance(place, Path):
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        yield from pool.map(function, items)
