"""``Pipfile`` and ``Pipfile.lock``, as pipenv writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import TWO_INDEXES, Line, read_text, requirement
from airflow_provider_daybreak.releases.requirements.lockfiles import toml
from airflow_provider_daybreak.releases.requirements.needs import (
    Needs,
    line_with,
    only_index,
    required,
    strings,
    table,
    unknown_choice,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MARKERS = frozenset(
    {"implementation_name", "implementation_version", "os_name", "platform_machine", "platform_python_implementation",
     "platform_release", "platform_system", "platform_version", "python_full_version", "python_version", "sys_platform"}
)  # fmt: skip
_KNOWN = frozenset({"version", "extras", "markers", "index", "hashes"}) | _MARKERS


def read_pipfile(path: Path, chosen: Sequence[str] = ()) -> Needs:
    """
    Return what a ``Pipfile`` needs.

    :param chosen: categories that are needed beside ``packages``.
    :raises RequirementsError: it can't be read.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    text = read_text(path)
    facts = toml(str(path), text)
    python = table(path, facts, "requires")
    packages = _packages(path, facts, "packages", chosen)
    items = [_requirement(path, text, name, said) for name, said in packages.items()]
    version = str(python.get("python_full_version", python.get("python_version", "")))
    requires = f"=={version}{'' if 'python_full_version' in python else '.*'}" if version else ""
    return Needs(
        required(path, text, items, written=packages), requires, _index(path, text, facts.get("source", []))
    )


def read_pipfile_lock(path: Path, chosen: Sequence[str] = ()) -> Needs:
    """
    Return what a ``Pipfile.lock`` installs, with hashes.

    :param chosen: categories that are needed beside ``default``.
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
    for name, said in _packages(path, facts, "default", chosen).items():
        place = Line(str(path), line_with(text, name), name)
        hashes = said.get("hashes") if isinstance(said, dict) else None
        if not hashes or not said.get("version"):
            raise place.refused("the lock has no version and hash of it. Lock again with: pipenv lock.")
        options = "".join(f" --hash={one}" for one in strings(path, hashes, f"hashes of {name}"))
        asked = _requirement(path, text, name, said)
        lines.append(requirement(Line(place.path, place.number, f"{asked}{options}")))
    meta = table(path, facts, "_meta")
    return Needs(tuple(lines), "", _index(path, text, meta.get("sources", [])))


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


def _index(path: Path, text: str, sources: Any) -> str:
    urls = (
        [str(one.get("url", "")) for one in sources if isinstance(one, dict)]
        if isinstance(sources, list)
        else []
    )
    return only_index(path, text, urls, TWO_INDEXES)
