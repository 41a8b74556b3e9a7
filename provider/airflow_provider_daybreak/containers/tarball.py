"""Files on their way into a container: a tar, streamed, that no file name can lead astray."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_daybreak.exceptions import ContainerInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_CHUNK = 256 * 1024
_LONGEST_PATH = 1024


@dataclass(frozen=True)
class Entry:
    """
    A file to put into a container.

    :param name: its path under the folder it goes to, such as ``charts/daylight.png``.
    :param size: bytes.
    :param open: returns its bytes, as a stream that is read once and closed.
    :param sha256: what its bytes must hash to, or None where that isn't known.
    """

    name: str
    size: int
    open: Callable[[], BinaryIO]
    sha256: str | None = None

    @classmethod
    def of(cls, name: str, content: bytes) -> Entry:
        """Return the entry of a file whose bytes are at hand."""
        return cls(name, len(content), lambda: BytesIO(content))


def relative(name: str) -> str:
    """
    Return the path of a file under a folder, in its shortest form.

    :raises ValueError: it is empty, absolute, climbs out, or holds control characters. Says which.
    """
    if not name or len(name) > _LONGEST_PATH:
        raise ValueError(f"a path of 1 to {_LONGEST_PATH} characters")
    if not name.isprintable() or "\\" in name:
        raise ValueError("a path without control characters or backslashes")
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError("a path inside of the folder, such as data/figures.csv")
    return str(path)


def stream(entries: Iterable[Entry], *, mode: int = 0o444, owner: int = 0) -> Iterator[bytes]:
    """
    Yield a tar of the entries and the folders they need, a piece at a time.

    :param mode: permission bits of the files; folders get those that let files be reached.
    :param owner: numeric user and group of files and folders.
    :raises ContainerInputError: a file is not as long as was said, or does not match its hash.
    """
    for entry, headers in _headers(entries, mode=mode, owner=owner):
        yield headers
        yield from _content(entry)
        yield b"\0" * (-entry.size % tarfile.BLOCKSIZE)
    yield END


def size(entries: Iterable[Entry]) -> int:
    """Return how many bytes the tar of the entries has, which reads none of them."""
    padded = (
        len(headers) + entry.size + -entry.size % tarfile.BLOCKSIZE
        for entry, headers in _headers(entries, mode=0o444, owner=0)
    )
    return sum(padded) + len(END)


def _headers(entries: Iterable[Entry], *, mode: int, owner: int) -> Iterator[tuple[Entry, bytes]]:
    """Yield each entry with what stands before its content: the folders it needs, and its own header."""
    folders: set[str] = set()
    for entry in entries:
        before = b""
        for parent in reversed(PurePosixPath(entry.name).parents[:-1]):
            if str(parent) not in folders:
                folders.add(str(parent))
                before += folder(str(parent), mode=0o755, owner=owner)
        header = tarfile.TarInfo(entry.name)
        header.size, header.mode, header.uid, header.gid = entry.size, mode, owner, owner
        header.mtime = TIME
        yield entry, before + header.tobuf(tarfile.PAX_FORMAT)


TIME = 315_619_200
"""
Of all files: 2 January 1980, always the same.

A script that zips a file, as a workbook's writer may, gets an error for one from before 1980, by its own zone's clock.
"""
END = b"\0" * tarfile.RECORDSIZE
"""What a tar ends with."""


def folder(name: str, *, mode: int, owner: int = 0) -> bytes:
    """
    Return the tar entry of a folder.

    The engine applies the entry named ``/`` to the very folder that a tar is unpacked in; it skips ``.``.
    """
    header = tarfile.TarInfo(name)
    header.type, header.mode, header.uid, header.gid = tarfile.DIRTYPE, mode, owner, owner
    header.mtime = TIME
    return header.tobuf(tarfile.PAX_FORMAT)


def _content(entry: Entry) -> Iterator[bytes]:
    seen, sha256 = 0, hashlib.sha256()
    with entry.open() as source:
        while piece := source.read(_CHUNK):
            seen += len(piece)
            if seen > entry.size:
                break
            sha256.update(piece)
            yield piece
    if seen != entry.size:
        raise ContainerInputError(
            entry.name,
            f"it has {seen} bytes or more, and had {entry.size} a moment ago; let nobody write to it meanwhile",
        )
    if entry.sha256 is not None and sha256.hexdigest() != entry.sha256:
        raise ContainerInputError(
            entry.name, "it is not the file that was archived: its SHA-256 differs; clear the task that made it"
        )
