"""Where a script runs: a copy of its release that is its own, and what it leaves there."""

from __future__ import annotations

import errno
import logging
import os
import stat
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_daybreak.exceptions import (
    ArtifactUnreadableError,
    DiskFullError,
    InvalidValueError,
    StorageError,
)
from airflow_provider_daybreak.releases.files import discard, remove_tree
from airflow_provider_daybreak.releases.running.copying import (
    copy_dotenv,
    copy_source,
    moment_of,
    opened_folder,
)
from airflow_provider_daybreak.releases.running.keeping import PREFIX, is_large, noted, taken
from airflow_provider_daybreak.storage.temporary import FOLDER, abandoned, make_locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.running.keeping import KeptCopy
    from airflow_provider_daybreak.releases.running.privileges import User
    from airflow_provider_daybreak.releases.source import FileEntry

log = logging.getLogger(__name__)

_PREFIX = "daybreak-run-"  # of those among the temporary files
_LONGEST = 72  # bytes of a TMPDIR
_READ = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # a pipe that nobody writes to must not hold us


@dataclass
class Workspace:
    """
    The folders of one run: ``work``, ``output`` and ``tmp``, in one that no other user may change.

    A script that runs as another user owns the three, and can't put a link in the place of any of them.

    :param folder: holds the three.
    :param descriptor: the folder, locked. Whoever inherits it keeps the folder from being removed as a leftover.
    :param kept: what the next run of the release can have of it, where that is worth it.
    """

    folder: Path
    descriptor: int
    kept: KeptCopy | None = field(default=None, repr=False)

    @property
    def work(self) -> Path:
        """The script's working directory: a copy of its release."""
        return self.folder / "work"

    @property
    def output(self) -> Path:
        """An empty folder for files."""
        return self.folder / "output"

    @property
    def temporary(self) -> Path:
        """The folder of the script's temporary files."""
        return self.folder / "tmp"

    @property
    def temporary_name(self) -> Path:
        """
        The script's ``TMPDIR``: that folder, by a short link where its path is long.

        The address of a socket has room for 107 bytes (unix(7)), and multiprocessing puts some there: its name adds 31.
        """
        return _link_to(self.folder) if len(os.fsencode(self.temporary)) > _LONGEST else self.temporary


@dataclass(frozen=True)
class Left:
    """
    A file that a script left.

    :param top: ``output`` or ``work``.
    :param parts: its path in there.
    """

    top: str
    parts: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its path in there, as text."""
        return "/".join(self.parts)


@contextmanager
def workspace(layout: Layout) -> Iterator[Workspace]:
    """
    Make an empty workspace, and remove it and all that is in it at the end.

    It lies on the file system of the releases, where a copy may cost no more than a clone, or in the folder for
    temporary files where this user may not write there. The next run removes those whose run was killed, as does a deploy.
    """
    space = _made(layout)
    try:
        if space.temporary_name != space.temporary:
            space.temporary_name.symlink_to(space.temporary)
        yield space
    finally:
        _link_to(space.folder).unlink(missing_ok=True)
        if space.kept is None or not space.kept.put_back():
            _remove(space.folder)
        os.close(space.descriptor)


def remove_leftovers(layout: Layout, current: str | None) -> None:
    """
    Remove the workspaces of runs that were killed. Those of runs that still go on are left alone.

    :param current: id of the release whose kept copy stays.
    """
    for folder in list(layout.runs.glob(f"{PREFIX}*")):
        if folder.name != f"{PREFIX}{current}":
            with suppress(FileNotFoundError):  # a run takes it
                discard(folder, layout.trash)
    _remove_remains(layout.runs)


def fill(
    space: Workspace,
    release: Release,
    user: User | None,
    restore: Callable[[int, tuple[int, int] | None], None] | None = None,
) -> None:
    """
    Copy the release's source and the ``.env`` of its name into the workspace, and hand it over to the user.

    What is copied is what the manifest lists, so nothing that was put into the release since comes along. The
    user gets what lies in a folder before the folder itself: nothing can be swapped on the way.

    :param restore: puts what earlier runs left into the working directory, given its descriptor and owner.
    :raises ReleaseDamagedError: a file of the release is missing, or shorter than it was.
    :raises DiskFullError: there is no room for it.
    :raises StorageError: it can't be written.
    """
    owner = _owner(user)
    # Another user's process could hold on to a folder of its copy: there each run has one of its own.
    keeps = owner is None and is_large(release) and space.folder.parent == release.layout.runs
    try:
        space.kept = taken(space.folder, release) if keeps else None
        for path in (space.output, space.temporary):
            path.mkdir(mode=0o700)
        if space.kept is None:
            space.work.mkdir(mode=0o700)
            copy_source(release, space.work, owner)
            space.kept = noted(space.folder, release) if keeps else None
        if space.kept:
            space.kept.wait_for_the_clock()
        copy_dotenv(release.layout.dotenv, space.work, owner)
        if restore:
            with opened_folder(space.work) as work:
                restore(work, owner)
        if owner:
            for path in (space.work, space.output, space.temporary):
                os.chown(path, *owner, follow_symlinks=False)
            os.fchmod(space.descriptor, 0o711)  # the user passes, and lists nothing  # nosec B103
    except OSError as error:
        problem = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(str(space.folder), problem) from error
        raise StorageError(str(error.filename or space.folder), problem) from error


def files_like(
    space: Workspace,
    release: Release,
    patterns: str | Sequence[str],
    user: User | None = None,
    *,
    tops: Sequence[str] = ("output", "work"),
) -> list[Left]:
    """
    Return what a run left that fits a pattern, in its output or else in its working directory.

    Only files are: links are none, nor is what came with the release and was not written to, nor ``.env``.

    :param patterns: one or several, each a relative path with ``*``, ``?`` and ``[…]`` in its parts; ``**`` stands for any folders.
    :param user: whom it ran as. What belongs to somebody else, and was linked to, is none of it.
    :raises InvalidValueError: the pattern is none.
    :raises ArtifactUnreadableError: a folder can't be read.
    """
    wanted = [_parts_of(pattern) for pattern in ([patterns] if isinstance(patterns, str) else patterns)]
    deep, depth = any("**" in parts for parts in wanted), max(map(len, wanted))
    owner = _owner(user)
    listed = {file["path"]: file for file in release.manifest["files"]}
    for top in tops:
        given = listed if top == "work" else {}
        found = [
            Left(top, parts)
            for parts, status in _walk(space, top, deep=deep, depth=depth)
            if any(_fits(parts, one) for one in wanted)
            and (owner is None or status.st_uid == owner[0])
            and not (top == "work" and _came_along(release, parts, status, given))
        ]
        if found:
            return sorted(found, key=lambda one: one.parts)
    return []


@contextmanager
def opened(space: Workspace, left: Left, user: User | None = None) -> Iterator[BinaryIO]:
    """
    Open a file that a run left. What was swapped since it was found is not.

    :raises ArtifactUnreadableError: it is no longer a file of the run, or can't be read.
    """
    owner = _owner(user)
    try:
        with _folder(space, left.top, left.parts[:-1]) as folder:
            descriptor = os.open(left.parts[-1], _READ, dir_fd=folder)
    except OSError as error:
        raise ArtifactUnreadableError(left.name, error.strerror or str(error)) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or (owner and status.st_uid != owner[0]):
            raise ArtifactUnreadableError(left.name, "it is no longer a file that the script wrote")
        yield file


def _owner(user: User | None) -> tuple[int, int] | None:
    """Return whom a workspace is handed over to, or None where that is the worker's own user."""
    return (user.uid, user.gid) if user and user.uid != os.geteuid() else None


