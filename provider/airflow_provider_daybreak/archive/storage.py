"""What an archive needs of the place it lies in, on local disk and on object storage."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeVar

from airflow_provider_daybreak.archive import layout, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Self

FILE_MODE = 0o660  # less the process's umask: what a report says is for its owner and group
FOLDER_MODE = 0o770

_CONNECTIONS = 16  # requests to an object store at the same time
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class StoragePath(Protocol):
    """A path that behaves as ``pathlib.Path`` does: one itself, or an ``ObjectStoragePath``."""

    @property
    def name(self) -> str:
        """Its last part."""
        ...

    @property
    def parent(self) -> Self:
        """The folder it lies in."""
        ...

    def __truediv__(self, key: str, /) -> Self:
        """Return the path of that name in this folder."""
        ...

    def exists(self) -> bool:
        """Return whether something lies there."""
        ...

    def iterdir(self) -> Iterator[Self]:
        """Yield what lies in the folder."""
        ...

    def read_bytes(self) -> bytes:
        """Return the file's content."""
        ...

    def unlink(self) -> None:
        """Remove the file."""
        ...


def uri_of(path: StoragePath) -> str:
    """Return the URI of a path."""
    return path.as_uri() if isinstance(path, Path) else str(path).rstrip("/")


def each(place: StoragePath, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield what the function makes of each item, in order; many at the same time where the place is far away."""
    if isinstance(place, Path):
        yield from map(function, items)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        yield from pool.map(function, items)


def names(folder: StoragePath) -> list[str]:
    """Return the sorted names in a folder; none where there is no such folder. Hidden names are left out."""
    if isinstance(folder, Path):
        try:
            found = os.listdir(folder)  # noqa: PTH208 - a Path for each of thousands of names costs more than the rest
        except (FileNotFoundError, NotADirectoryError):
            return []
    else:
        found = objects.names(folder)
    return sorted(name for name in found if not name.startswith("."))


def read(path: StoragePath) -> bytes:
    """
    Return the content of a file, and of nothing that a symbolic link in its place leads to.

    :raises FileNotFoundError: there is no such file.
    """
    if isinstance(path, Path):
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return file.read()
    return objects.read(path)


def write(path: StoragePath, data: bytes) -> None:
    """
    Put a file there, whole or not at all, in place of the one that was.

    The name is durable once its folder was synchronised: see :func:`synchronise`.
    """
    if not isinstance(path, Path):
        objects.write(path, data)
        return
    make_folder(path.parent)
    temporary = write_temporary(path, data)
    try:
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_temporary(path: Path, data: bytes, *, durable: bool = True) -> Path:
    """
    Write a hidden file beside the path.

    :param durable: whether to synchronise it.
    :return: where it lies. A process that is killed leaves it there; pruning sweeps it.
    """
    temporary = temporary_beside(path)
    try:
        with create_hidden(temporary) as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def create_hidden(path: Path) -> BinaryIO:
    """Return a new file, open for writing, that lies under a name of :func:`temporary_beside`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, FILE_MODE), "wb")


def temporary_beside(path: Path) -> Path:
    """Return a hidden name in the same folder that nobody else takes."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=FOLDER_MODE)
        synchronise([folder.parent])


def files_below(folder: StoragePath) -> list[tuple[str, datetime]]:
    """
    Return each file below a folder, hidden ones too: its relative name, and when it was last changed.

    Symbolic links count as files. There are none where there is no such folder.
    """
    if not isinstance(folder, Path):
        return objects.files_below(folder)
    found = []
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in sorted(files + links):
            path = Path(parent, name)
            time = changed(path)
            if time is not None:
                found.append((path.relative_to(folder).as_posix(), time))
    return found


def changed(path: StoragePath) -> datetime | None:
    """Return when a file was last changed, as of now, or None where there is none."""
    if not isinstance(path, Path):
        return objects.changed(path)
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, timezone.utc)
    except FileNotFoundError:
        return None


def remove(folder: StoragePath, relative: Iterable[str]) -> None:
    """Remove files below a folder, and what folders they leave empty there."""
    if not isinstance(folder, Path):
        list(each(folder, lambda name: objects.remove(layout.below(folder, name)), relative))
        return
    parents: set[PurePath] = set()
    for name in relative:
        (folder / name).unlink(missing_ok=True)
        parents.update((folder / name).relative_to(folder).parents)
    for parent in sorted(parents, key=lambda path: len(path.parts), reverse=True):
        remove_empty(folder / parent, folder)


def remove_empty(folder: StoragePath, top: StoragePath) -> None:
    """Remove a local folder, and those above it up to and without the top, as far as they are empty."""
    while isinstance(folder, Path) and folder not in (top, folder.parent):
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone
            return
        folder = folder.parent


def synchronise(folders: Iterable[StoragePath]) -> None:
    """Make the names in local folders durable. Object stores answer only when what they took is."""
    for folder in folders:
        if isinstance(folder, Path):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
