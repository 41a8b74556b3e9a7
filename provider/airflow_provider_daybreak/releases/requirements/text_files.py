"""A file of requirements in pip's format, with those that it includes."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.releases.requirements.choosing import Choosing, NamedIndex
from airflow_provider_daybreak.releases.requirements.lines import (
    NO_PROJECT,
    Line,
    index_url,
    local_folder,
    logical_lines,
    requirement,
    wants_wheels,
)
from airflow_provider_daybreak.releases.requirements.pyproject import PROJECT_FILES, read_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import Source

log = logging.getLogger(__name__)

_INCLUDE = re.compile(r"(?P<option>-[rc](?=[^=])|--(?:requirement|constraint)(?=[\s=]))(?:\s+|=)?(?P<path>.+)")
_INDEX = re.compile(r"(?P<option>-i|--index-url|--extra-index-url)(?:\s+|=)(?P<url>\S+)")
_PER_PACKAGE = re.compile(r"--(?P<option>no-binary|only-binary)(?:\s+|=)(?P<names>[A-Za-z0-9._,\s-]+)")
_OF_DEBIAN = re.compile(r"pkg[-_]resources\s*==\s*0\.0\.0", re.IGNORECASE)
_URL = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_DEPTH = 10
_ALL_OR_NONE = (
    "it has no version and hash of its own, and {asks} asks for them on every line. Write them with: "
    "uv pip compile --universal --generate-hashes."
)
_NOT_BY_URL = (
    "constraints are read from an https:// address; requirements are not. Copy the file into the source."
)


@dataclass
class Read:
    """
    What was read so far of a file and of those that it names.

    :param own: what projects of the source need.
    :param remote: constraints that are at an address.
    :param projects: folders of the source that hold packages which are needed.
    """

    lines: list[Line] = field(default_factory=list)
    own: list[Line] = field(default_factory=list)
    constraints: list[Line] = field(default_factory=list)
    wheels: list[Line] = field(default_factory=list)
    indexes: list[Line] = field(default_factory=list)
    extra_indexes: list[Line] = field(default_factory=list)
    remote: list[Line] = field(default_factory=list)
    projects: list[Path] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)
    built: set[str] = field(default_factory=set)
    unbuilt: set[str] = field(default_factory=set)
    prereleases: bool = False
    strict: bool = False

    @property
    def index(self) -> str:
        """Address of the default index that the file names, or ""."""
        return self.indexes[0].text if self.indexes else ""

    @property
    def requires_python(self) -> str:
        """What projects of the source say of Python."""
        return ",".join(one for one in self.requires if one)

    @property
    def choosing(self) -> Choosing:
        """How packages are chosen beside that."""
        urls = dict.fromkeys(line.text for line in self.extra_indexes)
        return Choosing(
            indexes=tuple(NamedIndex(url) for url in urls if url != self.index),
            prerelease="allow" if self.prereleases else "",
            built=tuple(sorted(self.built)),
            wheels=tuple(sorted(self.unbuilt)),
        )


def read_text_file(source: Source, path: Path) -> Read:
    """
    Return what a file in pip's format says.

    :raises RequirementsError: it can't be read.
    :raises RequirementRefusedError: a line asks for what can't be deployed.
    """
    read = Read()
    _read_into(read, source, path, from_=())
    for other in read.indexes[1:]:
        if other.text != read.indexes[0].text:
            problem = f"{read.indexes[0].text!r} is named already. Say --extra-index-url of the one that is asked first."
            raise other.refused(problem)
    _check_hashes(read)
    return read


def read_lines(source: Source, path: Path, lines: Sequence[Line]) -> Read:
    """
    Return what lines in pip's format say that stand in another file.

    :raises RequirementsError: a file that they name can't be read.
    :raises RequirementRefusedError: one asks for what can't be deployed.
    """
    read = Read()
    _read_into(read, source, path, from_=(), lines=lines)
    _check_hashes(read)
    return read


def _read_into(
    read: Read,
    source: Source,
    path: Path,
    *,
    from_: tuple[Path, ...],
    narrowing: bool = False,
    lines: Iterable[Line] | None = None,
) -> None:
    for line in logical_lines(path, included=bool(from_)) if lines is None else lines:
        if _OF_DEBIAN.fullmatch(line.text):
            log.warning(
                "%s line %d is left out: Debian's pip lists it, and there is no such package",
                line.path,
                line.number,
            )
        elif include := _INCLUDE.fullmatch(line.text):
            narrow = narrowing or include["option"] in ("-c", "--constraint")
            _include(read, source, line, include["path"].strip("\"' "), from_=(*from_, path), narrowing=narrow)
        elif index := _INDEX.fullmatch(line.text):
            url = index_url(line, index["url"])
            found = read.extra_indexes if index["option"] == "--extra-index-url" else read.indexes
            found.append(Line(line.path, line.number, url, included=line.included))
        elif local := local_folder(line):
            _read_folder(read, source, path.parent, line, local)
        elif line.text.startswith("-"):
            _read_option(read, line)
        else:
            (read.constraints if narrowing else read.lines).append(requirement(line))


def _include(
    read: Read, source: Source, line: Line, said: str, *, from_: tuple[Path, ...], narrowing: bool
) -> None:
    if _URL.match(said):
        if not narrowing:
            raise line.refused(_NOT_BY_URL)
        url = index_url(line, said)
        if not url.lower().startswith("https://"):
            raise line.refused("an address without TLS can be anybody's. Use https://.")
        read.remote.append(Line(line.path, line.number, url, included=line.included))
        return
    included = from_[-1].parent / said
    if included in from_ or len(from_) > _DEPTH:
        raise line.refused("it includes itself. Remove the line.")
    if source.file_at(included) is None:
        raise line.refused("there is no file of that path in the source. Add it.")
    _read_into(read, source, included, from_=from_, narrowing=narrowing)


def _read_folder(read: Read, source: Source, beside: Path, line: Line, local: tuple[str, list[str]]) -> None:
    said, extras = local
    # pip looks from where it is called, which is the top as a rule
    folders = [folder for folder in (beside / said, source.folder / said) if _has_project(source, folder)]
    if not folders:
        raise line.refused(NO_PROJECT)
    found = read_folder(folders[0], extras, source.file_at, line)
    read.own += found.lines
    read.projects += found.projects
    read.requires.append(found.requires_python)


def _has_project(source: Source, folder: Path) -> bool:
    return any(source.file_at(folder / name) for name in PROJECT_FILES)


def _read_option(read: Read, line: Line) -> None:
    found = _PER_PACKAGE.fullmatch(line.text)
    if line.text == "--require-hashes":
        read.strict = True
    elif line.text == "--pre":
        read.prereleases = True
    elif found:
        names = {canonicalize_name(name) for name in re.split(r"[,\s]+", found["names"].strip()) if name}
        (read.built if found["option"] == "no-binary" else read.unbuilt).update(names)
    elif wants_wheels(line):
        read.wheels.append(line)


def _check_hashes(read: Read) -> None:
    """Make sure that hashes are on all lines or on none, as pip does: of the others, anything would be installed."""
    for line in read.constraints:
        if line.options:
            raise line.refused("a hash is compared where the package is asked for. Move it to the requirement.")
    first = next((line for line in read.lines if line.options), None)
    if not read.strict and first is None:
        read.lines += read.own
        return
    # As 'uv export' writes it: what the project needs stands there too, with hashes.
    pinned = {_name_of(line) for line in read.lines}
    read.lines += [line for line in read.own if _name_of(line) not in pinned]
    asks = f"the hash on line {first.number} of {first.path!r}" if first else "--require-hashes"
    for line in read.lines:
        if not (line.options and line.pinned):
            raise line.refused(_ALL_OR_NONE.format(asks=asks))


def _name_of(line: Line) -> str:
    found = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.text)
    return canonicalize_name(found[0]) if found else ""
