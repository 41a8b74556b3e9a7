"""What a source asks to be installed: found, read, and refused line by line where it can't be deployed."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.lockfiles import IN_CLEAR, requires_python, toml, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import Source

Kind = Literal["uv.lock", "pylock", "requirements", "script", "none"]

_INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=)(?P<path>.+)")
_INDEX = re.compile(r"(?:-i|--index-url)(?:\s+|=)(?P<url>\S+)")
_HASHES = re.compile(r"(?:\s+--hash[= ][a-z0-9]+:[0-9a-f]+)+\s*")
_HASH = re.compile(r"[a-z0-9]+:[0-9a-f]+")
_PINNED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]* ?== ?[A-Za-z0-9.!+]+( ?;[^;@#]+)?")
_COMMENT = re.compile(r"(^|\s)#.*$")
_VCS = re.compile(r"(git|hg|svn|bzr)(\+|://)")
_DEPTH = 10

_KNOWN_OPTIONS = ("--require-hashes", "--prefer-binary", "--only-binary")


@dataclass(frozen=True)
class Line:
    """
    A requirement, with the place it stands at.

    :param options: its hashes, as they are written. A lock has a thousand: they are taken apart when they are needed.
    """

    path: str
    number: int
    text: str
    options: str = ""

    @property
    def hashes(self) -> tuple[str, ...]:
        """
        Its hashes, as ``sha256:…``.

        :raises RequirementRefusedError: they can't be read.
        """
        if self.options and not _HASHES.fullmatch(self.options):
            raise _refused(self, "its hashes can't be read. Write each as --hash=sha256:….")
        return tuple(sorted(_HASH.findall(self.options)))


@dataclass(frozen=True)
class Requirements:
    """
    What is to be installed.

    :param kind: where it was found.
    :param path: the file it was found in, for messages.
    :param lines: the requirements themselves, with those of included files in their place.
    :param constraints: what narrows them.
    :param index: address of the index that the file names, or "".
    :param requires_python: what the source says of Python, or "".
    :param content: SHA-256 of a lock that the source brings along, which is read only when it is needed.
    """

    kind: Kind
    path: str
    lines: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    index: str = ""
    requires_python: str = ""
    content: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of all that a resolution depends on in the source."""
        facts = f"{self.kind}\0{self.index}\0{self.requires_python}\0{self.content}"
        digest = hashlib.sha256(facts.encode())
        for lines in (self.lines, self.constraints):
            digest.update(b"\0")
            for line in lines:
                digest.update(f"{line.text}\0{line.options}\n".encode())
        return digest.hexdigest()

    @property
    def hashed(self) -> bool:
        """Whether all is pinned and says its hashes, so that nothing is to be resolved."""
        return bool(self.content) or all(
            line.options and re.search(r"==\s*[^*]+$", line.text.split(";")[0]) for line in self.lines
        )


def read_requirements(source: Source, wanted: str = "auto") -> Requirements:
    """
    Find and read the requirements of a source.

    :param wanted: path of the file, relative to the source; ``auto`` takes the first of ``uv.lock``,
        ``pylock.toml``, ``requirements.txt`` and the metadata in a script (PEP 723) that is there.
    :raises RequirementsError: the file is missing, or can't be read.
    :raises RequirementRefusedError: a line asks for what can't be deployed.
    """
    if wanted != "auto":
        path = source.folder / wanted
        if not path.is_file():
            problem = "there is no such file in the source. Name one, or say requirements='auto'."
            raise RequirementsError(str(path), problem)
        return _of_file(path)
    if source.given.is_dir():
        for name in ("uv.lock", "pylock.toml", "requirements.txt"):
            if (source.folder / name).is_file():
                return _of_file(source.folder / name)
        if (source.folder / "pyproject.toml").is_file() and _of_project(source.folder / "pyproject.toml"):
            problem = "its dependencies are not locked. Lock them with 'uv lock', and deploy uv.lock with it."
            raise RequirementsError(str(source.folder / "pyproject.toml"), problem)
    found = [read for name in source.scripts if (read := _of_script(source.folder / name))]
    if len(found) > 1:
        problem = f"{found[1].path!r} has metadata too. Name one of the two in requirements."
        raise RequirementsError(found[0].path, problem)
    return found[0] if found else _nothing(source.given)


