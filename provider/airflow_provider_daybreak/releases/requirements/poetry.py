"""Poetry's own way of saying what is needed: ``[tool.poetry.dependencies]``, with carets and tildes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import TWO_INDEXES, Line
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

_KNOWN = frozenset({"version", "extras", "optional", "markers", "python", "platform"})
_EXAMPLE = "Expected one such as '^1.2', '~1.2', '>=1.2,<2' or '*'."


def says_something(poetry: dict[str, Any], chosen: Sequence[str]) -> bool:
    """Return whether ``[tool.poetry]`` asks for any package, or has the groups that are chosen."""
    dependencies = poetry.get("dependencies")
    asks = isinstance(dependencies, dict) and bool(dependencies.keys() - {"python"})
    return asks or bool(chosen and poetry.get("group"))


def read_poetry(path: Path, text: str, poetry: dict[str, Any], chosen: Sequence[str]) -> Needs:
    """
    Return what a project of Poetry needs.

    :param poetry: the table ``[tool.poetry]``.
    :param chosen: names of extras and groups that are needed too.
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
    for name, said in main.items():
        for one in said if isinstance(said, list) else [said]:
            optional = isinstance(one, dict) and one.get("optional")
            if not optional or canonicalize_name(name) in wanted:
                items.append(_requirement(path, text, name, one))
                written.append(name)
    requires = specifier(path, text, "python", str(python)) if python else ""
    return Needs(required(path, text, items, written=written), requires, index_of(path, text, poetry))


def index_of(path: Path, text: str, poetry: dict[str, Any]) -> str:
    """
    Return the one index of ``[[tool.poetry.source]]``, or "".

    :raises RequirementRefusedError: there are several.
    """
    sources = [one for one in poetry.get("source", []) if isinstance(one, dict)]
    urls = [str(one.get("url") or "https://pypi.org/simple") for one in sources]
    if any(one.get("priority") in ("supplemental", "secondary", "explicit") for one in sources):
        urls.append("https://pypi.org/simple")
    return only_index(path, text, urls, TWO_INDEXES)


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
    marker = f" ; {' and '.join(markers)}" if markers else ""
    return f"{name}{f'[{extras}]' if extras else ''}{version}{marker}"
