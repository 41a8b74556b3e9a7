"""What is deployed: the files of a source, their digest, and an exact copy of them."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_daybreak.exceptions import (
    NoScriptError,
    SourceChangedError,
    SourceLinkError,
    SourceTooLargeError,
    SourceUnreadableError,
)
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MAX_BYTES = 256 * 1024**2
MAX_FILES = 10_000

_LEFT_OUT_FOLDERS = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".venv",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".ipynb_checkpoints",
    }
)
_LEFT_OUT_SUFFIXES = (".pyc", ".pyo", ".swp")
_SCRIPTS = (".py", ".sh", ".ipynb")
_CHUNK = 1 << 20


class _Entry(TypedDict):
    """
    A file of a source, as a manifest lists it.

    ``link`` is set for a symbolic link, and then no digest. The path of a folder in which nothing else is ends with a
    slash, and it has neither.
    """

    path: str
    bytes: int
    sha256: str
    executable: bool
    link: str


class FileEntry(_Entry, total=False):
    """A file of a source. ``private`` is set, and true, where its owner alone may read it."""

    private: bool


def mode_of(file: FileEntry) -> int:
    """Return the mode that a file of a source has in a copy: who could not read it before can't read it there."""
    mode = 0o755 if file["executable"] else 0o644
    return mode & 0o700 if file.get("private") else mode


@dataclass(frozen=True)
class Source:
    """
    A source as it was read.

    :param folder: the folder its files' paths are relative to.
    :param given: the folder or script that was asked for.
    :param files: its files, sorted by path; ``.env`` is none of them.
    :param digest: SHA-256 of paths, modes and contents.
    """

    folder: Path
    given: Path
    files: tuple[FileEntry, ...]
    digest: str

    def read(self, path: str) -> Iterator[bytes]:
        """Yield the content of one of its files."""
        with (self.folder / path).open("rb", buffering=0) as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def file_at(self, path: Path) -> Path | None:
        """
        Return where a path leads, its links followed, if that is a file that may be deployed, and else None.

        ``.env`` is none, nor is what lies outside of the folder, in version control or in a cache.
        """
        try:
            found = path.resolve(strict=True)
            parts = found.relative_to(self.folder.resolve()).parts
        except (OSError, RuntimeError, ValueError):
            return None  # it is not there, its links lead in a circle, or it lies outside
        if parts[-1:] == (".env",) or _LEFT_OUT_FOLDERS.intersection(parts):
            return None
        return found if found.is_file() else None

    @property
    def dotenv(self) -> Path | None:
        """The ``.env`` beside the script, if there is one."""
        path = self.folder / ".env"
        return path if os.path.lexists(path) else None

    @property
    def scripts(self) -> tuple[str, ...]:
        """The Python files that stand at the top."""
        return tuple(f["path"] for f in self.files if f["path"].endswith(".py") and "/" not in f["path"])


def read_source(given: Path) -> Source:
    """
    Read what is to be deployed.

    Version control, caches, bytecode, virtual environments and ``.env`` are left out.

    :param given: a folder, or a single ``.py`` file.
    :raises SourceUnreadableError: it is missing, or something in it can't be read.
    :raises SourceLinkError: a link in it leads outside.
    :raises SourceTooLargeError: it holds more than a script does.
    :raises NoScriptError: there is nothing in it that can be run: no Python, no shell script, no notebook.
    """
    try:
        if given.is_dir():
            folder = given
            entries = sorted(_walk(given, given), key=lambda entry: entry[0])
        else:
            if not given.exists():
                raise SourceUnreadableError(str(given), "there is no such file or folder")
            if given.suffix != ".py" or not given.is_file():
                raise SourceUnreadableError(str(given), "it is neither a folder nor a .py file")
            folder = given.parent
            entries = [(given.name, given.stat())]
        _check_size(given, entries)
        files = tuple(_read(folder, path, status) for path, status in entries)
    except OSError as error:
        raise SourceUnreadableError(error.filename or str(given), error.strerror or str(error)) from error
    if not any(file["path"].endswith(_SCRIPTS) for file in files):
        raise NoScriptError(str(given))
    return Source(folder, given, files, digest_of(files))


