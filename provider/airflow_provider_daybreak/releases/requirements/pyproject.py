"""``pyproject.toml``: dependencies of a project, its extras (PEP 621), its groups (PEP 735), and what is dynamic."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements import poetry, setuptools_files
from airflow_provider_daybreak.releases.requirements.choosing import AS_USUAL, Choosing, FromIndex, NamedIndex
from airflow_provider_daybreak.releases.requirements.lines import (
    NO_PROJECT,
    Line,
    index_url,
    logical_lines,
    read_text,
)
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
from airflow_provider_daybreak.releases.requirements.tool_locks import pins_of
from airflow_provider_daybreak.releases.requirements.uv_settings import uv_settings, with_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.requirements.uv_settings import UvSettings

PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")
"""Files that say what a project is, the first that counts first."""

_OF_DEVELOPMENT = frozenset(
    {"build-backend", "cache-keys", "default-groups", "dependency-groups", "dev-dependencies", "managed", "package",
     "pip", "publish-url", "required-version", "workspace", "build-constraint-dependencies", "environments",
     "required-environments", "check-url", "link-mode", "compile-bytecode", "python-preference", "python-downloads",
     "keyring-provider", "concurrent-downloads", "concurrent-installs", "concurrent-builds", "native-tls", "preview"}
)  # fmt: skip
"""What ``[tool.uv]`` says that changes nothing of what the project itself needs."""


def read_pyproject(
    path: Path,
    chosen: Sequence[str],
    file_at: Callable[[Path], Path | None],
    *,
    within: tuple[Path, ...] = (),
) -> Needs | None:
    """
    Return what a project needs, or None where it says nothing of that.

    :param chosen: names of extras and groups that are needed too.
    :param file_at: returns where a path leads if that is a file of the source, or else None.
    :param within: the folders of the source whose projects ask for it.
    :raises RequirementsError: it can't be read, or has no such extra or group, or only a build finds out.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    text = read_text(path)
    facts = toml(str(path), text)
    project = table(path, facts, "project")
    groups = table(path, facts, "dependency-groups")
    poetrys = table(path, facts, "tool", "poetry")
    dynamic = "dependencies" in strings(path, project.get("dynamic"), "dynamic in [project]")
    if "dependencies" not in project and not dynamic and poetry.says_something(poetrys, chosen):
        inner = (*within, path.parent.resolve())
        needs = poetry.read_poetry(
            path,
            text,
            poetrys,
            chosen,
            lambda said, extras, place: read_folder(path.parent / said, extras, file_at, place, inner),
        )
        lock = path.with_name("poetry.lock")
        return _pinned(needs, lock) if file_at(lock) else needs
    extras = table(path, project, "optional-dependencies")
    items: list[Any] = []
    read = Needs()
    if dynamic:
        read = _found_by_setuptools(path, facts, file_at)
    items += strings(path, project.get("dependencies"), "dependencies in [project]")
    items += _chosen(path, extras, groups, chosen, str(project.get("name", "")))
    if not items and not read.lines and not chosen:
        if groups and not project:
            names = ", ".join(sorted(groups))
            problem = f"it has groups alone. Choose from them: requirements='pyproject.toml[{next(iter(groups))}]'. There are: {names}."
            raise RequirementsError(str(path), problem)
        return None
    python = project.get("requires-python", "")
    if not isinstance(python, str):
        raise RequirementsError(str(path), "requires-python in [project] is no text, such as '>=3.10'.")
    _check_pixi(path, facts)
    settings = _with_poetrys(path, text, _of_uv(path, text, facts, chosen), poetrys, items)
    lines = with_urls((*read.lines, *required(path, text, items)), settings)
    inside = _of_folders(path, text, facts, lines, settings, file_at, (*within, path.parent.resolve()))
    index, choosing = _indexes(path, text, facts, settings)
    said = Needs(requires_python=python, index=index, exclude_newer=settings.exclude_newer, choosing=choosing)
    needs = joined(said, inside)
    for name in ("pdm.lock", "poetry.lock"):
        if file_at(path.with_name(name)):
            return _pinned(needs, path.with_name(name))
    return needs


def _with_poetrys(
    path: Path, text: str, settings: UvSettings, poetrys: dict[str, Any], items: Sequence[Any]
) -> UvSettings:
    """Return settings with what ``[tool.poetry.dependencies]`` adds to dependencies of ``[project]``: index or folder."""
    asked = {canonicalize_name(match[0]) for one in items if (match := re.match(r"[A-Za-z0-9._-]+", str(one)))}
    named = table(path, poetrys, "dependencies")
    added = {
        name: one for name, one in named.items() if canonicalize_name(name) in asked and isinstance(one, dict)
    }
    for name, one in added.items():
        if unknown := sorted(one.keys() & {"git", "file", "url"}):
            problem = f"{unknown[0]!r} is not honoured here. Publish the package, or copy it into the source."
            raise Line(str(path), line_with(text, name), name).refused(problem)
    folders = tuple((canonicalize_name(name), str(one["path"])) for name, one in added.items() if "path" in one)
    choosing = settings.choosing
    if any("source" in one for one in added.values()):
        default, said = poetry.indexes_of(path, text, poetrys)
        choosing = poetry.from_indexes(path, text, added, said, default)
    return replace(settings, choosing=choosing, paths=(*settings.paths, *folders))


