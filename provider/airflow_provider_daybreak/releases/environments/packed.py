"""
A packed environment: its files in one archive, from which another worker has it sooner than it could install it.

What is packed was built and verified, with the bytecode of its modules. It takes the same interpreter, down to the C library; the
folder may be another one. Only files are packed: their place is a new, empty environment of that interpreter, whose own files and links
are made by uv on either worker. An archive is unpacked while it is read, and its digest compared at the end, before anything is run from
there: until then it is trusted no more than to hold as many regular files as was said, below that folder.
"""

from __future__ import annotations

import base64
import errno
import gzip
import hashlib
import io
import os
import re
import stat
import tarfile
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_daybreak.exceptions import PackedEnvironmentError
from airflow_provider_daybreak.storage import local
from airflow_provider_daybreak.storage import tar as tars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

SCHEMA = 1
_LEVEL = 1  # a second for a hundred megabytes; higher ones take several, and save a tenth
_CHUNK = 1 << 20
_PLAIN = re.compile(r"/[\w./+-]*", re.ASCII)
_LONGEST_LINE = 127  # of a script's first line, on every Linux
_SHAPES: Mapping[str, type] = {
    "schema": int, "environment": str, "sha256": str, "bytes": int, "files": int, "unpacked": int, "folder": str, "imports": dict,
    "modules": list,
}  # fmt: skip
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Packed:
    """
    An environment in an archive.

    :param facts: what is said of it: see :func:`pack`.
    :param reading: opens the archive.
    :param place: where it lies, for messages.
    """

    facts: Mapping[str, Any]
    reading: Callable[[], AbstractContextManager[BinaryIO]]
    place: str

    @property
    def unpacked(self) -> int:
        """Bytes of its files."""
        return int(self.facts["unpacked"])


def problem_of(facts: object) -> str:
    """Return why this says nothing of a packed environment, or ""."""
    if not isinstance(facts, dict):
        return "it is no JSON object"
    if facts.get("schema") != SCHEMA:
        return f"it is of format {facts.get('schema')!r}, and this version of Daybreak reads format {SCHEMA}"
    wrong = [key for key, shape in _SHAPES.items() if not isinstance(facts.get(key), shape)]
    if wrong:
        return f"{wrong[0]} is missing, or has another shape than a deploy gives it"
    return "" if _DIGEST.fullmatch(facts["sha256"]) else "its digest is none"