def _of_file(path: Path) -> Requirements:
    if path.name == "uv.lock":
        project = path.with_name("pyproject.toml")
        if not project.is_file():
            raise RequirementsError(str(path), "there is no pyproject.toml beside it. Add it to the source.")
        return _frozen("uv.lock", path, project)
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", path.name):
        return _frozen("pylock", path)
    if path.suffix == ".py":
        return _of_script(path) or _nothing(path)
    return _of_text(path)


def _frozen(kind: Kind, path: Path, *others: Path) -> Requirements:
    digest = hashlib.sha256()
    for file in (path, *others):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return Requirements(kind, str(path), requires_python=requires_python(path), content=digest.hexdigest())


def _of_project(path: Path) -> bool:
    """Return whether a project asks for packages."""
    return bool(toml(str(path), path.read_text(encoding="utf-8")).get("project", {}).get("dependencies"))


def lines_of(path: Path) -> tuple[Line, ...]:
    """Return the requirements in a file of pip's format."""
    return _of_text(path).lines


def _nothing(path: Path) -> Requirements:
    return Requirements("none", str(path))


def _of_text(path: Path) -> Requirements:
    lines: list[Line] = []
    constraints: list[Line] = []
    indexes: list[Line] = []
    _read_into(path, lines, constraints, indexes, included_from=())
    for other in indexes[1:]:
        if other.text != indexes[0].text:
            problem = (
                f"{indexes[0].text!r} is named already. With two indexes, whoever can publish to one of them "
                "replaces packages of the other: keep one, which may mirror both."
            )
            raise RequirementRefusedError(other.path, other.number, other.text, problem)
    return Requirements(
        "requirements", str(path), tuple(lines), tuple(constraints), indexes[0].text if indexes else ""
    )


def _read_into(
    path: Path,
    lines: list[Line],
    constraints: list[Line],
    indexes: list[Line],
    *,
    included_from: tuple[Path, ...],
) -> None:
    for line in _logical_lines(path):
        include = _INCLUDE.fullmatch(line.text)
        if include:
            included = path.parent / include["path"].strip("\"' ")
            if included in (*included_from, path) or len(included_from) > _DEPTH:
                raise _refused(line, "it includes itself. Remove the line.")
            narrow = include[1] in ("-c", "--constraint")
            if not included.is_file():
                raise _refused(line, f"there is no file {str(included)!r}. Add it to the source.")
            _read_into(
                included,
                constraints if narrow else lines,
                constraints,
                indexes,
                included_from=(*included_from, path),
            )
        elif index := _INDEX.fullmatch(line.text):
            if without_credentials(index["url"]) != index["url"]:
                raise _refused(line, IN_CLEAR)
            indexes.append(Line(line.path, line.number, index["url"]))
        elif line.text.startswith("-"):
            _check_option(line)
        else:
            lines.append(_requirement(line))