def _check_pixi(path: Path, facts: dict[str, Any]) -> None:
    for name in ("dependencies", "pypi-dependencies"):
        if table(path, facts, "tool", "pixi", name).keys() - {"python"}:
            problem = f"tool.pixi.{name} can't be installed from beside [project]. Write it into [project], or export all."
            raise RequirementsError(str(path), problem)


def _indexes(path: Path, text: str, facts: dict[str, Any], settings: UvSettings) -> tuple[str, Choosing]:
    """Return the default index, or "", and how packages are chosen, as the first tool says that names an index."""
    found = settings.index, settings.choosing
    poetrys = table(path, facts, "tool", "poetry")
    for other in (_of_pdm(path, text, facts), poetry.indexes_of(path, text, poetrys)):
        found = found if found != ("", AS_USUAL) else other
    return found


def _pinned(needs: Needs, lock: Path) -> Needs:
    return replace(needs, pins=pins_of(lock))


def _chosen(
    path: Path, extras: dict[str, Any], groups: dict[str, Any], chosen: Sequence[str], own: str
) -> list[str]:
    by_name = {canonicalize_name(name): name for name in extras}
    of_groups = {canonicalize_name(name): name for name in groups}
    items: list[str] = []
    waiting, seen = [str(name) for name in chosen], set()
    while waiting:
        key = canonicalize_name(name := waiting.pop(0))
        if key not in by_name and key not in of_groups:
            raise unknown_choice(path, name, (*extras, *groups))
        if key in seen:
            continue
        seen.add(key)
        found: list[str] = []
        if key in by_name:
            found += strings(path, extras[by_name[key]], f"the extra {name!r}")
        if key in of_groups:
            found += _of_group(path, of_groups[key], groups, ())
        for item in found:
            others = _own_extras(item, own)
            waiting += others
            items += [] if others else [item]
    return items


def _own_extras(item: object, own: str) -> list[str]:
    """Return the extras that a requirement names of its own project: an extra of extras is never asked of an index."""
    said = re.match(r"\s*([A-Za-z0-9._-]+)\s*\[([^\]]+)\]", item) if isinstance(item, str) else None
    if not own or said is None or canonicalize_name(said[1]) != canonicalize_name(own):
        return []
    return [one.strip() for one in said[2].split(",") if one.strip()]


def _of_group(path: Path, name: str, groups: dict[str, Any], within: tuple[str, ...]) -> list[str]:
    by_name = {canonicalize_name(one): one for one in groups}
    found = by_name.get(canonicalize_name(name))
    if found is None or found in within:
        problem = (
            f"the group {name!r} includes itself."
            if found
            else f"there is no group {name!r}, which another includes."
        )
        raise RequirementsError(str(path), problem)
    if not isinstance(groups[found], list):
        raise RequirementsError(str(path), f"the group {name!r} is no list.")
    items: list[str] = []
    for item in groups[found]:
        if isinstance(item, dict) and set(item) == {"include-group"}:
            items += _of_group(path, str(item["include-group"]), groups, (*within, found))
        else:
            items.append(item)
    return items


def _found_by_setuptools(path: Path, facts: dict[str, Any], file_at: Callable[[Path], Path | None]) -> Needs:
    """Return dependencies that a build would find in files which can be read as well."""
    said = table(path, facts, "tool", "setuptools", "dynamic", "dependencies")
    if said:
        names = said.get("file", [])
        names = [names] if isinstance(names, str) else strings(path, names, "file of dynamic dependencies")
        lines: list[Line] = []
        for name in names:
            if file_at(path.with_name(name)) is None:
                raise RequirementsError(
                    str(path), f"its dependencies are in {name!r}, which is not in the source."
                )
            for line in logical_lines(path.with_name(name)):
                lines += required(path.with_name(name), line.text, [line.text])
        return Needs(tuple(lines))
    for name, read in (
        ("setup.cfg", setuptools_files.read_setup_cfg),
        ("setup.py", setuptools_files.read_setup_py),
    ):
        if file_at(path.with_name(name)) and (needs := read(path.with_name(name), ())):
            return needs
    problem = (
        "its dependencies are found out when it is built. Lock them with 'uv lock', and deploy uv.lock with it."
    )
    raise RequirementsError(str(path), problem)