def pack(environment: Path, file: BinaryIO) -> dict[str, Any]:
    """
    Write an environment's files into an archive (a tar, by gzip), and return what is said of it.

    :return: its ``sha256`` and size in ``bytes``; how many ``files`` it has, and of how many bytes ``unpacked``; the ``folder`` that
        their scripts name.
    """
    target = _Hashed(file)
    files = unpacked = 0
    with (
        gzip.GzipFile(
            filename="", fileobj=cast("BinaryIO", target), mode="wb", compresslevel=_LEVEL, mtime=0
        ) as packing,
        tarfile.open(fileobj=packing, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(_files_of(environment)):
            status = path.lstat()
            member = tarfile.TarInfo(path.relative_to(environment).as_posix())
            member.size, member.mtime = (
                status.st_size,
                int(status.st_mtime),
            )  # bytecode knows its source by that second
            member.mode = 0o555 if status.st_mode & stat.S_IXUSR else 0o444
            with path.open("rb") as content:
                tar.addfile(member, content)
            files += 1
            unpacked += status.st_size
    return {
        "schema": SCHEMA, "environment": environment.name, "sha256": target.digest.hexdigest(), "bytes": target.size,
        "files": files, "unpacked": unpacked, "folder": str(environment),
    }  # fmt: skip


def _files_of(environment: Path) -> list[Path]:
    """Return what is packed: of links, which uv makes anew, nothing, and no file at the top, which say where it lies."""
    found = []
    for folder, folders, files in os.walk(environment):
        if Path(folder) == environment:
            continue
        folders[:] = [name for name in folders if not Path(folder, name).is_symlink()]
        found += [path for name in files if not (path := Path(folder, name)).is_symlink()]
    return found


class _Hashed:
    """A file that is written, and what its digest comes to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def fits(packed: Packed, environment: Path) -> bool:
    """Return whether the scripts of a packed environment can be made to name this folder."""
    names = (str(packed.facts["folder"]), str(environment))
    if names[0] == names[1]:
        return True
    return all(_PLAIN.fullmatch(name) and len(f"#!{name}/bin/python") < _LONGEST_LINE for name in names)


def unpack(packed: Packed, environment: Path) -> None:
    """
    Put the files of an archive into a new environment, which has none but uv's own yet.

    :raises PackedEnvironmentError: it is not what was said of it. What was unpacked of it is left there.
    """
    place = _Place(environment, packed.place)
    old, new = str(packed.facts["folder"]).encode(), str(environment).encode()
    renamed: dict[bytes, bytes] = {}
    try:
        with _opened(packed) as source:
            for member, content in _files_in(source, packed):
                if member.name in place.own:
                    continue  # it says where it lies, and uv made it for here
                data = content
                if old != new and member.name.startswith("bin/") and member.size < _CHUNK:
                    was = content.read()
                    script = was.replace(old, new)
                    if script != was:
                        renamed[_recorded(was)] = _recorded(script)
                    data = io.BytesIO(script)
                place.write(member, data)
            source.end()
    except (*tars.DAMAGED, zlib.error, gzip.BadGzipFile) as error:
        raise PackedEnvironmentError(packed.place, f"it is cut off or damaged ({error})") from error
    if source.digest.hexdigest() != packed.facts["sha256"]:
        raise PackedEnvironmentError(packed.place, "its content is not what was said of it")
    if renamed:
        _record(environment, renamed)


def _files_in(source: _Read, packed: Packed) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Yield the files of an archive, of which there are as many as was said."""
    files = unpacked = 0
    with (
        gzip.GzipFile(fileobj=cast("BinaryIO", source)) as unpacking,
        tarfile.open(fileobj=unpacking, mode="r|", bufsize=_CHUNK, tarinfo=tars.SmallHeader) as tar,
    ):
        for member in tar:
            cast("Any", tar).members = []  # it would keep them all
            files, unpacked = files + 1, unpacked + member.size
            if files > packed.facts["files"] or unpacked > packed.unpacked:
                raise PackedEnvironmentError(packed.place, "it holds more than was said of it")
            regular = tars.is_regular(member) and tars.has_size(member)
            content = tar.extractfile(member) if regular else None
            if content is None:
                raise PackedEnvironmentError(packed.place, f"{member.name!r} is no regular file")
            yield member, content
    if (files, unpacked) != (packed.facts["files"], packed.unpacked):
        raise PackedEnvironmentError(packed.place, "it holds less than was said of it")


@contextmanager
def _opened(packed: Packed) -> Iterator[_Read]:
    with ExitStack() as closing:
        try:
            file = closing.enter_context(packed.reading())
        except OSError as error:
            raise PackedEnvironmentError(packed.place, error.strerror or str(error)) from error
        yield _Read(file, packed.place)


class _Read:
    """A file that is read, and what its digest comes to."""

    def __init__(self, file: BinaryIO, place: str) -> None:
        self._file = file
        self._place = place
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._file.read(size)
        except OSError as error:
            raise PackedEnvironmentError(self._place, error.strerror or str(error)) from error
        self.digest.update(data)
        return data

    def end(self) -> None:
        """Read what is left."""
        while self.read(_CHUNK):
            pass


class _Place:
    """The environment that files are put into, none of them twice, and none through a link."""

    def __init__(self, environment: Path, archive: str) -> None:
        self._top = str(environment)
        self._archive = archive
        self._folders: set[str] = set()
        self.own: set[str] = set()
        """Names of what uv made there."""
        for folder, folders, files in os.walk(environment):
            inside = os.path.relpath(folder, environment)
            at = "" if inside == "." else f"{inside}/"
            links = [name for name in folders if Path(folder, name).is_symlink()]
            self._folders |= {at + name for name in folders if name not in links}
            self.own |= {at + name for name in (*files, *links)}

    def write(self, member: tarfile.TarInfo, content: IO[bytes]) -> None:
        """Put a file there that nobody may write to."""
        parts = member.name.split("/")
        if len(parts) == 1 or not {"", ".", ".."}.isdisjoint(parts):
            raise PackedEnvironmentError(self._archive, f"{member.name!r} has no place in an environment")
        try:
            self._make_folder("/".join(parts[:-1]))
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(f"{self._top}/{member.name}", flags, 0o600)
        except (FileExistsError, NotADirectoryError, ValueError) as error:
            raise PackedEnvironmentError(self._archive, f"{member.name!r} is there twice") from error
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise PackedEnvironmentError(self._archive, f"{member.name[:80]!r}… has too long a name") from error
        try:
            while chunk := content.read(_CHUNK):
                local.write_all(descriptor, chunk)
            os.utime(descriptor, (member.mtime, member.mtime))
            os.fchmod(descriptor, 0o555 if member.mode & stat.S_IXUSR else 0o444)
        finally:
            os.close(descriptor)

    def _make_folder(self, name: str) -> None:
        if name in self._folders:
            return
        above = name.rpartition("/")[0]
        if above:
            self._make_folder(above)
        os.mkdir(f"{self._top}/{name}", 0o700)  # noqa: PTH102 - a Path for each of thousands costs more than the rest
        self._folders.add(name)


def _recorded(data: bytes) -> bytes:
    """Return what ``RECORD`` says of a file with that content."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
    return b",sha256=%s,%d" % (digest, len(data))


def _record(environment: Path, renamed: Mapping[bytes, bytes]) -> None:
    """Let packages record the scripts as they are now."""
    for record in environment.glob("lib/python*/site-packages/*.dist-info/RECORD"):
        data = record.read_bytes()
        lines = data.splitlines(keepends=True)
        for number, line in enumerate(lines):
            said = b"," + b",".join(line.rstrip().rsplit(b",", 2)[1:])
            if said in renamed:
                lines[number] = line.replace(said, renamed[said])
        if (changed := b"".join(lines)) != data:
            record.chmod(0o644)
            record.write_bytes(changed)
