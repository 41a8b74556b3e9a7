"""``poetry.lock`` and ``pdm.lock``: the version and the hashes that each package must have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import Line, read_text
from airflow_provider_daybreak.releases.requirements.lockfiles import toml

if TYPE_CHECKING:
    from pathlib import Path

_EXPORT = {
    "poetry.lock": "poetry export --output requirements.txt",
    "pdm.lock": "pdm export --output requirements.txt",
}


def pins_of(path: Path) -> tuple[Line, ...]:
    """
    Return the packages of a lock, each with its version and hashes.

    :raises RequirementsError: it can't be read.
    :raises RequirementRefusedError: a package comes from a path or a repository, or has no hashes or several versions.
    """
    text = read_text(path)
    facts = toml(str(path), text)
    packages = facts.get("package", [])
    if not isinstance(packages, list) or not all(isinstance(one, dict) and one.get("name") for one in packages):
        raise RequirementsError(str(path), f"it can't be read. Export it with: {_EXPORT[path.name]}.")
    metadata = facts.get("metadata", {})
    old = metadata.get("files", {}) if isinstance(metadata, dict) else {}
    pins: dict[str, Line] = {}
    for package in packages:
        name, version = str(package["name"]), str(package.get("version", ""))
        if package.get("extras"):  # pdm lists a package once more for its extras
            version = ""
        number = _line_of(text, name)
        files = package.get("files") or old.get(name, [])
        hashes = sorted({str(one["hash"]) for one in files if isinstance(one, dict) and "hash" in one})
        if (version == "" and package.get("extras")) or _is_of_the_source(package):
            continue
        if problem := _problem(package, path, hashes):
            raise RequirementRefusedError(str(path), number, name, problem)
        key = canonicalize_name(name)
        if key in pins:
            problem = f"it is locked at several versions, of which markers choose. Export it with: {_EXPORT[path.name]}."
            raise RequirementRefusedError(str(path), number, name, problem)
        pins[key] = Line(str(path), number, f"{name}=={version}", "".join(f" --hash={one}" for one in hashes))
    return tuple(pins.values())


def _is_of_the_source(package: dict[str, Any]) -> bool:
    """Return whether it is a folder: the project names it too, and it was looked for in the source."""
    source = package.get("source", {})
    folder = isinstance(source, dict) and source.get("type") == "directory"
    return folder or ("path" in package and not str(package["path"]).endswith((".whl", ".gz", ".zip")))


def _problem(package: dict[str, Any], path: Path, hashes: list[str]) -> str:
    source = package.get("source", {})
    kind = source.get("type", "") if isinstance(source, dict) else ""
    if kind not in ("", "legacy") or package.keys() & {"git", "path", "url"}:
        return "it is taken from a path or a repository, not from an index. Publish it, or copy it into the source."
    if not hashes:
        return f"the lock has no hash of it. Lock it again, or export it with: {_EXPORT[path.name]}."
    return ""


def _line_of(text: str, name: str) -> int:
    wanted = f'name = "{name}"'
    return next((number for number, line in enumerate(text.splitlines(), start=1) if line == wanted), 1)
