"""What a source asks to be installed: found, read, and refused line by line where it can't be deployed."""

from __future__ import annotations

import hashlib
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.requirements.addresses import without_credentials
from airflow_provider_daybreak.releases.requirements.choosing import AS_USUAL, PYPI, Choosing, NamedIndex
from airflow_provider_daybreak.releases.requirements.conda import read_environment
from airflow_provider_daybreak.releases.requirements.exports import (
    check_can_be_installed_from,
    check_nothing_is_needed,
)
from airflow_provider_daybreak.releases.requirements.lines import Line, index_url, logical_lines
from airflow_provider_daybreak.releases.requirements.lockfiles import (
    ELSEWHERE,
    indexes_in,
    local_folders,
    names_of_indexes,
    requires_python,
)
from airflow_provider_daybreak.releases.requirements.metadata import has_metadata, read_metadata
from airflow_provider_daybreak.releases.requirements.pipfile import read_pipfile, read_pipfile_lock
from airflow_provider_daybreak.releases.requirements.pyproject import PROJECT_FILES, read_pyproject
from airflow_provider_daybreak.releases.requirements.scripts import scripts_with_metadata
from airflow_provider_daybreak.releases.requirements.setuptools_files import read_setup_cfg, read_setup_py
from airflow_provider_daybreak.releases.requirements.text_files import read_text_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_daybreak.releases.requirements.needs import CondaNeeds, Needs
    from airflow_provider_daybreak.releases.source import Source

log = logging.getLogger(__name__)

Kind = Literal["uv.lock", "pylock", "requirements", "project", "script", "none"]

_USUAL = (
    "uv.lock", "pylock.toml", "requirements.txt", "Pipfile.lock", "Pipfile", "pyproject.toml", "setup.cfg", "setup.py",
    "environment.yml", "environment.yaml", "requirements.in",
)  # fmt: skip
"""What is looked for at the top of a source, in this order: a lock before what it was made of, what an application is run with before
what it needs as a package."""