def _of_uv(path: Path, text: str, facts: dict[str, Any], chosen: Sequence[str]) -> UvSettings:
    remedy = "Lock it with 'uv lock', and deploy uv.lock with it."
    settings = table(path, facts, "tool", "uv")
    return uv_settings(path, text, settings, ignored=_OF_DEVELOPMENT, chosen=chosen, remedy=remedy)


def _of_pdm(path: Path, text: str, facts: dict[str, Any]) -> tuple[str, Choosing]:
    """Return the default index of ``[[tool.pdm.source]]``, or "", and what is said of the others."""
    default, indexes, sources = "", [], []
    for one in table(path, facts, "tool", "pdm").get("source", []):
        if not isinstance(one, dict):
            raise RequirementsError(str(path), "source in [tool.pdm] is no list of tables.")
        url, name = str(one.get("url", "")), str(one.get("name", ""))
        place = Line(str(path), line_with(text, url), url)
        index_url(place, url)
        if unknown := sorted(one.keys() - {"url", "name", "verify_ssl", "type", "include_packages"}):
            raise place.refused(f"{unknown[0]!r} of an index in [tool.pdm] is not honoured here. Remove it.")
        named = strings(path, one.get("include_packages"), "include_packages in [tool.pdm]")
        if any("*" in package or "?" in package for package in named):
            raise place.refused("include_packages has a pattern. Name the packages that are from this index.")
        sources += [FromIndex(canonicalize_name(package), url) for package in named]
        if name == "pypi":
            default = url
        else:
            indexes.append(NamedIndex(url, name, explicit=bool(named)))
    if not default and len(indexes) == 1 and not indexes[0].explicit:
        return indexes[0].url, AS_USUAL  # as where it stands for PyPI
    return default, Choosing(indexes=tuple(indexes), sources=tuple(sources))


def _of_folders(
    path: Path,
    text: str,
    facts: dict[str, Any],
    lines: Sequence[Line],
    settings: UvSettings,
    file_at: Callable[[Path], Path | None],
    within: tuple[Path, ...],
) -> Needs:
    """Return requirements in which packages of the source itself have made way for what these need."""
    paths = dict(settings.paths)
    found = Needs()
    for line in lines:
        name = re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?", line.text)
        package = canonicalize_name(name[1]) if name else ""
        if package not in paths:
            found = joined(found, Needs((line,)))
            continue
        folder = path.parent / paths[package] if paths[package] else _member(path, facts, package, file_at)
        place = Line(str(path), line_with(text, name[1] if name else ""), line.text)
        if folder is None:
            raise place.refused("no member of the workspace has its name. Add it to the source.")
        extras = [one.strip() for one in (name[2] or "").split(",") if one.strip()] if name else []
        found = joined(found, read_folder(folder, extras, file_at, place, within))
    return found


def _member(
    path: Path, facts: dict[str, Any], package: str, file_at: Callable[[Path], Path | None]
) -> Path | None:
    """Return the folder of the workspace's member of that name, or None."""
    members = strings(
        path, table(path, facts, "tool", "uv", "workspace").get("members"), "members of the workspace"
    )
    for pattern in members:
        if ".." in pattern.split("/") or pattern.startswith("/"):
            continue
        for folder in sorted(path.parent.glob(pattern)):
            project = folder / "pyproject.toml"
            if file_at(project) is None:
                continue
            said = table(project, toml(str(project), read_text(project)), "project")
            if canonicalize_name(str(said.get("name", ""))) == package:
                return folder
    return None


def read_folder(
    folder: Path,
    chosen: Sequence[str],
    file_at: Callable[[Path], Path | None],
    place: Line,
    within: tuple[Path, ...] = (),
) -> Needs:
    """
    Return what a project in a folder of the source needs, and that folder itself among the projects.

    :param place: the line that names it.
    :param within: the folders whose projects ask for it.
    :raises RequirementRefusedError: there is no project in the source there.
    :raises RequirementsError: it can't be read.
    """
    there = [name for name in PROJECT_FILES if file_at(folder / name)]
    if not there:
        raise place.refused(NO_PROJECT)
    if folder.resolve() in within:
        return Needs()
    needs = None
    for name in there:
        if name == "pyproject.toml":
            needs = read_pyproject(folder / name, chosen, file_at, within=(*within, folder.resolve()))
        elif name == "setup.cfg":
            needs = setuptools_files.read_setup_cfg(folder / name, chosen)
        else:
            needs = setuptools_files.read_setup_py(folder / name, chosen)
        if needs is not None:
            break
    found = needs or Needs()
    return joined(
        Needs(projects=(folder,)), replace(found, pins=())
    )  # a lock is of the whole that it was made for
