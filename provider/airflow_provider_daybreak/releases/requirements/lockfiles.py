"""Locks that a source brings along: ``uv.lock`` and ``pylock.toml`` (PEP 751), read into the requirements format."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import LockingError, RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.requirements.addresses import has_credentials, without_credentials
from airflow_provider_daybreak.releases.requirements.choosing import PYPI
from airflow_provider_daybreak.releases.requirements.lines import IN_CLEAR, lines_of, read_text
from airflow_provider_daybreak.releases.requirements.needs import unknown_choice
from airflow_provider_daybreak.releases.uv import OWN_INDEX, Index, Indexes, run_uv
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.releases.requirements.lines import Line

Entry = tuple[str, tuple[str, ...]]
"""A requirement with its marker, and its hashes."""

_HEAD = 4096
_LOCKED_BY = ("exclude-newer", "fork-strategy", "prerelease", "resolution")
"""Settings of ``[tool.uv]`` that a ``uv.lock`` is compared with, and which uv is told of, as it reads no settings."""

_SOURCE = re.compile(r'^source = \{ (?P<kind>\w+) = "(?P<where>[^"]*)"')
_NAME = re.compile(r'^name = "(?P<name>[^"]*)"')
_SAME_NAME = (
    "another index has that name, and would get the credentials that are meant for this one. Give each a name of its "
    "own, other than daybreak."
)
ELSEWHERE = (
    "it is taken from a path or a repository, not from an index. Publish it, or copy it into the source."
)
_CHOICE = "it is for an extra or a group, and a deploy chooses none. Export the lock for what the script needs."


def uv_lock_entries(path: Path, *, index: Index | Indexes | None, chosen: Sequence[str] = ()) -> list[Entry]:
    """
    Return what a ``uv.lock`` installs, without the project itself and its development groups.

    :param chosen: extras and groups that are installed too.
    :raises RequirementsError: there is no such extra or group, or there are groups alone and none is chosen.
    :raises RequirementRefusedError: two indexes of the project share a name.
    :raises LockingError: the lock is not that of the ``pyproject.toml`` beside it.
    """
    project = path.with_name("pyproject.toml")
    settings = [*_settings_of(project), *_chosen(project, chosen)]
    with temporary_folder("daybreak-lock-") as folder:
        exported = Path(folder, "lock.txt")
        # --frozen would take a stale lock silently
        arguments = [
            "export",
            "--quiet",
            "--locked",
            "--no-emit-project",
            "--no-emit-local",
            "--no-default-groups",
        ]
        arguments += ["--no-header", "--no-annotate", "--output-file", str(exported), *settings]
        outcome = run_uv(arguments, cwd=path.parent, index=index)
        if outcome.code:
            raise LockingError(str(path), outcome.explanation)
        return [(line.text, line.hashes) for line in lines_of(exported)]


def _chosen(project: Path, chosen: Sequence[str]) -> list[str]:
    facts = toml(str(project), read_text(project))
    said = facts.get("project", {})
    extras, groups = said.get("optional-dependencies", {}), facts.get("dependency-groups", {})
    if groups and not said and not chosen:
        names = ", ".join(sorted(groups))
        problem = f"it has groups alone. Choose from them: requirements='uv.lock[{next(iter(groups))}]'. There are: {names}."
        raise RequirementsError(str(project), problem)
    arguments = []
    for name in chosen:
        if name not in extras and name not in groups:
            raise unknown_choice(project, name, (*extras, *groups))
        arguments.append(f"--extra={name}" if name in extras else f"--group={name}")
    return arguments


def indexes_in_uv_lock(path: Path, entries: Sequence[Entry], indexes: Indexes) -> dict[str, str]:
    """Return the index that each entry is from, where that is not the default one."""
    if not indexes.others:
        return {}
    places = {}
    for package in toml(str(path), read_text(path)).get("package", []):
        url = str(package.get("source", {}).get("registry", ""))
        if any(one.index.url == url for one in indexes.others):
            places[canonicalize_name(package["name"]), str(package.get("version", ""))] = url
    found = {}
    for text, _ in entries:
        name, _, version = text.partition(";")[0].partition("==")
        place = canonicalize_name(name.strip()), version.strip()
        if place in places:
            found[text] = places[place]
    return found


def indexes_in_lines(text: str, lines: Sequence[Line]) -> dict[str, str]:
    """Return the index that each line of a lock is from, as uv notes it in a comment after the line."""
    found = {}
    starts = [line.number for line in lines[1:]] + [text.count("\n") + 2]
    physical = text.splitlines()
    for line, end in zip(lines, starts, strict=True):
        notes = [said.strip() for said in physical[line.number - 1 : end - 1]]
        for note in notes:
            if note.startswith("# from "):
                found[line.text] = note.removeprefix("# from ")
    return found


def pylock_entries(path: Path) -> tuple[list[Entry], dict[str, str]]:
    """
    Return what a ``pylock.toml`` installs, and the index that each entry is from, where it says so.

    :raises RequirementsError: it is none that can be read.
    :raises RequirementRefusedError: a package comes from a path or a repository.
    """
    text = read_text(path)
    facts = toml(str(path), text)
    if str(facts.get("lock-version", "")).split(".")[0] != "1":
        raise RequirementsError(str(path), 'it is no lock of version 1. Expected lock-version = "1.0".')
    entries: list[Entry] = []
    from_ = {}
    for package in facts.get("packages", []):
        name = str(package.get("name", ""))
        place = str(path), _line_of(text, name), name
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        if "version" not in package or package.keys() & {"vcs", "directory", "archive"}:
            raise RequirementRefusedError(*place, ELSEWHERE)
        if any("path" in file for file in files):
            raise RequirementRefusedError(*place, ELSEWHERE)
        if re.search(r"\b(extras|dependency_groups)\b", str(package.get("marker", ""))):
            raise RequirementRefusedError(*place, _CHOICE)
        hashes = tuple(
            sorted({f"sha256:{one}" for file in files if (one := file.get("hashes", {}).get("sha256"))})
        )
        if not hashes:
            raise RequirementRefusedError(*place, "the lock has no sha256 of it. Lock it again.")
        marker = f" ; {package['marker']}" if package.get("marker") else ""
        entries.append((f"{name}=={package['version']}{marker}", hashes))
        if package.get("index"):
            from_[entries[-1][0]] = str(package["index"])
    return entries, from_


def requires_python(lock: bytes) -> str:
    """Return what a lock says of Python, without taking it apart."""
    found = re.search(rb'^requires-python = "([^"]*)"', lock[:_HEAD], re.MULTILINE)
    return found[1].decode(errors="replace") if found else ""


def indexes_in(lock: bytes) -> list[str]:
    """Return the indexes that a lock takes packages from, without taking it apart: PyPI first, and else as they come."""
    found = re.findall(
        rb"""^(?:index = |source = \{ registry = )["'](https?://[^"']*)["']""", lock, re.MULTILINE
    )
    urls = list(dict.fromkeys(url.decode(errors="replace") for url in found))
    return sorted(urls, key=lambda url: url.rstrip("/") != PYPI)


def toml(path: str, text: str) -> dict[str, Any]:
    """
    Return what TOML text says.

    :raises RequirementsError: it is none.
    """
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        facts: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RequirementsError(path, f"it is no TOML: {error}.") from error
    return facts


def local_folders(path: Path) -> list[tuple[int, str, str]]:
    """
    Return line, name and folder of what a ``uv.lock`` takes from beside it: members of a workspace, and paths.

    :raises RequirementRefusedError: a package comes from a repository, or from an archive.
    """
    name = ""
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if said := _NAME.match(line):
            name = said["name"]
        source = _SOURCE.match(line)
        if source is None:
            continue
        if source["kind"] in ("virtual", "editable", "directory"):
            if source["where"] != ".":
                found.append((number, name, source["where"]))
        elif source["kind"] != "registry" or "://" not in source["where"]:
            raise RequirementRefusedError(str(path), number, name, ELSEWHERE)
    return found


def _settings_of(project: Path) -> list[str]:
    """
    Return the arguments that tell uv what its lock was made with.

    :raises RequirementRefusedError: the credentials of one index, which uv knows by name, would go to another.
    """
    text = read_text(project)
    settings = toml(str(project), text).get("tool", {}).get("uv", {})
    _check_indexes(project, text, settings.get("index", []))
    arguments = [f"--{key}={value}" for key in _LOCKED_BY if isinstance(value := settings.get(key), str)]
    by_package = settings.get("exclude-newer-package", {})
    return arguments + [f"--exclude-newer-package={name}={time}" for name, time in by_package.items()]


def names_of_indexes(project: Path) -> dict[str, str]:
    """
    Return what a ``pyproject.toml`` calls its indexes, by their addresses.

    :raises RequirementsError: it can't be read.
    """
    settings = toml(str(project), read_text(project)).get("tool", {}).get("uv", {})
    return {str(one.get("url", "")): str(one.get("name", "")) for one in settings.get("index", [])}


def _check_indexes(project: Path, text: str, indexes: list[dict[str, Any]]) -> None:
    taken = {_variable(OWN_INDEX)}
    for index in indexes:
        name, url = str(index.get("name", "")), str(index.get("url", ""))
        if has_credentials(url):
            line = _last_line_with(text, url)
            raise RequirementRefusedError(str(project), line, without_credentials(url), IN_CLEAR)
        if name and _variable(name) in taken:
            raise RequirementRefusedError(str(project), _last_line_with(text, name), name, _SAME_NAME)
        taken.add(_variable(name))


def _variable(name: str) -> str:
    """Return an index's name as it stands in the variables that uv reads its credentials from."""
    return re.sub(r"[^A-Z0-9]", "_", name.upper())


def _last_line_with(text: str, value: str) -> int:
    quoted = (f'"{value}"', f"'{value}'")
    found = [n for n, line in enumerate(text.splitlines(), start=1) if any(one in line for one in quoted)]
    return found[-1] if found else 1


def _line_of(text: str, name: str) -> int:
    wanted = f'name = "{name}"'
    return next((number for number, line in enumerate(text.splitlines(), start=1) if line == wanted), 1)
