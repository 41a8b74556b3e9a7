"""Writing what was imported into a folder of Dags: the same bytes for the same jobs, and nothing over what somebody changed."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_daybreak.cli.importing.planning import Planned

STATE = ".daybreak-import.json"
REPORT = "IMPORT.md"
_SCHEMA = 1


@dataclass
class State:
    """
    What earlier imports wrote into a folder.

    :param since: the date from which times are shown, that of the first import: so the report stays the same.
    :param sources: SHA-256 of each file that was imported, by its path.
    :param written: SHA-256 of each file that was written, by its path in the folder.
    """

    since: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)


def read_state(folder: Path) -> State:
    """
    Return what earlier imports wrote into a folder.

    :raises InvalidValueError: what they left of themselves can't be read.
    """
    try:
        said: Any = json.loads((folder / STATE).read_text(encoding="utf-8"))
        return State(str(said["since"]), dict(said["sources"]), dict(said["written"]))
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, TypeError, KeyError) as error:
        expected = (
            "the file that an earlier import left. Take it away, and files that are there are left as they are"
        )
        raise InvalidValueError(STATE, str(folder / STATE), expected) from error


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(content).hexdigest()


@dataclass
class Written:
    """What became of each file, by its path in the folder."""

    new: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    renewed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


class Writer:
    """
    Writes files into a folder.

    :param dry: whether it only says what it would do.
    """

    def __init__(self, folder: Path, state: State, *, dry: bool) -> None:
        self.folder = folder
        self.state = state
        self.result = Written()
        self._dry = dry

    def write(self, path: str, content: bytes, *, mode: int = 0o644, ours: bool = False) -> None:
        """
        Write a file in one step, unless somebody made or changed the one that is there.

        :param ours: whether it is the import's own, which nobody edits.
        :raises InvalidValueError: the folder can't be written.
        """
        target = self.folder / path
        try:
            there = target.read_bytes() if target.is_file() and not target.is_symlink() else None
            if there is None and (target.is_symlink() or target.exists()):
                self.result.kept.append(path)
                return
            mine = there is None or ours or self.state.written.get(path) == digest(there)
            if there == content:
                self.result.same.append(path)
            elif not mine:
                self.result.kept.append(path)
                return
            else:
                (self.result.new if there is None else self.result.renewed).append(path)
                if not self._dry:
                    _replace(target, content, mode)
        except OSError as error:
            expected = f"a folder that this user can write ({error.strerror or error})"
            raise InvalidValueError("--out", str(self.folder), expected) from error
        self.state.written[path] = digest(content)

    def remember(self) -> None:
        """Write what was imported, for the next import and for ``--check``."""
        if self._dry:
            return
        said = {
            "schema": _SCHEMA,
            "since": self.state.since,
            "sources": self.state.sources,
            "written": self.state.written,
        }
        _replace(self.folder / STATE, (json.dumps(said, indent=2, sort_keys=True) + "\n").encode(), 0o644)


def _replace(target: Path, content: bytes, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
        temporary.chmod(mode)
        temporary.replace(target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_dags(writer: Writer, planned: Iterable[Planned]) -> None:
    """Write each Dag, its folder before its file: Airflow never finds a Dag without what it deploys."""
    for each in planned:
        for path, content, mode in _files(each):
            writer.write(f"{each.dag.name}/{path}", content, mode=mode)
        writer.write(f"{each.dag.name}.py", each.text.encode())


def _files(planned: Planned) -> Iterator[tuple[str, bytes, int]]:
    if planned.copied or planned.files or (planned.dag.task.container is None and not planned.dag.source):
        yield ".airflowignore", b"*\n", 0o644  # none of it is a Dag file
    for path in planned.copied:
        if planned.source is not None and path not in planned.files and path != ".airflowignore":
            file = planned.source / path
            yield path, file.read_bytes(), 0o755 if file.stat().st_mode & 0o100 else 0o644
    for path, content in planned.files.items():
        secret = path == ".env"
        yield path, content, 0o600 if secret else 0o755 if path.endswith(".sh") else 0o644
        if secret:
            yield ".gitignore", b".env\n", 0o644


def changed_sources(state: State) -> list[tuple[str, str]]:
    """Return the files that were imported and are no longer as they were, each with what became of it."""
    found = ((path, _became(Path(path), before)) for path, before in state.sources.items())
    return [(path, what) for path, what in found if what]


def _became(path: Path, before: str) -> str:
    try:
        return "" if digest(path.read_bytes()) == before else "has changed since: import it again"
    except OSError as error:
        return f"can't be read: {error.strerror}"
