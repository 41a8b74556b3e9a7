"""Locks that a source brings along: ``uv.lock`` and ``pylock.toml`` (PEP 751), read into the requirements format."""

from __future__ import annotations

import re
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import LockingError, RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.uv import OWN_INDEX, Index, run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator

Entry = tuple[str, tuple[str, ...]]
"""A requirement with its marker, and its hashes."""

_SOURCE = re.compile(r'^source = \{ (?P<kind>\w+) = "(?P<where>[^"]*)"')
_NAME = re.compile(r'^name = "(?P<name>[^"]*)"')
_TWO_INDEXES = (
    "the lock takes packages from {first} too. With two indexes, whoever can publish to one of them replaces "
    "packages of the other: keep one index, which may mirror both."
)
IN_CLEAR = "its credentials stand in clear. Put them into a connection, and name it in index_conn_id."
_SAME_NAME = (
    "another index has that name, and would get the credentials that are meant for this one. Give each a name of its "
    "own, other than daybreak."
)
_ELSEWHERE = (
    "it is taken from a path or a repository, not from an index. Publish it, or copy it into the source."
)


def uv_lock_entries(path: Path, *, index: Index | None) -> list[Entry]:
    """
    Return what a ``uv.lock`` installs, without the project itself and its development groups.

    :raises RequirementRefusedError: a package comes from a path, a repository or a second index, or two indexes of
        the project share a name.
    :raises LockingError: the lock is not that of the ``pyproject.toml`` beside it.
    """
    from airflow_provider_daybreak.releases.requirements import lines_of

    _check_uv_lock(path)
    _check_indexes(path.with_name("pyproject.toml"))
    with tempfile.TemporaryDirectory(prefix="daybreak-lock-") as folder:
        exported = Path(folder, "lock.txt")
        # --frozen would take a stale lock silently
        arguments = ["export", "--quiet", "--locked", "--no-emit-project", "--no-default-groups"]
        arguments += ["--no-header", "--no-annotate", "--output-file", str(exported)]
        outcome = run_uv(arguments, cwd=path.parent, index=index)
        if outcome.code:
            raise LockingError(str(path), outcome.explanation)
        return [(line.text, line.hashes) for line in lines_of(exported)]


def pylock_entries(path: Path) -> list[Entry]:
    """
    Return what a ``pylock.toml`` installs.

    :raises RequirementsError: it is none that can be read.
    :raises RequirementRefusedError: a package comes from a path, a repository or a second index.
    """
    text = path.read_text(encoding="utf-8")
    facts = toml(str(path), text)
    if str(facts.get("lock-version", "")).split(".")[0] != "1":
        raise RequirementsError(str(path), 'it is no lock of version 1. Expected lock-version = "1.0".')
    first = ""
    entries = []
    for package in facts.get("packages", []):
        name = str(package.get("name", ""))
        place = str(path), _line_of(text, name), name
        if "version" not in package or package.keys() & {"vcs", "directory", "archive"}:
            raise RequirementRefusedError(*place, _ELSEWHERE)
        first = first or package.get("index", "")
        if package.get("index", first) != first:
            raise RequirementRefusedError(*place, _TWO_INDEXES.format(first=without_credentials(first)))
        hashes = tuple(sorted(set(_hashes(package))))
        if not hashes:
            raise RequirementRefusedError(*place, "the lock has no sha256 of it. Lock it again.")
        marker = f" ; {package['marker']}" if package.get("marker") else ""
        entries.append((f"{name}=={package['version']}{marker}", hashes))
    return entries


def requires_python(path: Path) -> str:
    """Return what a lock says of Python, without reading all of it."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for _, line in zip(range(20), file, strict=False):
            if match := re.match(r'requires-python = "([^"]*)"', line):
                return match[1]
    return ""


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


def _check_uv_lock(path: Path) -> None:
    first = name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if found := _NAME.match(line):
            name = found["name"]
        source = _SOURCE.match(line)
        if source is None or (source["kind"] in ("virtual", "editable") and source["where"] == "."):
            continue  # the project itself is copied, not installed
        if source["kind"] != "registry" or "://" not in source["where"]:
            raise RequirementRefusedError(str(path), number, name, _ELSEWHERE)
        first = first or source["where"]
        if source["where"] != first:
            problem = _TWO_INDEXES.format(first=without_credentials(first))
            raise RequirementRefusedError(str(path), number, name, problem)


def _check_indexes(project: Path) -> None:
    """Refuse what would hand the credentials of one index, which uv knows by name, to another."""
    text = project.read_text(encoding="utf-8")
    taken = {_variable(OWN_INDEX)}
    for index in toml(str(project), text).get("tool", {}).get("uv", {}).get("index", []):
        name, url = str(index.get("name", "")), str(index.get("url", ""))
        if without_credentials(url) != url:
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


def without_credentials(text: str) -> str:
    """Return a text without the user and password of any address in it."""
    return re.sub(r"://[^/\s]*@", "://***@", text)


def _hashes(package: dict[str, Any]) -> Iterator[str]:
    for file in [*package.get("wheels", []), package.get("sdist", {})]:
        if digest := file.get("hashes", {}).get("sha256"):
            yield f"sha256:{digest}"


def _line_of(text: str, name: str) -> int:
    wanted = f'name = "{name}"'
    return next((number for number, line in enumerate(text.splitlines(), start=1) if line == wanted), 1)
