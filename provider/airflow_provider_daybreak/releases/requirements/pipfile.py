"""``Pipfile`` and ``Pipfile.lock``, as pipenv writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.choosing import PYPI, Choosing, FromIndex, NamedIndex
from airflow_provider_daybreak.releases.requirements.lines import Line, index_url, read_text, requirement
from airflow_provider_daybreak.releases.requirements.lockfiles import toml
from airflow_provider_daybreak.releases.requirements.needs import (
    Needs,
    joined,
    line_with,
    required,
    strings,
    table,
    unknown_choice,
)
from airflow_provider_daybreak.releases.requirements.pyproject import read_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_MARKERS = frozenset(
    {"implementation_name", "implementation_version", "os_name", "platform_machine", "platform_python_implementation",
     "platform_release", "platform_system", "platform_version", "python_full_version", "python_version", "sys_platform"}
)  # fmt: skip
_KNOWN = frozenset({"version", "extras", "markers", "index", "hashes"}) | _MARKERS


def read_pipfile(path: Path, chosen: Sequence[str], file_at: Callable[[Path], Path | None]) -> Needs:
    """
    Return what a ``Pipfile`` needs.

    :param chosen: categories that are needed beside ``packages``.
    :param file_at: returns where a path leads if that is a file of the source, or else None.
    :raises RequirementsError: it can't be read.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    text = read_text(path)
    facts = toml(str(path), text)
    python = table(path, facts, "requires")
    packages = _packages(path, facts, "packages", chosen)
    packages, local = _apart(path, text, packages, file_at)
    items = [_requirement(path, text, name, said) for name, said in packages.items()]
    version = str(python.get("python_full_version", python.get("python_version", "")))
    requires = f"=={version}{'' if 'python_full_version' in python else '.*'}" if version else ""
    index, choosing = _indexes(path, text, facts.get("source", []), packages)
    if table(path, facts, "pipenv").get("allow_prereleases") is True:
        choosing = replace(choosing, prerelease="allow")
    needs = Needs(required(path, text, items, written=packages), requires, index, choosing=choosing)
    return joined(needs, local)


def read_pipfile_lock(path: Path, chosen: Sequence[str], file_at: Callable[[Path], Path | None]) -> Needs:
    """
    Return what a ``Pipfile.lock`` installs, with hashes.

    :param chosen: categories that are needed beside ``default``.
    :param file_at: returns where a path leads if that is a file of the source, or else None.
    :raises RequirementsError: it can't be read.
    :raises RequirementRefusedError: a package has no version or no hash, or comes from elsewhere.
    """
    text = read_text(path)
    try:
        facts = json.loads(text)
    except ValueError as error:
        raise RequirementsError(str(path), f"it is no JSON: {error}. Lock again with: pipenv lock.") from error
    if not isinstance(facts, dict) or "default" not in facts:
        raise RequirementsError(str(path), "it has no packages of 'default'. Lock again with: pipenv lock.")
    lines = []
    packages, local = _apart(path, text, _packages(path, facts, "default", chosen), file_at)
    for name, said in packages.items():
        place = Line(str(path), line_with(text, name), name)
        hashes = said.get("hashes") if isinstance(said, dict) else None
        if not hashes or not said.get("version"):
            raise place.refused("the lock has no version and hash of it. Lock again with: pipenv lock.")
        options = "".join(f" --hash={one}" for one in strings(path, hashes, f"hashes of {name}"))
        asked = _requirement(path, text, name, said)
        lines.append(requirement(Line(place.path, place.number, f"{asked}{options}")))
    meta = table(path, facts, "_meta")
    index, choosing = _indexes(path, text, meta.get("sources", []), packages)
    # what the projects of the source need is locked with the rest
    return Needs(tuple(lines), "", index, choosing=choosing, projects=local.projects)


def _apart(
    path: Path, text: str, packages: dict[str, Any], file_at: Callable[[Path], Path | None]
) -> tuple[dict[str, Any], Needs]:
    """Return the packages that are none of the source, and what those that are need."""
    others, local = {}, Needs()
    for name, said in packages.items():
        if isinstance(said, dict) and "path" in said:
            place = Line(str(path), line_with(text, name), name)
            extras = strings(path, said.get("extras"), f"extras of {name}")
            local = joined(local, read_folder(path.parent / str(said["path"]), extras, file_at, place))
        else:
            others[name] = said
    return others, local


def _packages(path: Path, facts: dict[str, Any], first: str, chosen: Sequence[str]) -> dict[str, Any]:
    packages = table(path, facts, first)
    for name in chosen:
        if not isinstance(facts.get(name), dict):
            raise unknown_choice(
                path, name, (one for one in facts if one not in ("_meta", "requires", "source", first))
            )
        packages |= facts[name]
    return packages


def _requirement(path: Path, text: str, name: str, said: Any) -> str:
    if isinstance(said, str):
        said = {"version": said}
    place = Line(str(path), line_with(text, name), name)
    if not isinstance(said, dict):
        raise RequirementsError(str(path), f"{name!r} has neither a version nor a table.")
    if unknown := sorted(said.keys() - _KNOWN):
        raise place.refused(
            f"{unknown[0]!r} is not honoured here. Publish the package on an index, or copy it into the source."
        )
    extras = ",".join(strings(path, said.get("extras"), f"extras of {name}"))
    markers = [f"({said['markers']})"] if said.get("markers") else []
    markers += [f"{key} {said[key]}" for key in sorted(said.keys() & _MARKERS)]
    version = str(said.get("version", "*"))
    marker = f" ; {' and '.join(markers)}" if markers else ""
    return f"{name}{f'[{extras}]' if extras else ''}{'' if version == '*' else version}{marker}"


def _indexes(path: Path, text: str, sources: Any, packages: dict[str, Any]) -> tuple[str, Choosing]:
    """Return the first index, which is the default one, or "", and the others, from which only comes what says so."""
    said = [one for one in sources if isinstance(one, dict)] if isinstance(sources, list) else []
    urls = {str(one.get("name", "")): str(one.get("url", "")) for one in said}
    for url in urls.values():
        index_url(Line(str(path), line_with(text, url), url), url)
    default = str(said[0].get("url", "")) if said else ""
    found = []
    for name, one in packages.items():
        wanted = one.get("index") if isinstance(one, dict) else None
        if not urls and wanted == "pypi":  # what pipenv calls the default one
            continue
        if wanted is not None and wanted not in urls:
            problem = f"there is no source {wanted!r} that it could be from."
            raise Line(str(path), line_with(text, name), name).refused(problem)
        if wanted is not None and urls[wanted] != default:
            found.append(FromIndex(canonicalize_name(name), urls[wanted]))
    used = {one.url for one in found}
    indexes = [NamedIndex(url, name, explicit=True) for name, url in urls.items() if url in used]
    choosing = Choosing(indexes=tuple(indexes), sources=tuple(found))
    return "" if default.rstrip("/") == PYPI else default, choosing
