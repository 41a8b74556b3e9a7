"""What goes into a container: texts, files, folders, revisions and outputs, each as files."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_daybreak.containers import tarball
from airflow_provider_daybreak.containers.job import File, check_text
from airflow_provider_daybreak.context.archive import archive_at, storage_path
from airflow_provider_daybreak.exceptions import ContainerInputError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_daybreak.containers.outputs import Budget


def entries_of(inputs: Mapping[str, Any], archives: Sequence[str], budget: Budget) -> Iterator[tarball.Entry]:
    """
    Yield every file that the inputs name.

    :param archives: URIs of the archives that reports and other tasks' outputs may lie in; reports are looked for in the
        first.
    :raises ContainerInputError: one is missing or no file, its path leads out of the folder, or it is too much.
    :raises InvalidValueError: one is nothing that can go in.
    """
    seen: set[str] = set()
    for key, value in (inputs or {}).items():
        for entry in _entries_for(str(key), value, archives):
            try:
                name = tarball.relative(entry.name)
            except ValueError as error:
                raise ContainerInputError(entry.name, f"expected {error}") from error
            if name in seen:
                raise ContainerInputError(name, "two inputs have this path; give one of them another")
            seen.add(name)
            if too_much := budget.take(entry.size):
                raise ContainerInputError(
                    name,
                    f"with it there are {too_much}; leave out what the script does not need, or raise copy_limits",
                )
            yield tarball.Entry(name, entry.size, entry.open, entry.sha256)


def _entries_for(key: str, value: Any, archives: Sequence[str]) -> Iterator[tarball.Entry]:
    name = f"inputs[{key!r}]"
    if isinstance(value, bytes):
        yield tarball.Entry.of(key, value)
    elif isinstance(value, str):
        check_text(name, value)
        yield tarball.Entry.of(key, value.encode())
    elif isinstance(value, (File, PurePath)):
        yield from _files_named(key, str(value.path if isinstance(value, File) else value), archives[0])
    elif isinstance(value, dict) and isinstance(value.get("manifest"), str):
        yield from _files_of_revision(key, value["manifest"], archives[0])
    elif isinstance(value, dict) and isinstance(value.get("outputs"), dict):
        for output, artifact in value["outputs"].items():
            yield from _entries_for(f"{key}/{output}", artifact, archives)
    elif isinstance(value, dict) and isinstance(value.get("uri"), str) and isinstance(value.get("sha256"), str):
        if not any(_lies_in(value["uri"], archive, name) for archive in archives):
            expected = f"an output that lies in the archive {archives[0]}, or File({value['uri']!r})"
            raise InvalidValueError(name, value["uri"], expected)
        yield from _files_at(key, value["uri"], sha256=value["sha256"])
    else:
        expected = "text, bytes, File(…) of a path or a URI, or what a report or container task returned"
        raise InvalidValueError(name, value, expected)


def _files_named(key: str, path: str, archive: str) -> Iterator[tarball.Entry]:
    if "://" not in path:
        if not PurePath(path).is_absolute():
            raise InvalidValueError(f"inputs[{key!r}]", path, "File(…) of an absolute path, or of a URI")
        yield from _files_at(key, Path(path).as_uri(), sha256=None)
    elif path.endswith("/manifest.json"):
        yield from _files_of_revision(key, path, archive)
    else:
        yield from _files_at(key, path, sha256=None)


def _lies_in(uri: str, archive: str, name: str) -> bool:
    path: Any = storage_path(uri, name=name)
    return ".." not in path.parts and storage_path(archive, name="archive") in path.parents


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
        raise ContainerInputError(
            key, f"there is no file {uri!r}; clear the task that makes it, or correct inputs"
        )


def _entry_at(key: str, path: Any, sha256: str | None) -> tarball.Entry:
    return tarball.Entry(key, int(path.stat().st_size), lambda: cast("BinaryIO", path.open("rb")), sha256)