_CHOICE = re.compile(r"(?P<path>[^\[\]]+)\[(?P<names>[^\[\]]*)\]")
_PYTHON = re.compile(r"(?:cpython[-@]?)?(\d+(?:\.\d+){0,2})\+?")


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
    :param choosing: how packages are chosen beside that.
    :param projects: folders of the source, relative to it, that hold packages which are needed.
    :param conda: what conda's program installs, where it does.
    :param remote: addresses of constraints, which are read when something is resolved.
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
    choosing: Choosing = AS_USUAL
    projects: tuple[str, ...] = ()
    remote: tuple[Line, ...] = ()
    conda: CondaNeeds | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of all that a resolution depends on in the source."""
        facts = f"{self.kind}\0{self.index}\0{self.exclude_newer}\0{self.requires_python}\0{self.content}"
        digest = hashlib.sha256(facts.encode())
        parts = [self.lines, self.constraints, self.wheels]
        parts += [self.pins] if self.pins else []
        if self.chosen:
            digest.update(f"\0{self.chosen}".encode())
        if self.conda:
            digest.update(f"\0{self.conda}".encode())
        if facts := self.choosing.facts:
            digest.update(f"\0{facts}".encode())
        parts += [self.remote] if self.remote else []
        for lines in parts:
            digest.update(b"\0")
            for line in lines:
                digest.update(f"{line.text}\0{line.options}\n".encode())
        return digest.hexdigest()

    @property
    def hashed(self) -> bool:
        """Whether all is pinned and says its hashes, so that nothing is to be resolved."""
        return bool(self.content) or (
            not self.conda and all(line.options and line.pinned for line in self.lines)
        )


def read_requirements(
    source: Source, wanted: str = "auto", commands: Sequence[Sequence[str] | str] = ()
) -> Requirements:
    """
    Find and read the requirements of a source.

    :param wanted: path of the file, relative to the source, maybe with extras and groups that are needed too, as in
        ``pyproject.toml[pdf]``; ``auto`` takes the first that says something of ``uv.lock``, ``pylock.toml``,
        ``requirements.txt``, ``Pipfile.lock``, ``Pipfile``, ``pyproject.toml``, ``setup.cfg``, ``setup.py``,
        ``environment.yml``, ``requirements.in``, the only ``.txt`` in ``requirements/`` and the metadata in a script
        (PEP 723), at any depth: of those that commands run, or of the only one that has any.
    :param commands: what is run in the release, as far as that is known.
    :raises RequirementsError: the file is missing, or can't be read, or is one that only another tool can install
        from.
    :raises RequirementRefusedError: a line asks for what can't be deployed.
    """
    if wanted != "auto":
        return _of_wanted(source, wanted)
    whole = source.given.is_dir()
    if whole and (usual := _of_usual(source)):
        return usual
    found = [read for path in scripts_with_metadata(source, commands) if (read := _of_script(path))]
    if not found and whole:
        check_nothing_is_needed(source)
    return _together(found) if found else Requirements("none", str(source.given))


def _together(found: Sequence[Requirements]) -> Requirements:
    """Return what several scripts need in one environment: what they say of the rest must be the same."""
    first = found[0]
    for other in found[1:]:
        same = (first.index, first.exclude_newer, first.choosing) == (
            other.index,
            other.exclude_newer,
            other.choosing,
        )
        if not same:
            problem = f"[tool.uv] in its metadata is another one than that of {first.path!r}, and both are run. Deploy them apart."
            raise RequirementsError(other.path, problem)
    return replace(
        first,
        path=", ".join(one.path for one in found),
        lines=tuple(line for one in found for line in one.lines),
        requires_python=",".join(dict.fromkeys(one.requires_python for one in found if one.requires_python)),
    )


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
        problem = f"{without_credentials(said[0])!r} is no version of CPython. Expected one such as 3.12, or name the interpreter in python=."
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
    if path.name in (*PROJECT_FILES, "uv.lock", "Pipfile", "Pipfile.lock", "requirements.txt"):
        beside = [path.parent] if any(source.file_at(path.with_name(one)) for one in PROJECT_FILES) else []
        found = replace(found, projects=tuple(dict.fromkeys((*_within(source, beside), *found.projects))))
    return found


def _of_usual(source: Source) -> Requirements | None:
    there = [name for name in _USUAL if source.file_at(source.folder / name)]
    for place, name in enumerate(there):
        found = _of_file(source, source.folder / name, ())
        if name == "Pipfile" and found and not (found.lines or found.projects) and there[place + 1 :]:
            continue  # it has but the Python that pipenv takes
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
    project = PROJECT_FILES[1:]
    return other in pairs.get(name, ()) or (
        name in ("uv.lock", "pyproject.toml", *project) and other in project
    )


def _of_file(source: Source, path: Path, chosen: tuple[str, ...]) -> Requirements | None:
    """Return what a file says, or None where that is nothing at all."""
    check_can_be_installed_from(path)
    readers: dict[str, Callable[[], Needs | None]] = {
        "pyproject.toml": lambda: read_pyproject(path, chosen, source.file_at),
        "Pipfile": lambda: read_pipfile(path, chosen, source.file_at),
        "Pipfile.lock": lambda: read_pipfile_lock(path, chosen, source.file_at),
        "setup.cfg": lambda: read_setup_cfg(path, chosen),
        "setup.py": lambda: read_setup_py(path, chosen),
    }
    if path.name in readers:
        return _of_needs(source, path, readers[path.name]())
    if path.name == "uv.lock":
        project = path.with_name("pyproject.toml")
        if source.file_at(project) is None:
            raise RequirementsError(str(path), "there is no pyproject.toml beside it. Add it to the source.")
        return _of_uv_lock(source, path, project, chosen)
    if chosen:
        raise RequirementsError(
            str(path), f"it has no extras or groups such as {chosen[0]!r}. Name the file alone."
        )
    if path.name in ("environment.yml", "environment.yaml"):
        return _of_needs(source, path, read_environment(path, source))
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", path.name):
        return _frozen("pylock", path)
    if path.suffix == ".py" or has_metadata(path):
        if found := _of_script(path):
            return found
        raise RequirementsError(str(path), "it has no metadata (# /// script). Add it, or name another file.")
    return _of_text(source, path)


def _of_needs(source: Source, path: Path, needs: Needs | None) -> Requirements | None:
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
        choosing=needs.choosing,
        projects=_within(source, needs.projects),
        conda=needs.conda,
    )


def _of_text(source: Source, path: Path) -> Requirements:
    read = read_text_file(source, path)
    return Requirements(
        "requirements",
        str(path),
        tuple(read.lines),
        tuple(read.constraints),
        tuple(read.wheels),
        read.index,
        requires_python=read.requires_python,
        choosing=read.choosing,
        projects=_within(source, read.projects),
        remote=tuple(read.remote),
    )


def _within(source: Source, folders: Sequence[Path]) -> tuple[str, ...]:
    """Return folders of the source, relative to it."""
    top = source.folder.resolve()
    found = (folder.resolve().relative_to(top).as_posix() for folder in folders)
    return tuple(dict.fromkeys("" if one == "." else one for one in found))


def _of_uv_lock(source: Source, path: Path, project: Path, chosen: tuple[str, ...]) -> Requirements:
    folders = []
    for number, name, where in local_folders(path):
        folder = path.parent / where
        if source.file_at(folder / "pyproject.toml") is None:
            raise RequirementRefusedError(str(path), number, name, ELSEWHERE)
        folders.append(folder)
    return replace(_frozen("uv.lock", path, project, chosen=chosen), projects=_within(source, folders))


def _frozen(kind: Kind, path: Path, *others: Path, chosen: tuple[str, ...] = ()) -> Requirements:
    lock = path.read_bytes()
    digest = hashlib.sha256()
    for data in (lock, *(file.read_bytes() for file in others)):
        digest.update(hashlib.sha256(data).digest())
    urls = indexes_in(lock)
    for url in urls:
        index_url(Line(str(path), lock[: lock.index(url.encode())].count(b"\n") + 1, url), url)
    names = {url: name for file in others for url, name in names_of_indexes(file).items()}
    return Requirements(
        kind,
        str(path),
        index="" if not urls or urls[0].rstrip("/") == PYPI else urls[0],
        requires_python=requires_python(lock),
        content=digest.hexdigest(),
        chosen=chosen,
        choosing=Choosing(
            indexes=tuple(NamedIndex(url, names.get(url, ""), explicit=True) for url in urls[1:])
        ),
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
        choosing=found.choosing,
    )