def digest_of(files: tuple[FileEntry, ...] | list[FileEntry]) -> str:
    """Return the digest of a source's files: two sources with the same digest run the same."""
    digest = hashlib.sha256()
    for file in files:
        private = "\0private" if file.get("private") else ""
        line = f"{file['path']}\0{file['executable']:d}\0{file['link']}\0{file['sha256']}{private}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def copy_files(files: Sequence[FileEntry], target: Path, read: Callable[[str], Iterable[bytes]]) -> None:
    """
    Write a source's files, and nothing else, into a folder that doesn't exist yet.

    :param read: returns the content of the file of that path, in pieces.
    :raises SourceChangedError: a file is not what its entry says.
    """
    target.mkdir(mode=0o755)
    made = {target}
    for file in files:
        path = target / file["path"]
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        if file["link"]:
            path.symlink_to(file["link"])
        elif file["path"].endswith("/"):
            path.mkdir()
        else:
            _write(path, file, read(file["path"]))


def _walk(top: Path, folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if entry.is_symlink():
                _check_link(top, path)
                if entry.name != ".env":
                    yield str(path.relative_to(top)), entry.stat(follow_symlinks=False)
            elif entry.is_dir():
                if entry.name not in _LEFT_OUT_FOLDERS and not (path / "pyvenv.cfg").exists():
                    inside = list(_walk(top, path))
                    # An empty folder may be where the script writes to.
                    yield from inside or [(f"{path.relative_to(top)}/", entry.stat())]
            elif not entry.is_file():
                raise SourceUnreadableError(entry.path, "it is neither a file nor a folder")
            elif entry.name != ".env" and not entry.name.endswith(_LEFT_OUT_SUFFIXES):
                yield str(path.relative_to(top)), entry.stat()


def _check_link(top: Path, link: Path) -> None:
    if link == top / ".env":  # never copied: the file it leads to is read
        return
    target = str(link.readlink())
    resolved = link.resolve()
    if target.startswith("/") or not resolved.is_relative_to(top.resolve()):
        raise SourceLinkError(str(top), str(link.relative_to(top)), target)


def _check_size(given: Path, entries: list[tuple[str, os.stat_result]]) -> None:
    total = sum(status.st_size for _, status in entries)
    if total > MAX_BYTES:
        raise SourceTooLargeError(str(given), f"{total / 1024**2:,.0f} MiB", f"{MAX_BYTES // 1024**2} MiB")
    if len(entries) > MAX_FILES:
        raise SourceTooLargeError(str(given), f"{len(entries):,} files", f"{MAX_FILES:,} files")


def _read(folder: Path, path: str, status: os.stat_result) -> FileEntry:
    if stat.S_ISDIR(status.st_mode):
        return FileEntry(path=path, bytes=0, sha256="", executable=False, link="")
    if stat.S_ISLNK(status.st_mode):
        link = str((folder / path).readlink())
        return FileEntry(path=path, bytes=0, sha256="", executable=False, link=link)
    digest = hashlib.sha256()
    size = 0
    with (folder / path).open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    executable = bool(status.st_mode & stat.S_IXUSR)
    entry = FileEntry(path=path, bytes=size, sha256=digest.hexdigest(), executable=executable, link="")
    return entry if status.st_mode & stat.S_IROTH else {**entry, "private": True}


def _write(path: Path, entry: FileEntry, chunks: Iterable[bytes]) -> None:
    digest = hashlib.sha256()
    mode = mode_of(entry)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        for chunk in chunks:
            digest.update(chunk)
            local.write_all(descriptor, chunk)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if digest.hexdigest() != entry["sha256"]:
        raise SourceChangedError(entry["path"])
