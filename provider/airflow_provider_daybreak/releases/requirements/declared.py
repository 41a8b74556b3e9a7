"""What a source asks to be installed: found, read, and refused line by line where it can't be deployed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.exports import (
    check_can_be_installed_from,
    check_nothing_is_needed,
    problem_of_groups,
    problem_of_project,
)
from airflow_provider_daybreak.releases.requirements.lines import (
    Line,
    index_url,
    logical_lines,
    requirement,
    wants_wheels,
)
from airflow_provider_daybreak.releases.requirements.lockfiles import index_in, requires_python
from airflow_provider_daybreak.releases.requirements.metadata import read_metadata

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.source import Source

Kind = Literal["uv.lock", "pylock", "requirements", "script", "none"]

_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)(?P<path>.+)")
_INDEX = re.compile(r"(?:-i|--index-url)(?:\s+|=)(?P<url>\S+)")
_DEPTH = 10
_ALL_OR_NONE = (
    "it has no version and hash of its own, and {asks} asks for them on every line. Write them with: "
    "uv pip compile --universal --generate-hashes."
)


@dataclass(frozen=True)
class Requirements:
    """
    What is to be installed.

    :param kind: where it was found.
    :param path: the file it was found in, for messages.
    :param lines: the requirements themselves, with those of included files in their place.
    :param constraints: what narrows them.
    :param wheels: options that keep packages from being built.
    :param index: address of the index that the file names, or "".
    :param exclude_newer: the time after which nothing that was published counts, as uv reads it, or "".
    :param requires_python: what the source says of Python, or "".
    :param content: SHA-256 of a lock that the source brings along, which is read only when it is needed.
    """

    kind: Kind
    path: str
    lines: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    wheels: tuple[Line, ...] = ()
    index: str = ""
    exclude_newer: str = ""
    requires_python: str = ""
    content: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that a resolution depends on in the source."""
        facts = f"{self.kind}\0{self.index}\0{self.exclude_newer}\0{self.requires_python}\0{self.content}"
        digest = hashlib.sha256(facts.encode())
        for lines in (self.lines, self.constraints, self.wheels):
            digest.update(b"\0")
            for line in lines:
                digest.update(f"{line.text}\0{line.options}\n".encode())
        return digest.hexdigest()

    @property
    def hashed(self) -> bool:
        """Whether all is pinned and says its hashes, so that nothing is to be resolved."""
        return bool(self.content) or all(line.options and line.pinned for line in self.lines)


def read_requirements(source: Source, wanted: str = "auto") -> Requirements:
    """
    Find and read the requirements of a source.

    :param wanted: path of the file, relative to the source; ``auto`` takes the first of ``uv.lock``,
        ``pylock.toml``, ``requirements.txt``, the only ``.txt`` in ``requirements/`` and the metadata in a script
        (PEP 723) that is there.
    :raises RequirementsError: the file is missing, or can't be read, or is one that only another tool can install
        from.
    :raises RequirementRefusedError: a line asks for what can't be deployed.
    """
    if wanted != "auto":
        path = source.folder / wanted
        if source.file_at(path) is None:
            problem = "there is no such file in the source. Name one, or say requirements='auto'."
            raise RequirementsError(str(path), problem)
        return _of_file(source, path)
    whole = source.given.is_dir()
    if whole and (usual := _usual_file(source)):
        return _of_file(source, usual)
    scripts = [source.folder / name for name in source.scripts]
    found = [read for path in scripts if source.file_at(path) and (read := _of_script(path))]
    if len(found) > 1:
        problem = f"{found[1].path!r} has metadata too. Name one of the two in requirements."
        raise RequirementsError(found[0].path, problem)
    if not found and whole:
        check_nothing_is_needed(source)
    return found[0] if found else Requirements("none", str(source.given))


def _usual_file(source: Source) -> Path | None:
    for name in ("uv.lock", "pylock.toml", "requirements.txt"):
        if source.file_at(source.folder / name):
            return source.folder / name
    project = source.folder / "pyproject.toml"
    if source.file_at(project) and (problem := problem_of_project(project)):
        raise RequirementsError(str(project), problem)
    paths = [Path(file["path"]) for file in source.files]
    folder = [path for path in paths if str(path.parent) == "requirements" and path.suffix == ".txt"]
    return source.folder / folder[0] if len(folder) == 1 else None