def _logical_lines(path: Path) -> Iterator[Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequirementsError(str(path), "it is not UTF-8 text. Save it as UTF-8.") from error
    except OSError as error:
        problem = f"{error.strerror or error}. Expected a readable file."
        raise RequirementsError(str(path), problem) from error
    begun = 0
    parts: list[str] = []
    for number, physical in enumerate([*text.splitlines(), ""], start=1):
        begun = begun or number
        if physical.endswith("\\"):
            parts.append(physical[:-1])
            continue
        whole = " ".join([*parts, physical]).replace("\t", " ").strip()
        if "#" in whole:
            whole = _COMMENT.sub("", whole).strip()
        if whole:
            yield Line(str(path), begun, whole)
        begun, parts = 0, []


def _check_option(line: Line) -> None:
    option = re.split(r"[\s=]", line.text, maxsplit=1)[0]
    if option in _KNOWN_OPTIONS:
        return
    if option in ("-e", "--editable"):
        problem = "an editable install changes under a running release. Copy the package into the source."
    elif option in ("--extra-index-url", "-f", "--find-links"):
        problem = (
            "with two indexes, whoever can publish to one of them replaces packages of the other. "
            "Keep one index, which may mirror both."
        )
    else:
        known = ", ".join(("-r", "-c", "--index-url", "--hash", *_KNOWN_OPTIONS))
        problem = f"this option is unknown here. Known are {known}."
    raise _refused(line, problem)


def _requirement(line: Line) -> Line:
    whole, mark, rest = line.text.partition(" --hash")
    text = " ".join(whole.split())
    if not _PINNED.fullmatch(text):  # which is quick to see, and what a lock is made of
        _check_requirement(line, text)
    return Line(line.path, line.number, text, mark + rest)


def _check_requirement(line: Line, text: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    if without_credentials(text) != text:
        raise _refused(line, IN_CLEAR)
    if _VCS.match(text):
        raise _refused(line, _NO_VCS)
    if re.match(r"[./~]|file:", text) or re.search(r"\.(whl|zip|tar\.gz)$", re.split("[;@]", text)[0].strip()):
        raise _refused(line, _NO_PATH)
    try:
        url = Requirement(text).url or ""
    except InvalidRequirement as error:
        said = str(error).splitlines()[0].rstrip(".:")
        raise _refused(line, f"{said}. Expected a requirement such as requests>=2.31.") from error
    if _VCS.match(url):
        raise _refused(line, _NO_VCS)
    if url and not url.startswith("https://"):
        raise _refused(line, _NO_PATH if "://" not in url or url.startswith("file:") else _NO_HTTP)


_NO_VCS = (
    "what a repository gives today it may not give tomorrow. Publish the package, or copy it into the source."
)
_NO_PATH = "a path of one machine leads nowhere on another. Publish the package, or copy it into the source."
_NO_HTTP = "an address without TLS can be anybody's. Use https://."


def _refused(line: Line, problem: str) -> RequirementRefusedError:
    return RequirementRefusedError(line.path, line.number, without_credentials(line.text), problem)


# A script's own metadata (PEP 723)


def _of_script(path: Path) -> Requirements | None:
    block = _metadata(path)
    if block is None:
        return None
    first, text = block
    facts = toml(str(path), text)
    dependencies = facts.get("dependencies", [])
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise RequirementsError(str(path), "dependencies in its metadata is no list of strings.")
    numbers = _numbers(text, dependencies, first)
    lines = tuple(
        _requirement(Line(str(path), number, item)) for number, item in zip(numbers, dependencies, strict=True)
    )
    return Requirements("script", str(path), lines, requires_python=str(facts.get("requires-python", "")))


def _metadata(path: Path) -> tuple[int, str] | None:
    """Return the number of the block's first line and its TOML, or None when the script has no metadata."""
    try:
        physical = path.read_text(encoding="utf-8-sig").splitlines()
    except (UnicodeDecodeError, OSError):
        return None  # Python itself will say what is wrong with it
    if "# /// script" not in physical:
        return None
    first = physical.index("# /// script") + 1
    for last in range(first, len(physical)):
        if physical[last] == "# ///":
            return first + 1, "\n".join(line[2:] for line in physical[first:last])
        if not re.match(r"#( |$)", physical[last]):
            break
    raise RequirementsError(
        str(path), f"the metadata opened on line {first} is never closed. Close it with a line '# ///'."
    )


def _numbers(text: str, items: list[str], first: int) -> list[int]:
    lines = text.splitlines()
    return [
        next((first + number for number, line in enumerate(lines) if item in line), first) for item in items
    ]
