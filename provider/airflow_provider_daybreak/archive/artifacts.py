"""Files that go into or come out of a step, each kept once under the digest of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from airflow_provider_daybreak.storage import StoragePath
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

_CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Artifact:
    """A kept file: where it lies, and what its bytes are."""

    uri: str
    sha256: str
    bytes: int

    def info(self) -> ArtifactInfo:
        """Return it as plain JSON."""
        return {"uri": self.uri, "sha256": self.sha256, "bytes": self.bytes}


def store_artifact(root: StoragePath, name: str, stream: BinaryIO) -> Artifact:
    """
    Keep a file, whole or not at all.

    :param root: folder of the archive.
    :param name: what it is called, such as ``report.pdf``: one part, no path.
    :param stream: its bytes, read in pieces.
    :return: where it lies. The same bytes under the same name lie there once.
    :raises InvalidValueError: the name is no plain file name.
    """
    if "/" in layout.check_file_name(name, own=()):
        raise InvalidValueError("name of an artifact", name, "a file name without a folder")
    folder = root / layout.ARTIFACTS
    digest, size = hashlib.sha256(), 0
    with storage.temporary_file(folder) as (temporary, file):
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            file.write(chunk)
        file.flush()
        target = folder / digest.hexdigest() / name
        storage.upload(target, temporary)  # also where it is: pruning takes it for new again
    return Artifact(storage.uri_of(target), digest.hexdigest(), size)
