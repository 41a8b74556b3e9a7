"""What a script remembers from run to run: files of its working directory, kept beside its releases."""

from __future__ import annotations

import errno
import fcntl
import io
import logging
import os
import stat
import tarfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import InvalidValueError, StateError
from airflow_provider_daybreak.releases.running.copying import write_new
from airflow_provider_daybreak.releases.running.workspace import files_like, opened
from airflow_provider_daybreak.storage import local, tar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.running.privileges import User
    from airflow_provider_daybreak.releases.running.workspace import Workspace
    from airflow_provider_daybreak.releases.store import Store
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

FOLDER = "state"
"""The one path that is kept where none is named."""
_NAME = "state.tar"
_MOST_BYTES = 64 * 1024**2
_LOOK_EVERY = 0.2  # seconds
_NO_PLACE = (
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)  # of a file below a file, or the like


def state_paths(given: object) -> tuple[str, ...]:
    """
    Return the paths that are kept: the folder ``state`` for True, none for None.

    :param given: True, or relative paths of files and folders.
    :raises InvalidValueError: a path leads out of the working directory, or is that itself.
    """
    if given is None or given is False:
        return ()
    if given is True:
        return (FOLDER,)
    if not isinstance(given, (list, tuple)) or not given:
        raise InvalidValueError("state_dir", given, "True, or a list of paths such as ['last_id.txt', 'cache']")
    return tuple(map(_checked, given))


def _checked(path: object) -> str:
    parts = path.rstrip("/").split("/") if isinstance(path, str) else []
    if not all(parts) or not parts or {".", ".."} & set(parts) or parts[0] == ".env":
        raise InvalidValueError(
            "path in state_dir", path, "a relative one, without . and .., such as last_id.txt"
        )
    return "/".join(parts)


@dataclass(frozen=True)
class State:
    """
    What one name remembers.

    :param layout: of the name, on this worker.
    :param paths: what is kept, relative to the working directory.
    :param store: what the workers share, where the state is then; on this worker's disk when None.
    """

    layout: Layout
    paths: tuple[str, ...]
    store: Store | None = None

    @property
    def place(self) -> StoragePath:
        """The one file that it is kept in: there as a whole, or as it was before."""
        folder: StoragePath = self.layout.dotenv.parent if self.store is None else self.store.folder
        return folder / _NAME

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for one run: of two at once, each would lose what the other remembers."""
        descriptor = os.open(self.layout.state / "state.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._wait(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _wait(self, descriptor: int) -> None:
        said = False
        while True:
            with suppress(BlockingIOError):
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not said:
                log.info("Another run of %s has its state; waiting for its end", self.layout.name)
                said = True
            time.sleep(_LOOK_EVERY)

    def restore(self, work: int, owner: tuple[int, int] | None) -> None:
        """
        Put what was kept into a working directory that nothing runs in yet.

        :param work: the directory's descriptor.
        :param owner: user and group that get the files; this process's own when None.
        :raises StateError: what was kept can't be read.
        """
        if self.paths == (FOLDER,):
            _make_folders(FOLDER, work, owner)
        try:
            data = storage.read(self.place)
        except FileNotFoundError:
            return
        try:
            with tarfile.open(fileobj=io.BytesIO(data), mode="r:", tarinfo=tar.SmallHeader) as archive:
                for member in self._members(archive):
                    file = archive.extractfile(member)
                    content = file.read() if file else b""
                    _put(member.name, content, 0o700 if member.mode & stat.S_IXUSR else 0o600, work, owner)
        except tar.DAMAGED as error:
            raise StateError(storage.uri_of(self.place), f"it is damaged: {error}") from error
        except OSError as error:
            if error.errno not in _NO_PLACE:
                raise
            raise StateError(storage.uri_of(self.place), f"it is damaged: {error}") from error

    def _members(self, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        """Yield the files of an archive that a script's run left: others may have written to its place."""
        names: set[str] = set()
        left = _MOST_BYTES
        for member in archive:
            left -= member.size
            problem = None
            if not tar.is_regular(member) or not tar.has_size(member) or not self._is_kept(member.name):
                problem = f"{member.name!r} in it is none of the script's"
            elif member.name in names:
                problem = f"{member.name!r} is in it twice"
            elif left < 0:
                problem = f"with {member.name!r} it is more than {_MOST_BYTES >> 20} MiB"
            if problem:
                raise StateError(storage.uri_of(self.place), problem)
            names.add(member.name)
            yield member

    def keep(self, space: Workspace, release: Release, user: User | None) -> None:
        """
        Keep what a run that ended well has left, in place of what was kept before.

        :raises StateError: it is more than 64 MiB.
        :raises ArtifactUnreadableError: a file of it can't be read.
        """
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            patterns = [pattern for path in self.paths for pattern in (path, f"{path}/**")]
            for left in files_like(space, release, patterns, user, tops=("work",)):
                with opened(space, left, user) as file:
                    status = os.fstat(file.fileno())
                    if buffer.tell() + status.st_size > _MOST_BYTES:
                        problem = (
                            f"with {left.name!r} it is more than {_MOST_BYTES >> 20} MiB. Name only what the script "
                            "has to remember in state_dir; what it makes for others are artifacts"
                        )
                        raise StateError(storage.uri_of(self.place), problem)
                    member = tarfile.TarInfo(left.name)
                    member.size, member.mode = status.st_size, 0o700 if status.st_mode & 0o100 else 0o600
                    archive.addfile(member, file)
        if isinstance(self.place, Path):
            local.write(self.place, buffer.getvalue(), mode=0o600)
        else:
            storage.write(self.place, buffer.getvalue())

    def _is_kept(self, name: str) -> bool:
        parts = name.split("/")
        return not {"", ".", ".."} & set(parts) and any(
            name == path or name.startswith(f"{path}/") for path in self.paths
        )


def _make_folders(path: str, work: int, owner: tuple[int, int] | None) -> None:
    """Make a folder, and those above it first, unless they are there."""
    above = path.rpartition("/")[0]
    if above:
        _make_folders(above, work, owner)
    with suppress(FileExistsError):
        os.mkdir(path, 0o755, dir_fd=work)
        if owner:
            os.chown(path, *owner, dir_fd=work, follow_symlinks=False)


def _put(path: str, content: bytes, mode: int, work: int, owner: tuple[int, int] | None) -> None:
    if above := path.rpartition("/")[0]:
        _make_folders(above, work, owner)
    with suppress(FileNotFoundError):
        os.unlink(path, dir_fd=work)
    write_new(path, content, mode, work, owner)
