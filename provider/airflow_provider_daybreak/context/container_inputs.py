"""What goes into a container: texts, files, folders, revisions and outputs, each as files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_daybreak.containers import tarball
from airflow_provider_daybreak.context.archive import archive_at, storage_path
from airflow_provider_daybreak.exceptions import ContainerInputError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.containers.outputs import Budget

_URI = re.compile(r"[a-z][a-z0-9+.-]*://\S+")


def entries_of(inputs: Mapping[str, Any], archive: str, budget: Budget) -> Iterator[tarball.Entry]:
    """
    Yield every file that the inputs name.

    :raises ContainerInputError: one is missing or no file, its path leads out of the folder, or it is too much.
    """
    seen: set[str] = set()
    for key, value in (inputs or {}).items():
        for entry in _entries_for(str(key), value, archive):
            try:
                name = tarball.relative(entry.name)
            except ValueError as error:
                raise ContainerInputError(entry.name, f"expected {error}") from error
            if name in seen:
                raise ContainerInputError(name, "two inputs have this path")
            seen.add(name)
            if too_much := budget.take(entry.size):
                raise ContainerInputError(name, f"with it there are {too_much}")
            yield tarball.Entry(name, entry.size, entry.open, entry.sha256)


def _entries_for(key: str, value: Any, archive: str) -> Iterator[tarball.Entry]:
    if isinstance(value, bytes):
        yield tarball.Entry.of(key, value)
    elif isinstance(value, str) and _URI.fullmatch(value):
        if value.endswith("/manifest.json"):
            yield from _files_of_revision(key, value, archive)
        else:
            yield from _files_at(key, value, sha256=None)
    elif isinstance(value, str):
        yield tarball.Entry.of(key, value.encode())
    elif isinstance(value, dict) and isinstance(value.get("manifest"), str):
        yield from _files_of_revision(key, value["manifest"], archive)
    elif isinstance(value, dict) and isinstance(value.get("outputs"), dict):
        for name, artifact in value["outputs"].items():
            yield from _entries_for(f"{key}/{name}", artifact, archive)
    elif isinstance(value, dict) and isinstance(value.get("uri"), str):
        yield from _files_at(key, value["uri"], sha256=value.get("sha256"))
    else:
        expected = "text, bytes, a URI, or what a report or container task returned"
        raise InvalidValueError(f"inputs[{key!r}]", value, expected)


def _files_of_revision(key: str, manifest: str, archive: str) -> Iterator[tarball.Entry]:
    revision = archive_at(archive).open(manifest)
    for file in revision.files:
        yield tarball.Entry.of(f"{key}/{file.name}", revision.read(file.name))


def _files_at(key: str, uri: str, sha256: str | None) -> Iterator[tarball.Entry]:
    path: Any = storage_path(uri, name=f"inputs[{key!r}]")
    if path.is_file():
        yield _entry_at(key, path, sha256)
    elif path.is_dir():
        for file in sorted(path.rglob("*"), key=str):
            if file.is_file():
                yield _entry_at(f"{key}/{file.relative_to(path)}", file, None)
    else:
        raise ContainerInputError(key, f"there is no file {uri!r}")


def _entry_at(key: str, path: Any, sha256: str | None) -> tarball.Entry:
    return tarball.Entry(key, int(path.stat().st_size), lambda: cast("BinaryIO", path.open("rb")), sha256)
