"""A release copied into the working directory of a run, as clones of its files where the file system can."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ReleaseDamagedError
from airflow_provider_daybreak.releases.source import mode_of
from airflow_provider_daybreak.storage import local
from airflow_provider_daybreak.storage.temporary import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.source import FileEntry

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NO_RANGES = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
_CHUNK = 1 << 20


def copy_source(release: Release, work: Path, owner: tuple[int, int] | None) -> None:
    """
    Copy what the manifest lists.

    :param owner: user and group that get it; this process's own when None.
    :raises ReleaseDamagedError: a file is missing, or shorter than it was.
    """
    moment = moment_of(release)
    made: dict[str, None] = {}
    with opened_folder(release.src) as source, opened_folder(work) as target:
        for file in release.manifest["files"]:
            _make_folders(file["path"].rpartition("/")[0], made, target)
            if not file["path"].endswith("/"):
                _copy(release, file, source, target, moment, owner)
        if owner:
            for folder in reversed(made):
                os.chown(folder, *owner, dir_fd=target, follow_symlinks=False)


def copy_again(release: Release, files: Sequence[FileEntry], work: int) -> None:
    """
    Copy files that the working directory, given its descriptor, lacks. Their folders are there.

    :raises ReleaseDamagedError: a file is missing, or shorter than it was.
    """
    moment = moment_of(release)
    with opened_folder(release.src) as source:
        for file in files:
            _copy(release, file, source, work, moment, None)


def _make_folders(path: str, made: dict[str, None], target: int) -> None:
    """Make a folder, and those above it first, unless they are there."""
    if path and path not in made:
        _make_folders(path.rpartition("/")[0], made, target)
        os.mkdir(path, 0o755, dir_fd=target)
        made[path] = None


def _copy(
    release: Release,
    file: FileEntry,
    source: int,
    target: int,
    moment: int,
    owner: tuple[int, int] | None,
) -> None:
    if not file["link"]:
        _copy_file(release, file, source, target, moment, owner)
        return
    os.symlink(file["link"], file["path"], dir_fd=target)
    if owner:
        os.chown(file["path"], *owner, dir_fd=target, follow_symlinks=False)


def _copy_file(
    release: Release,
    file: FileEntry,
    source: int,
    target: int,
    moment: int,
    owner: tuple[int, int] | None,
) -> None:
    try:
        reading = os.open(file["path"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
    except FileNotFoundError as error:
        raise ReleaseDamagedError(str(release.src / file["path"]), "it is missing") from error
    try:
        writing = os.open(file["path"], _WRITE, mode_of(file), dir_fd=target)
        try:
            if missing := _copy_bytes(reading, writing, file["bytes"]):
                problem = f"it lacks {missing:,} of its {file['bytes']:,} bytes"
                raise ReleaseDamagedError(str(release.src / file["path"]), problem)
            if owner:
                os.fchown(writing, *owner)
            os.utime(writing, ns=(moment, moment))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_bytes(reading: int, writing: int, size: int) -> int:
    """Copy so many bytes within the kernel, as a clone where the file system can, and return how many are missing."""
    try:
        while size and (count := os.copy_file_range(reading, writing, size)):
            size -= count
    except OSError as error:
        if error.errno not in _NO_RANGES:
            raise
        while size and (data := os.read(reading, min(size, _CHUNK))):
            local.write_all(writing, data)
            size -= len(data)
    return size


def copy_dotenv(dotenv: Path, work: Path, owner: tuple[int, int] | None) -> None:
    """Give the script a ``.env`` of its own beside itself: that of all runs is the worker's."""
    if dotenv.exists():
        with opened_folder(work) as folder:
            write_new(".env", dotenv.read_bytes(), 0o600, folder, owner)


def write_new(path: str, content: bytes, mode: int, folder: int, owner: tuple[int, int] | None) -> None:
    """Write a file that is not there yet below an open folder, and hand it over."""
    descriptor = os.open(path, _WRITE, mode, dir_fd=folder)
    try:
        local.write_all(descriptor, content)
        if owner:
            os.fchown(descriptor, *owner)
    finally:
        os.close(descriptor)


def moment_of(release: Release) -> int:
    """Return when all files of a copy were last written to, in ns: by that, those that the script wrote are told."""
    return int(datetime.fromisoformat(release.manifest["created"]).timestamp()) * 10**9


@contextmanager
def opened_folder(path: Path) -> Iterator[int]:
    """Open a folder, and nothing that a link in its place leads to."""
    descriptor = os.open(path, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
