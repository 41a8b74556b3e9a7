"""Files that go with a mail: checked against their digests, encoded once, kept off the memory."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
from dataclasses import dataclass, field
from functools import lru_cache
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import AttachmentChangedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from airflow_provider_daybreak.storage import StoragePath
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

_LINE = 57  # bytes that make a line of 76 characters (RFC 2045 §6.8)
_CHUNK = _LINE * 1024

_MEDIA_TYPES = {
    # what a system's own list of types often lacks
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "json": "application/json",
    "md": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class Attachment:
    """
    A file to attach.

    :param name: its name in the mail.
    :param media_type: such as ``application/pdf``.
    :param uri: where it is, for people.
    :param path: where it is, for programs.
    :param sha256: digest that its bytes must have.
    :param size: number of its bytes.
    """

    name: str
    media_type: str
    uri: str
    path: StoragePath = field(repr=False, compare=False)
    sha256: str
    size: int

    def info(self) -> ArtifactInfo:
        """Return what another program needs to attach it again, as plain JSON."""
        return {"uri": self.uri, "sha256": self.sha256, "bytes": self.size}

    @property
    def encoded_size(self) -> int:
        """Number of bytes that it has in a mail, line ends included."""
        full, rest = divmod(self.size, _LINE)
        return full * 78 + (-(-rest // 3) * 4 + 2 if rest else 0)

    @property
    def readable_size(self) -> str:
        """Number of its bytes for people, by SI prefixes."""
        value = float(self.size)
        for unit in ("bytes", "kB", "MB"):
            if value < 1000:  # noqa: PLR2004 - SI prefixes
                return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
            value /= 1000
        return f"{value:.1f} GB"

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        """Return the file with its bytes, to be read from its beginning."""
        return cast("AbstractContextManager[IO[bytes]]", self.path.open("rb"))  # type: ignore[attr-defined]

    def encode_into(self, target: BinaryIO) -> None:
        """
        Write its bytes as lines of base64.

        :raises AttachmentChangedError: it is gone, or its bytes are not those that were recorded.
        """
        for chunk in self.chunks():
            lines = (chunk[at : at + _LINE] for at in range(0, len(chunk), _LINE))
            target.write(b"".join(base64.b64encode(line) + b"\r\n" for line in lines))

    def chunks(self) -> Iterator[bytes]:
        """
        Yield its bytes in pieces that are whole lines of base64.

        :raises AttachmentChangedError: it is gone; or, after the last piece, its bytes are not those that were recorded.
        """
        digest = hashlib.sha256()
        try:
            with storage.connected(self.path), self.opened() as source:
                while chunk := _read_fully(source, _CHUNK):
                    digest.update(chunk)
                    yield chunk
        except FileNotFoundError as error:
            raise AttachmentChangedError(self.name, self.uri, "there is no such file") from error
        if digest.hexdigest() != self.sha256:
            raise AttachmentChangedError(
                self.name, self.uri, "the file has changed since it was recorded (SHA-256 differs)"
            )


def media_type_of(name: str) -> str:
    """Return the media type of a file by its name; ``application/octet-stream`` when unknown."""
    extension = name.rpartition(".")[2].lower()
    guessed, encoding = _types().guess_type(name)
    if encoding:  # a compressed file is that, whatever is in it
        return {"gzip": "application/gzip"}.get(encoding, "application/octet-stream")
    return _MEDIA_TYPES.get(extension) or guessed or "application/octet-stream"


@lru_cache(maxsize=1)
def _types() -> mimetypes.MimeTypes:
    """Return Python's own types: those that a machine adds differ from worker to worker."""
    return mimetypes.MimeTypes()


def _read_fully(source: IO[bytes], size: int) -> bytes:
    """Read that many bytes, fewer only at the end: what is encoded must end where a line does."""
    parts: list[bytes] = []
    while size and (part := source.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