def _made(layout: Layout) -> Workspace:
    if os.access(layout.runs, os.W_OK | os.X_OK, effective_ids=True):
        _remove_remains(layout.runs)
        return Workspace(*make_locked(layout.runs))
    folder = Path(tempfile.gettempdir())
    _remove_remains(folder, _PREFIX)
    return Workspace(*make_locked(folder, _PREFIX))


def _remove_remains(parent: Path, prefix: str = "") -> None:
    """Remove the workspaces of runs that were killed. Those of runs that still go on are left alone."""
    for folder in abandoned(parent, prefix):
        log.info("Removing the remains of a run that was killed: %s", folder)
        _remove(folder)


def _link_to(folder: Path) -> Path:
    return Path(tempfile.gettempdir(), f"daybreak-{folder.name}")


def _remove(folder: Path) -> None:
    """Remove the folder. Where that fails, as while something still writes to it, the run has ended all the same."""
    _link_to(folder).unlink(missing_ok=True)
    try:
        remove_tree(folder)
    except OSError as error:
        log.warning("Cannot remove %s, where a script ran: %s. Remove it by hand.", folder, error)


def _came_along(
    release: Release, parts: tuple[str, ...], status: os.stat_result, listed: dict[str, FileEntry]
) -> bool:
    if parts == (".env",) or "__pycache__" in parts:
        return True
    file = listed.get("/".join(parts))
    return file is not None and (status.st_mtime_ns, status.st_size) == (moment_of(release), file["bytes"])


def _parts_of(pattern: str) -> tuple[str, ...]:
    parts = tuple(part for part in pattern.split("/") if part != ".")
    if not pattern or not all(parts) or ".." in parts:
        raise InvalidValueError("pattern in artifacts", pattern, "a relative one, such as *.csv")
    return parts


def _fits(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    if not wanted:
        return not parts
    if wanted == ("**",):
        return bool(parts)
    if wanted[0] == "**":
        return any(_fits(parts[skipped:], wanted[1:]) for skipped in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def _walk(
    space: Workspace, top: str, *, deep: bool, depth: int
) -> Iterator[tuple[tuple[str, ...], os.stat_result]]:
    """Yield the files below a folder, by descriptors: no link is followed, at whatever time it is put there."""
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        above = waiting.pop()
        for name, status in _entries(space, top, above):
            parts = (*above, name)
            if stat.S_ISREG(status.st_mode):
                yield parts, status
            elif stat.S_ISDIR(status.st_mode) and (deep or len(parts) < depth):
                waiting.append(parts)


def _entries(space: Workspace, top: str, parts: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is in a folder; nothing where the script put something else in its place."""
    try:
        with _folder(space, top, parts) as descriptor:
            for name in os.listdir(descriptor):  # noqa: PTH208 - a path is what must not be used
                with suppress(FileNotFoundError):  # what it left running removed it
                    yield name, os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            path = "/".join(parts) or top
            raise ArtifactUnreadableError(path, error.strerror or str(error)) from error


@contextmanager
def _folder(space: Workspace, top: str, parts: Sequence[str]) -> Iterator[int]:
    """Open a folder of the workspace, part by part."""
    descriptor = os.open(top, FOLDER, dir_fd=space.descriptor)
    try:
        for part in parts:
            below = os.open(part, FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)
