"""What a source asks to be installed: found, read, and refused line by line where it can't be deployed."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.conda import read_environment
from airflow_provider_daybreak.releases.requirements.exports import (
    check_can_be_installed_from,
    check_nothing_is_needed,
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
from airflow_provider_daybreak.releases.requirements.pipfile import read_pipfile, read_pipfile_lock
from airflow_provider_daybreak.releases.requirements.pyproject import read_pyproject
from airflow_provider_daybreak.releases.requirements.setuptools_files import read_setup_cfg, read_setup_py

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_daybreak.releases.requirements.needs import Needs
    from airflow_provider_daybreak.releases.source import Source

log = logging.getLogger(__name__)

Kind = Literal["uv.lock", "pylock", "requirements", "project", "script", "none"]

_USUAL = (
    "uv.lock", "pylock.toml", "requirements.txt", "Pipfile.lock", "pyproject.toml", "Pipfile", "setup.cfg", "setup.py",
    "environment.yml", "environment.yaml", "requirements.in",
)  # fmt: skip
"""What is looked for at the top of a source, in this order: a lock goes before what it was made of."""

_CHOICE = re.compile(r"(?P<path>[^\[\]]+)\[(?P<names>[^\[\]]*)\]")
_PYTHON = re.compile(r"(?:cpython[-@]?)?(\d+(?:\.\d+){0,2})\+?")

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
    :param pins: packages of a lock beside it, each with its version and hashes: nothing else is installed.
    :param chosen: extras and groups of a lock that are installed too.
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
    pins: tuple[Line, ...] = ()
    chosen: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of all that a resolution depends on in the source."""
        facts = f"{self.kind}\0{self.index}\0{self.exclude_newer}\0{self.requires_python}\0{self.content}"
        digest = hashlib.sha256(facts.encode())
        parts = [self.lines, self.constraints, self.wheels]
        parts += [self.pins] if self.pins else []
        if self.chosen:
            digest.update(f"\0{self.chosen}".encode())
        for lines in parts:
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

    :param wanted: path of the file, relative to the source, maybe with extras and groups that are needed too, as in
        ``pyproject.toml[pdf]``; ``auto`` takes the first that says something of ``uv.lock``, ``pylock.toml``,
        ``requirements.txt``, ``Pipfile.lock``, ``pyproject.toml``, ``Pipfile``, ``setup.cfg``, ``setup.py``,
        ``environment.yml``, ``requirements.in``, the only ``.txt`` in ``requirements/`` and the metadata in a script
        (PEP 723).
    :raises RequirementsError: the file is missing, or can't be read, or is one that only another tool can install
        from.
    :raises RequirementRefusedError: a line asks for what can't be deployed.
    """
    if wanted != "auto":
        return _of_wanted(source, wanted)
    whole = source.given.is_dir()
    if whole and (usual := _of_usual(source)):
        return usual
    scripts = [source.folder / name for name in source.scripts]
    found = [read for path in scripts if source.file_at(path) and (read := _of_script(path))]
    if len(found) > 1:
        problem = f"{found[1].path!r} has metadata too. Name one of the two in requirements."
        raise RequirementsError(found[0].path, problem)
    if not found and whole:
        check_nothing_is_needed(source)
    return found[0] if found else Requirements("none", str(source.given))


def python_of(source: Source) -> str | None:
    """
    Return the version in the source's ``.python-version``, or None where it has none.

    :raises RequirementsError: it names something else than a version of CPython.
    """
    path = source.folder / ".python-version"
    if not source.given.is_dir() or source.file_at(path) is None:
        return None
    said = [line.text for line in logical_lines(path)]
    if not said:
        return None
    found = _PYTHON.fullmatch(said[0])
    if found is None:
        problem = f"{said[0]!r} is no version of CPython. Expected one such as 3.12, or name the interpreter in python=."
        raise RequirementsError(str(path), problem)
    return found[1]


def _of_wanted(source: Source, wanted: str) -> Requirements:
    choice = _CHOICE.fullmatch(wanted)
    name = choice["path"].strip() if choice else wanted
    chosen = tuple(one.strip() for one in choice["names"].split(",") if one.strip()) if choice else ()
    path = source.folder / name
    if source.file_at(path) is None:
        problem = "there is no such file in the source. Name one, or say requirements='auto'."
        raise RequirementsError(str(path), problem)
    found = _of_file(source, path, chosen)
    if found is None:
        problem = "it says nothing of what is needed. Name another file, or say requirements='auto'."
        raise RequirementsError(str(path), problem)
    return found


def _of_usual(source: Source) -> Requirements | None:
    there = [name for name in _USUAL if source.file_at(source.folder / name)]
    for place, name in enumerate(there):
        found = _of_file(source, source.folder / name, ())
        if found is not None:
            passed = [other for other in there[place + 1 :] if not _goes_with(name, other)]
            if passed:
                log.info(
                    "What is needed is read from %s, and not from %s, which is there too. requirements= names another",
                    name, ", ".join(passed),
                )  # fmt: skip
            return found
    paths = [Path(file["path"]) for file in source.files]
    folder = [path for path in paths if str(path.parent) == "requirements" and path.suffix == ".txt"]
    return _of_file(source, source.folder / folder[0], ()) if len(folder) == 1 else None


def _goes_with(name: str, other: str) -> bool:
    """Return whether a file was made of the other, or stands beside it in one project, so that nothing is passed over."""
    pairs = {
        "uv.lock": ("pyproject.toml",),
        "Pipfile.lock": ("Pipfile",),
        "requirements.txt": ("requirements.in",),
    }
    project = ("setup.cfg", "setup.py")
    return other in pairs.get(name, ()) or (
        name in ("uv.lock", "pyproject.toml", *project) and other in project
    )


def _of_file(source: Source, path: Path, chosen: tuple[str, ...]) -> Requirements | None:
    """Return what a file says, or None where that is nothing at all."""
    check_can_be_installed_from(path)
    readers: dict[str, Callable[[], Needs | None]] = {
        "pyproject.toml": lambda: read_pyproject(path, chosen, source.file_at),
        "Pipfile": lambda: read_pipfile(path, chosen),
        "Pipfile.lock": lambda: read_pipfile_lock(path, chosen),
        "setup.cfg": lambda: read_setup_cfg(path, chosen),
        "setup.py": lambda: read_setup_py(path, chosen),
    }
    if path.name in readers:
        return _of_needs(path, readers[path.name]())
    if path.name == "uv.lock":
        project = path.with_name("pyproject.toml")
        if source.file_at(project) is None:
            raise RequirementsError(str(path), "there is no pyproject.toml beside it. Add it to the source.")
        return _frozen("uv.lock", path, project, chosen=chosen)
    if chosen:
        raise RequirementsError(
            str(path), f"it has no extras or groups such as {chosen[0]!r}. Name the file alone."
        )
    if path.name in ("environment.yml", "environment.yaml"):
        return _of_needs(path, read_environment(path))
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", path.name):
        return _frozen("pylock", path)
    if path.suffix == ".py":
        if found := _of_script(path):
            return found
        raise RequirementsError(str(path), "it has no metadata (# /// script). Add it, or name another file.")
    return _of_text(source, path)


def _of_needs(path: Path, needs: Needs | None) -> Requirements | None:
    if needs is None:
        return None
    return Requirements(
        "project",
        str(path),
        needs.lines,
        index=needs.index,
        exclude_newer=needs.exclude_newer,
        requires_python=needs.requires_python,
        pins=needs.pins,
    )


def _frozen(kind: Kind, path: Path, *others: Path, chosen: tuple[str, ...] = ()) -> Requirements:
    lock = path.read_bytes()
    digest = hashlib.sha256()
    for data in (lock, *(file.read_bytes() for file in others)):
        digest.update(hashlib.sha256(data).digest())
    url = index_in(lock)
    if url:
        index_url(Line(str(path), lock[: lock.index(url.encode())].count(b"\n") + 1, url), url)
    return Requirements(
        kind,
        str(path),
        index=url,
        requires_python=requires_python(lock),
        content=digest.hexdigest(),
        chosen=chosen,
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
