"""What releases are made of on disk: JSON files, protected trees, and their removal."""

from __future__ import annotations

import json
import os
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import DiskFullError
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from airflow_provider_daybreak.storage import StoragePath


_SPARE = 8 * 1024**2


def write_json(path: Path, value: Any, *, mode: int = 0o644) -> None:
    """Write the value as indented JSON, atomically."""
    local.write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(), mode=mode)


def read_json(path: StoragePath) -> dict[str, Any] | None:
    """Return the object in the file, or None when it is missing or was cut off."""
    try:
        with storage.connected(path):
            value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def check_room(path: Path, needed: int) -> None:
    """
    Make sure that the disk has that many bytes left, and some to spare.

    :raises DiskFullError: it has not.
    """
    status = os.statvfs(path)
    free, wanted = status.f_bavail * status.f_frsize, needed + _SPARE
    if free < wanted:
        raise DiskFullError(str(path), f"{_mib(free)} are free, and it takes {_mib(wanted)}")


def _mib(size: int) -> str:
    return f"{size / 1024**2:,.1f} MiB"


def protect(tree: Path) -> None:
    """Let nobody write in the whole tree, and everybody read and run what the owner may."""
    _change_modes(tree, _for_all)


def protect_source(tree: Path) -> None:
    """Let nobody write in the whole tree, and everybody read it, but for files that their owner alone may read."""
    _change_modes(
        tree, lambda mode: mode & 0o7500 if stat.S_ISREG(mode) and not mode & 0o077 else _for_all(mode)
    )


def _for_all(mode: int) -> int:
    return (mode & 0o500) >> 6 | (mode & 0o500) >> 3 | mode & 0o7555


def remove_tree(tree: Path) -> None:
    """
    Remove the tree, protected or not, and however deep it is.

    It goes by descriptors, so whoever may still write to it can't lead it elsewhere.
    """
    if tree.is_symlink() or not tree.is_dir():
        tree.unlink(missing_ok=True)
        return
    with _own(str(tree)) as top:
        folders = _empty(top, top)
        while folders:
            folder = folders.pop()
            with _own(folder, top) as descriptor:
                folders += _empty(descriptor, top)
            os.rmdir(folder, dir_fd=top)
    tree.rmdir()


def discard(path: Path, trash: Path) -> None:
    """Take the path out of sight in one step, then remove it."""
    hidden = trash / f"{path.name}.{secrets.token_hex(4)}"
    path.chmod(stat.S_IMODE(path.lstat().st_mode) | 0o700)  # moving a folder writes its ".."
    path.rename(hidden)
    remove_tree(hidden)


def empty_trash(trash: Path) -> None:
    """Remove what an interrupted removal left."""
    for entry in list(trash.iterdir()):
        remove_tree(entry)


@contextmanager
def _own(name: str, parent: int | None = None) -> Iterator[int]:
    """Open a folder, maybe in another one, once its owner may change it."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=parent)
    except PermissionError:
        if os.geteuid() == 0:  # follows a link, which others may put there for root to follow
            raise
        os.chmod(name, 0o700, dir_fd=parent)
        descriptor = os.open(name, flags, dir_fd=parent)
    try:
        os.fchmod(descriptor, 0o700)
        yield descriptor
    finally:
        os.close(descriptor)


def _empty(folder: int, top: int) -> list[str]:
    """Remove the files of a folder, move its folders up to the top, and return what they are called there."""
    moved = []
    with os.scandir(folder) as entries:
        there = list(entries)
    for entry in there:
        name = entry.name
        if not entry.is_dir(follow_symlinks=False):
            os.unlink(name, dir_fd=folder)
            continue
        if folder != top:
            with _own(name, folder):  # moving a folder writes its ".."
                name = secrets.token_hex(8)
                os.rename(entry.name, name, src_dir_fd=folder, dst_dir_fd=top)
        moved.append(name)
    return moved


def _change_modes(tree: Path, change: Callable[[int], int]) -> None:
    """Change the modes from the top down: a folder may have to be made readable before it is listed."""
    _change_mode(str(tree), tree.lstat().st_mode, change)
    folders = [str(tree)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    continue
                _change_mode(entry.path, mode, change)
                if stat.S_ISDIR(mode):
                    folders.append(entry.path)


def _change_mode(path: str, mode: int, change: Callable[[int], int]) -> None:
    """Change the mode of a path, as text: an environment has thousands of files."""
    if (wanted := change(mode)) != stat.S_IMODE(mode):
        os.chmod(path, wanted)  # noqa: PTH101 - see above
