"""``pyproject.toml``: dependencies of a project, its extras (PEP 621), its groups (PEP 735), and what is dynamic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements import poetry, setuptools_files
from airflow_provider_daybreak.releases.requirements.lines import TWO_INDEXES, Line, logical_lines, read_text
from airflow_provider_daybreak.releases.requirements.lockfiles import toml
from airflow_provider_daybreak.releases.requirements.needs import (
    Needs,
    only_index,
    required,
    strings,
    table,
    unknown_choice,
)
from airflow_provider_daybreak.releases.requirements.tool_locks import pins_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_OF_DEVELOPMENT = frozenset(
    {"build-backend", "cache-keys", "default-groups", "dependency-groups", "dev-dependencies", "managed", "package",
     "pip", "publish-url", "required-version"}
)  # fmt: skip
"""What ``[tool.uv]`` says that changes nothing of what the project itself needs."""


def read_pyproject(path: Path, chosen: Sequence[str], file_at: Callable[[Path], Path | None]) -> Needs | None:
    """
    Return what a project needs, or None where it says nothing of that.

    :param chosen: names of extras and groups that are needed too.
    :param file_at: returns where a path leads if that is a file of the source, or else None.
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
        needs = poetry.read_poetry(path, text, poetrys, chosen)
        lock = path.with_name("poetry.lock")
        return _pinned(needs, lock) if file_at(lock) else needs
    extras = table(path, project, "optional-dependencies")
    items: list[Any] = []
    read = Needs()
    if dynamic:
        read = _found_by_setuptools(path, facts, file_at)
    items += strings(path, project.get("dependencies"), "dependencies in [project]")
    items += _chosen(path, extras, groups, chosen)
    if not items and not read.lines and not chosen:
        if groups and not project:
            names = ", ".join(sorted(groups))
            problem = f"it has groups alone. Choose from them: requirements='pyproject.toml[{next(iter(groups))}]'. There are: {names}."
            raise RequirementsError(str(path), problem)
        return None
    python = project.get("requires-python", "")
    if not isinstance(python, str):
        raise RequirementsError(str(path), "requires-python in [project] is no text, such as '>=3.10'.")
    for name in ("dependencies", "pypi-dependencies"):
        if table(path, facts, "tool", "pixi", name).keys() - {"python"}:
            problem = f"tool.pixi.{name} can't be installed from beside [project]. Write it into [project], or export all."
            raise RequirementsError(str(path), problem)
    index, newest = _of_uv(path, text, table(path, facts, "tool", "uv"))
    index = index or _of_pdm(path, text, facts) or poetry.index_of(path, text, poetrys)
    needs = Needs((*read.lines, *required(path, text, items)), python, index, newest)
    for name in ("pdm.lock", "poetry.lock"):
        if file_at(path.with_name(name)):
            return _pinned(needs, path.with_name(name))
    return needs


def _pinned(needs: Needs, lock: Path) -> Needs:
    return Needs(needs.lines, needs.requires_python, needs.index, needs.exclude_newer, pins_of(lock))


def _chosen(path: Path, extras: dict[str, Any], groups: dict[str, Any], chosen: Sequence[str]) -> list[str]:
    by_name = {canonicalize_name(name): name for name in extras}
    of_groups = {canonicalize_name(name): name for name in groups}
    items: list[str] = []
    for name in chosen:
        key = canonicalize_name(name)
        if key not in by_name and key not in of_groups:
            raise unknown_choice(path, name, (*extras, *groups))
        if key in by_name:
            items += strings(path, extras[by_name[key]], f"the extra {name!r}")
        if key in of_groups:
            items += _of_group(path, of_groups[key], groups, ())
    return items


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


def _of_uv(path: Path, text: str, settings: dict[str, Any]) -> tuple[str, str]:
    unknown = sorted(settings.keys() - _OF_DEVELOPMENT - {"index", "exclude-newer"})
    if unknown:
        problem = f"{unknown[0]!r} in [tool.uv] counts with a lock alone. Lock it with 'uv lock', and deploy uv.lock with it."
        raise RequirementsError(str(path), problem)
    indexes = settings.get("index", [])
    newest = settings.get("exclude-newer", "")
    if (
        not isinstance(newest, str)
        or not isinstance(indexes, list)
        or not all(isinstance(one, dict) for one in indexes)
    ):
        raise RequirementsError(
            str(path), "[tool.uv] can't be read. Expected [[tool.uv.index]] and a text as exclude-newer."
        )
    urls = [str(one.get("url", "")) for one in indexes]
    remedy = f"{TWO_INDEXES} Or say which package is from which, and deploy uv.lock."
    if any(one.get("default") is not True or one.get("explicit") for one in indexes):
        urls.append("")
    return only_index(path, text, urls, remedy), newest


def _of_pdm(path: Path, text: str, facts: dict[str, Any]) -> str:
    sources = table(path, facts, "tool", "pdm").get("source", [])
    urls = [str(one.get("url", "")) for one in sources if isinstance(one, dict)]
    return only_index(path, text, urls, TWO_INDEXES)
