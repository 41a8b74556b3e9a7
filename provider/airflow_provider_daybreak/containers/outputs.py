"""Files on their way out of a container: regular files only, counted, measured and hashed as they pass."""

from __future__ import annotations

import io
import json
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from airflow_provider_daybreak.containers.tarball import relative
from airflow_provider_daybreak.exceptions import ContainerOutputError
from airflow_provider_daybreak.storage import tar as tar_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

    Problem = Callable[[str], ContainerOutputError]
    Taken = Callable[[str, str], AbstractContextManager[Iterator[bytes]]]
    """Opens a tar of what lies at a path in the container, for an output's name."""


_RESULT_LIMIT = 48 * 1024
"""Bytes of a result file: it becomes an XCom, a row in Airflow's database."""


class Store(Protocol):
    """Keeps a file, read to its end from a stream, under a name."""

    def __call__(self, name: str, stream: BinaryIO, /) -> ArtifactInfo:
        """Keep it, and say where."""


@dataclass(frozen=True)
class CopyLimits:
    """
    How much may be copied in, and how much may be copied out.

    :param files: files, all together.
    :param bytes: bytes, all together.
    """

    files: int = 1_000
    bytes: int = 1 << 30


@dataclass
class Budget:
    """What is left of the limits while files pass."""

    limits: CopyLimits
    files: int = 0
    bytes: int = 0

    def take(self, size: int) -> str | None:
        """Count a file of that many bytes, and return what it is too much of, or None."""
        self.files += 1
        self.bytes += size
        if self.files > self.limits.files:
            return (
                f"more than {self.limits.files} files in all. Raise copy_limits, or put them into one archive"
            )
        if self.bytes > self.limits.bytes:
            return f"more than {self.limits.bytes} bytes in all. Raise copy_limits, or write less"
        return None


def unpack(
    name: str, path: str, chunks: Iterable[bytes], budget: Budget, store: Store
) -> dict[str, ArtifactInfo]:
    """
    Store the files of the tar that an engine sent, and return them by name.

    Nothing is written where the tar says: each file goes to the store as a stream, with a name of one part.
    A folder's files are named ``<name>/<path in the folder>``.

    :param name: what the output is called.
    :param path: where it is in the container, for errors.
    :param chunks: bytes of the tar as they arrive. Its content belongs to whoever wrote the container.
    :raises ContainerOutputError: there is something else than regular files in it, more than the budget
        has left, a name that climbs out, or it is no tar.
    """
    stored: dict[str, ArtifactInfo] = {}
    problem = partial(ContainerOutputError, name, path)
    with _no_tar_as(problem):
        tar = tarfile.open(fileobj=_Chunks(chunks, budget.limits), mode="r|", tarinfo=tar_format.SmallHeader)  # noqa: SIM115 - below
    with tar:
        while member := _next(tar, problem):
            within = _within(member, problem)
            if member.isdir():
                if too_much := budget.take(0):  # a million empty folders are no less work
                    raise problem(f"it would make {too_much}")
                continue
            if not tar_format.is_regular(member):
                raise problem(f"{member.name!r} is {_kind(member)}, and only regular files are taken")
            if too_much := budget.take(member.size):
                raise problem(f"it would make {too_much}")
            key = f"{name}/{within}" if within else name
            if key in stored:
                raise problem(f"{member.name!r} is in it twice")
            with cast("BinaryIO", _File(cast("IO[bytes]", tar.extractfile(member)), problem)) as source:
                stored[key] = store(_file_name(key, path), source)
    if not stored:
        raise problem("the folder holds no file")
    return stored


def collected(
    paths: Mapping[str, str], taken: Taken, limits: CopyLimits, store: Store
) -> dict[str, ArtifactInfo]:
    """
    Return a container's outputs, each kept by the store.

    :param paths: where they lie in the container, by name.
    :raises ContainerOutputError: one is missing, or is not what may come out.
    """
    budget = Budget(limits)
    stored: dict[str, ArtifactInfo] = {}
    for name, path in paths.items():
        with taken(name, path) as chunks:
            stored |= unpack(name, path, chunks, budget, store)
    return stored


def json_value(name: str, path: str, taken: Taken) -> Any:
    """
    Return the value of a container's JSON file.

    :raises ContainerOutputError: it is missing, no regular file, larger than an XCom should be, or no JSON.
    """
    content: list[bytes] = []

    def keep(_: str, stream: BinaryIO) -> ArtifactInfo:
        content.append(stream.read())
        return {"uri": "", "sha256": "", "bytes": len(content[-1])}

    with taken(name, path) as chunks:
        unpack(name, path, chunks, Budget(CopyLimits(1, _RESULT_LIMIT)), keep)
    try:
        return json.loads(content[0])
    except ValueError as error:
        raise ContainerOutputError(name, path, f"it is no JSON ({error})") from error


def _file_name(key: str, path: str) -> str:
    """Return what a file is kept as: what it is called, when that has a suffix, or else what it was written as."""
    called = PurePosixPath(key)
    return called.name if called.suffix else PurePosixPath(path).name


def _next(tar: tarfile.TarFile, problem: Problem) -> tarfile.TarInfo | None:
    with _no_tar_as(problem):
        member = tar.next()
    if member is not None and not tar_format.has_size(member):
        raise problem(f"{member.name!r} has no size")
    return member


class _Chunks(io.RawIOBase):
    """A stream over chunks, that ends in an error when far more comes than the limits allow."""

    def __init__(self, chunks: Iterable[bytes], limits: CopyLimits) -> None:
        self._chunks = iter(chunks)
        self._rest = memoryview(b"")
        # Each file brings a header, its extensions and padding; the end of a tar is padded too.
        self._left = limits.bytes + (limits.files + 2) * 16 * 1024

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        pieces: list[bytes | memoryview] = []
        wanted = size if size >= 0 else self._left
        while wanted > 0:
            if not self._rest:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._rest = memoryview(chunk)
                continue
            piece, self._rest = self._rest[:wanted], self._rest[wanted:]
            pieces.append(piece)
            wanted -= len(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise tarfile.ReadError("it is larger than the limits allow")
        return b"".join(pieces)


class _File(io.RawIOBase):
    """The bytes of one file of a tar."""

    def __init__(self, source: IO[bytes], problem: Problem) -> None:
        self._source = source
        self._problem = problem

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        with _no_tar_as(self._problem):
            return self._source.read(size)


@contextmanager
def _no_tar_as(problem: Problem) -> Iterator[None]:
    try:
        yield
    except tar_format.DAMAGED as error:
        raise problem(f"the engine sent what is no tar of it ({error})") from error


def _within(member: tarfile.TarInfo, problem: Problem) -> str:
    """Return the member's path inside of the folder that was asked for, empty for that itself."""
    try:
        whole = relative(member.name)
    except ValueError as error:
        raise problem(f"{member.name!r} is not {error}") from error
    _, _, within = whole.partition("/")
    return within


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return f"a symbolic link to {member.linkname!r}"
    if member.islnk():
        return f"a hard link to {member.linkname!r}"
    if member.isdev():
        return "a device or a pipe"
    return "no regular file"
