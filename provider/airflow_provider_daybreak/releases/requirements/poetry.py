"""Poetry's own way of saying what is needed: ``[tool.poetry.dependencies]``, with carets and tildes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.choosing import PYPI, Choosing, FromIndex, NamedIndex
from airflow_provider_daybreak.releases.requirements.lines import Line, index_url
from airflow_provider_daybreak.releases.requirements.needs import (
    Needs,
    joined,
    line_with,
    required,
    strings,
    table,
    unknown_choice,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_KNOWN = frozenset(
    {"version", "extras", "optional", "markers", "python", "platform", "source", "allow-prereleases"}
)
_EXAMPLE = "Expected one such as '^1.2', '~1.2', '>=1.2,<2' or '*'."


def says_something(poetry: dict[str, Any], chosen: Sequence[str]) -> bool:
    """Return whether ``[tool.poetry]`` asks for any package, or has the groups that are chosen."""
    dependencies = poetry.get("dependencies")
    asks = isinstance(dependencies, dict) and bool(dependencies.keys() - {"python"})
    return asks or bool(chosen and poetry.get("group"))


def read_poetry(
    path: Path,
    text: str,
    poetry: dict[str, Any],
    chosen: Sequence[str],
    folder: Callable[[str, Sequence[str], Line], Needs],
) -> Needs:
    """
    Return what a project of Poetry needs.

    :param poetry: the table ``[tool.poetry]``.
    :param chosen: names of extras and groups that are needed too.
    :param folder: returns what the project in a folder of the source needs, by its path, its extras and the line.
    :raises RequirementsError: a version can't be read, or there is no such extra or group.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    main = table(path, poetry, "dependencies")
    extras, groups = table(path, poetry, "extras"), table(path, poetry, "group")
    python = main.pop("python", "")
    wanted: set[str] = set()
    for name in chosen:
        if name in extras:
            wanted |= {canonicalize_name(one) for one in strings(path, extras[name], f"the extra {name!r}")}
        elif name in groups:
            main |= table(path, groups, name, "dependencies")
        else:
            raise unknown_choice(path, name, (*extras, *groups))
    items, written = [], []
    local = Needs()
    for name, said in main.items():
        for one in said if isinstance(said, list) else [said]:
            optional = isinstance(one, dict) and one.get("optional")
            if optional and canonicalize_name(name) not in wanted:
                continue
            if isinstance(one, dict) and "path" in one:
                place = Line(str(path), line_with(text, name), name)
                local = joined(
                    local, folder(str(one["path"]), strings(path, one.get("extras"), "extras"), place)
                )
            else:
                items.append(_requirement(path, text, name, one))
                written.append(name)
    requires = specifier(path, text, "python", str(python)) if python else ""
    default, choosing = indexes_of(path, text, poetry)
    choosing = from_indexes(path, text, main, choosing, default)
    needs = Needs(required(path, text, items, written=written), requires, default, choosing=choosing)
    return joined(needs, local)


def indexes_of(path: Path, text: str, poetry: dict[str, Any]) -> tuple[str, Choosing]:
    """
    Return the default index of ``[[tool.poetry.source]]``, or "", and those beside it in Poetry's order.

    :raises RequirementRefusedError: the address of one can't be used.
    """
    primary: list[NamedIndex] = []
    supplemental: list[NamedIndex] = []
    explicit: list[NamedIndex] = []
    for one in poetry.get("source", []):
        if not isinstance(one, dict):
            raise RequirementsError(str(path), "source in [tool.poetry] is no list of tables.")
        url = str(one.get("url") or PYPI)
        index_url(Line(str(path), line_with(text, url), url), url)
        priority = one.get("priority", "supplemental" if one.get("secondary") else "primary")
        of_kind = {"explicit": explicit, "supplemental": supplemental, "secondary": supplemental}
        of_kind.get(str(priority), primary).append(
            NamedIndex(url, str(one.get("name", "")), explicit=priority == "explicit")
        )
    ordered = [*(primary or [NamedIndex(PYPI)]), *supplemental]
    default = ordered[-1].url
    return "" if default.rstrip("/") == PYPI else default, Choosing(indexes=(*ordered[:-1], *explicit))


