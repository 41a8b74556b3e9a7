"""Files on this machine's disks: written whole, created by one alone, and durable as far as is asked for."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FILE_MODE = 0o660  # less the process's umask: what a report says is for its owner and group
FOLDER_MODE = 0o770

Durability = Literal["none", "content", "name", "all"]
"""What outlasts a loss of power when a call returns: nothing yet, what is in the file, that it is there, or both."""


def create_if_absent(path: Path, data: bytes, *, durable: Durability = "all") -> bool:
    """Create the file with that content unless it is there, and return whether it was not."""
    if path.exists():
        return False
    if durable == "none":
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        return _create_in_place(path, data)
    make_folder(path.parent)
    temporary = _write_temporary(path, data, durable=durable in ("content", "all"))
    try:
        created = _link(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()
    if created and durable in ("name", "all"):
        synchronise(path.parent)
    return created


def _create_in_place(path: Path, data: bytes) -> bool:
    try:
        file = create_hidden(path)
    except FileExistsError:
        return False
    with file:
        file.write(data)
    return True


def _link(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS may say so of its own first try when the answer to that was lost: the count tells.
        return temporary.stat().st_nlink > 1
    return True


def write(path: Path, data: bytes, *, durable: Durability = "all", mode: int | None = None) -> None:
    """
    Put a file there, whole or not at all, in place of the one that was.

    :param mode: its mode, whatever the umask; :data:`FILE_MODE` less the umask by default.
    """
    if durable == "none":
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    else:
        make_folder(path.parent)
    temporary = _write_temporary(path, data, durable=durable in ("content", "all"), mode=mode)
    try:
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable in ("name", "all"):
        synchronise(path.parent)


def _write_temporary(path: Path, data: bytes, *, durable: bool, mode: int | None = None) -> Path:
    """Write a hidden file beside the path. A process that is killed leaves it there; pruning sweeps it."""
    temporary = temporary_beside(path)
    try:
        with create_hidden(temporary, mode=FILE_MODE if mode is None else 0o600) as file:
            file.write(data)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            if durable:
                os.fsync(file.fileno())
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # write(2) and fsync(2) are told no name
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def create_hidden(path: Path, *, mode: int = FILE_MODE) -> BinaryIO:
    """Return a new file, open for writing, that lies under a name of :func:`temporary_beside`."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, mode), "wb")


def temporary_beside(path: Path) -> Path:
    """Return a hidden name in the same folder that nobody else takes."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def reading(path: Path) -> BinaryIO:
    """Open a file to read it, and nothing that a symbolic link in its place leads to."""
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def move(file: Path, path: Path) -> None:
    """Make a file of the same disk durable, and move it there in place of the one that was."""
    with opened(file) as descriptor:
        os.fsync(descriptor)
    make_folder(path.parent)
    file.replace(path)
    synchronise(path.parent)


def replace_link(link: Path, target: str) -> None:
    """Point the link at the target in one step, whether or not it is there."""
    temporary = temporary_beside(link)
    temporary.symlink_to(target)
    try:
        temporary.replace(link)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    synchronise(link.parent)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: one call of ``write`` may take fewer."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read(path: Path) -> bytes:
    """Return the content of a file, and of nothing that a symbolic link in its place leads to."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        file = os.fdopen(descriptor, "rb")
    except BaseException:  # of a folder it closes nothing
        os.close(descriptor)
        raise
    with file:
        return file.read()


def names(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones too; none where there is no such folder, as behind a loop of links."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - a Path for each of thousands of names costs more than the rest
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        if error.errno == errno.ELOOP:
            return []
        raise


def files_below(folder: Path) -> list[tuple[str, datetime]]:
    """
    Return each file and link below a folder, hidden ones too: its relative name, and when it was changed.

    Folders deeper than a path may be long are left out.
    """
    found = []
    left = [folder]
    while left:
        parent = left.pop()
        try:
            with os.scandir(parent) as entries:
                inside = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise
            continue
        left += [Path(entry.path) for entry in reversed(inside) if entry.is_dir(follow_symlinks=False)]
        for entry in inside:
            path = Path(entry.path)
            time = None if entry.is_dir(follow_symlinks=False) else changed(path)
            if time is not None:
                found.append((path.relative_to(folder).as_posix(), time))
    return found


def marks(folder: Path | str, depth: int, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Yield the names in a folder, and in those in it, that are not hidden, with when each was changed, in nanoseconds."""
    try:
        with os.scandir(folder) as entries:
            inside = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return
    for entry in inside:
        with suppress(FileNotFoundError):  # it was removed meanwhile
            yield f"{prefix}{entry.name}", entry.stat(follow_symlinks=False).st_mtime_ns
            if depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from marks(entry.path, depth - 1, f"{prefix}{entry.name}/")


def changed(path: Path) -> datetime | None:
    """Return when a file was last changed, or None where there is none."""
    try:
        return datetime.fromtimestamp(path.lstat().st_mtime, timezone.utc)
    except FileNotFoundError:
        return None


def age(path: Path) -> timedelta | None:
    """
    Return how long ago a file was last changed, or None where there is none.

    A file system that hosts share stamps files by a clock of its own: so a new file tells what time it is there.
    """
    then = changed(path)
    if then is None:
        return None
    now = clock(path.parent) or datetime.now(
        timezone.utc
    )  # who may only read has no other clock than this host's
    return now - then


def clock(folder: Path) -> datetime | None:
    """Return what time it is by the clock that stamps the files in a folder, or None where none can be made."""
    temporary = temporary_beside(folder / "clock")
    try:
        with create_hidden(temporary) as file:
            now = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, timezone.utc)
        temporary.unlink(missing_ok=True)
    except OSError:  # who may only read
        return None
    return now


def device(folder: Path) -> int:
    """Return the number of the file system that a folder lies on, or that of what it would be made in."""
    try:
        return folder.stat().st_dev
    except FileNotFoundError:
        return device(folder.parent)


def remove(folder: Path, relative: Iterable[str]) -> None:
    """Remove files below a folder, and what folders they leave empty there."""
    parents: set[PurePath] = set()
    for name in relative:
        (folder / name).unlink(missing_ok=True)
        parents.update((folder / name).relative_to(folder).parents)
    for parent in sorted(parents, key=lambda path: len(path.parts), reverse=True):
        remove_empty(folder / parent, folder)


def remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder, and those above it up to and without the top, as far as they are empty."""
    while folder not in (top, folder.parent):
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone
            return
        folder = folder.parent


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=FOLDER_MODE)
        synchronise(folder.parent)


def synchronise(path: Path) -> None:
    """Make a file's content, or the names in a folder, survive a loss of power."""
    with opened(path) as descriptor:
        os.fsync(descriptor)


def synchronise_file_system(path: Path) -> None:
    """
    Make all that was written to the path's file system survive a loss of power: syncfs(2), which ``os`` lacks.

    For the thousands of files of an environment it takes a tenth of what ``fsync`` of each does.
    """
    import ctypes

    with opened(path) as descriptor:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file or a folder for reading, and close it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