def _of_file(source: Source, path: Path) -> Requirements:
    check_can_be_installed_from(path)
    if path.name == "uv.lock":
        project = path.with_name("pyproject.toml")
        if source.file_at(project) is None:
            raise RequirementsError(str(path), "there is no pyproject.toml beside it. Add it to the source.")
        if problem := problem_of_groups(project):
            raise RequirementsError(str(project), problem)
        return _frozen("uv.lock", path, project)
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", path.name):
        return _frozen("pylock", path)
    if path.suffix == ".py":
        if found := _of_script(path):
            return found
        raise RequirementsError(str(path), "it has no metadata (# /// script). Add it, or name another file.")
    return _of_text(source, path)


def _frozen(kind: Kind, path: Path, *others: Path) -> Requirements:
    lock = path.read_bytes()
    digest = hashlib.sha256()
    for data in (lock, *(file.read_bytes() for file in others)):
        digest.update(hashlib.sha256(data).digest())
    url = index_in(lock)
    if url:
        index_url(Line(str(path), lock[: lock.index(url.encode())].count(b"\n") + 1, url), url)
    return Requirements(
        kind, str(path), index=url, requires_python=requires_python(lock), content=digest.hexdigest()
    )


def _of_script(path: Path) -> Requirements | None:
    found = read_metadata(path)
    if found is None:
        return None
    return Requirements(
        "script",
        str(path),
        found.lines,
        index=found.index,
        exclude_newer=found.exclude_newer,
        requires_python=found.requires_python,
    )


# A file in pip's format


@dataclass
class _Read:
    """What was read so far of a file and of those that it names."""

    lines: list[Line] = field(default_factory=list)
    constraints: list[Line] = field(default_factory=list)
    wheels: list[Line] = field(default_factory=list)
    indexes: list[Line] = field(default_factory=list)
    strict: bool = False


def _of_text(source: Source, path: Path) -> Requirements:
    read = _Read()
    _read_into(read, source, path, from_=())
    for other in read.indexes[1:]:
        if other.text != read.indexes[0].text:
            problem = (
                f"{read.indexes[0].text!r} is named already. With two indexes, whoever can publish to one of them "
                "replaces packages of the other: keep one, which may mirror both."
            )
            raise other.refused(problem)
    _check_hashes(read)
    return Requirements(
        "requirements",
        str(path),
        tuple(read.lines),
        tuple(read.constraints),
        tuple(read.wheels),
        read.indexes[0].text if read.indexes else "",
    )


def _read_into(
    read: _Read, source: Source, path: Path, *, from_: tuple[Path, ...], narrowing: bool = False
) -> None:
    for line in logical_lines(path, included=bool(from_)):
        if include := _INCLUDE.fullmatch(line.text):
            included = path.parent / include["path"].strip("\"' ")
            if included in (*from_, path) or len(from_) > _DEPTH:
                raise line.refused("it includes itself. Remove the line.")
            if source.file_at(included) is None:
                raise line.refused("there is no file of that path in the source. Add it.")
            narrow = narrowing or include[1] in ("-c", "--constraint")
            _read_into(read, source, included, from_=(*from_, path), narrowing=narrow)
        elif index := _INDEX.fullmatch(line.text):
            url = index_url(line, index["url"])
            read.indexes.append(Line(line.path, line.number, url, included=line.included))
        elif line.text == "--require-hashes":
            read.strict = True
        elif line.text.startswith("-"):
            if wants_wheels(line):
                read.wheels.append(line)
        else:
            (read.constraints if narrowing else read.lines).append(requirement(line))


def _check_hashes(read: _Read) -> None:
    """Make sure that hashes are on all lines or on none, as pip does: of the others, anything would be installed."""
    for line in read.constraints:
        if line.options:
            raise line.refused("a hash is compared where the package is asked for. Move it to the requirement.")
    first = next((line for line in read.lines if line.options), None)
    if not read.strict and first is None:
        return
    asks = f"the hash on line {first.number} of {first.path!r}" if first else "--require-hashes"
    for line in read.lines:
        if not (line.options and line.pinned):
            raise line.refused(_ALL_OR_NONE.format(asks=asks))