def from_indexes(path: Path, text: str, main: dict[str, Any], choosing: Choosing, default: str) -> Choosing:
    """
    Return it with the packages that are said to be from one of the indexes.

    :raises RequirementRefusedError: one is from an index that there is not.
    """
    urls = {one.name: one.url for one in choosing.indexes}
    found = []
    for name, said in main.items():
        for one in said if isinstance(said, list) else [said]:
            if not isinstance(one, dict) or "source" not in one:
                continue
            if one["source"] in urls:
                found.append(FromIndex(canonicalize_name(name), urls[one["source"]]))
            elif not default:
                problem = f"there is no source {one['source']!r} in [tool.poetry] that it could be from."
                raise Line(str(path), line_with(text, name), name).refused(problem)
    used = {one.url for one in found}
    indexes = tuple(one for one in choosing.indexes if not one.explicit or one.url in used)
    return replace(choosing, indexes=indexes, sources=tuple(found))


def specifier(path: Path, text: str, name: str, said: str) -> str:
    """
    Return a version of Poetry's as a version specifier (PEP 440): ``^1.2`` becomes ``>=1.2,<2``.

    :raises RequirementRefusedError: it can't be said so.
    """
    refused = Line(str(path), line_with(text, name), f"{name} = {said!r}").refused
    if "||" in said or " or " in said:
        raise refused(f"a choice of versions can't be locked. {_EXAMPLE}")
    parts = [part for part in re.split(r"\s*,\s*|\s+(?=[<>=!~^])", said.strip()) if part]
    found = []
    for part in parts:
        operator, _, version = re.fullmatch(r"(===?|!=|<=|>=|~=|<|>|\^|~|)(\s*)(.*)", part).groups()  # type: ignore[union-attr]  # it fits any text
        if not re.fullmatch(r"v?\d[\w.+!-]*(\.\*)?|\*", version):
            raise refused(f"its version can't be read. {_EXAMPLE}")
        if version == "*":
            continue
        if operator in ("^", "~"):
            found += [f">={version}", f"<{_next(version, caret=operator == '^')}"]
        else:
            found.append(f"{operator or '=='}{version}")
    return ",".join(found)


def _next(version: str, *, caret: bool) -> str:
    """Return the first version that is too new: after the first number that isn't 0, or for a tilde after the second."""
    numbers = [int(number) for number in re.findall(r"\d+", re.match(r"v?([\d.]+)", version)[1])]  # type: ignore[index]  # it begins with a number
    if caret:
        place = next((n for n, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        place = min(1, len(numbers) - 1)
    kept = numbers[: place + 1]
    return ".".join(map(str, [*kept[:-1], kept[-1] + 1]))


def _requirement(path: Path, text: str, name: str, said: Any) -> str:
    if isinstance(said, str):
        return f"{name}{specifier(path, text, name, said)}"
    place = Line(str(path), line_with(text, name), name)
    if not isinstance(said, dict):
        raise RequirementsError(str(path), f"{name!r} has neither a version nor a table.")
    if unknown := sorted(said.keys() - _KNOWN):
        raise place.refused(
            f"{unknown[0]!r} is not honoured here. Known are {', '.join(sorted(_KNOWN))}: publish the package, or export "
            "what is locked with: poetry export --output requirements.txt."
        )
    extras = ",".join(strings(path, said.get("extras"), f"extras of {name}"))
    markers = [f"({said['markers']})"] if said.get("markers") else []
    if said.get("python"):
        limits = specifier(path, text, name, str(said["python"])).split(",")
        markers += [
            f"python_full_version {one[: len(one) - len(one.lstrip('<>=!~'))]} '{one.lstrip('<>=!~')}'"
            for one in limits
            if one
        ]
    if said.get("platform"):
        markers.append(f"sys_platform == '{said['platform']}'")
    version = specifier(path, text, name, str(said.get("version", "*")))
    if said.get("allow-prereleases"):
        version = f"{version}{',' if version else ''}>=0.dev0"  # which asks for what comes before a release too
    marker = f" ; {' and '.join(markers)}" if markers else ""
    return f"{name}{f'[{extras}]' if extras else ''}{version}{marker}"
