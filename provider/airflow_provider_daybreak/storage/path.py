"""What all that is kept somewhere is named by: a path on this machine's disks, or on object storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Self


class StoragePath(Protocol):
    """A path that behaves as ``pathlib.Path`` does: one itself, or an ``ObjectStoragePath``."""

    @property
    def name(self) -> str:
        """Its last part."""
        ...

    @property
    def parent(self) -> Self:
        """The folder it lies in."""
        ...

    def __truediv__(self, key: str, /) -> Self:
        """Return the path of that name in this folder."""
        ...

    def exists(self) -> bool:
        """Return whether something lies there."""
        ...

    def iterdir(self) -> Iterator[Self]:
        """Yield what lies in the folder."""
        ...

    def read_bytes(self) -> bytes:
        """Return the file's content."""
        ...

    def unlink(self) -> None:
        """Remove the file."""
        ...


AnyPath = TypeVar("AnyPath", bound=StoragePath)


def uri_of(path: StoragePath) -> str:
    """Return the URI of a path."""
    return path.as_uri() if isinstance(path, Path) else str(path).rstrip("/")


def below(folder: AnyPath, name: str) -> AnyPath:
    """Return the path of a file by its name relative to a folder, such as ``charts/daylight.png``."""
    for part in name.split("/"):
        folder = folder / part
    return folder
