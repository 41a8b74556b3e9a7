"""What ``setup.cfg`` and ``setup.py`` say of their project, as far as they say it without being run."""

from __future__ import annotations

import ast
import configparser
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.releases.projects.said import Points, Said
from airflow_provider_daybreak.releases.requirements.lines import read_text
from airflow_provider_daybreak.releases.requirements.setuptools_files import (
    configuration,
    keywords_of,
    listed,
    values_of,
)

if TYPE_CHECKING:
    from pathlib import Path

_COMPILED = ("ext_modules", "cffi_modules", "rust_extensions", "libraries")
_UNKNOWN = object()
"""Stands for what only running ``setup.py`` would tell."""


def said_in_setup_cfg(path: Path) -> Said:
    """
    Return what a ``setup.cfg`` says of its project.

    :raises RequirementsError: it can't be read.
    """
    parser = configuration(path, read_text(path))

    def get(section: str, *names: str) -> str:
        return next((found.strip() for name in names if (found := parser.get(section, name, fallback=""))), "")

    version = get("metadata", "version")
    somewhere = version.startswith(("attr:", "file:"))
    roots, folders = _taken_apart(_pairs(get("options", "package_dir", "package-dir")))
    where = get("options.packages.find", "where")
    points = {}
    if parser.has_section("options.entry_points"):
        points = {group: _pairs(said) for group, said in parser["options.entry_points"].items()}
    return Said(
        name=get("metadata", "name"),
        version="" if somewhere else version,
        version_in="".join(version.split(" ", 1)) if somewhere else "",
        summary=get("metadata", "description", "summary"),
        python=get("options", "python_requires", "python-requires"),
        requires=tuple(listed(get("options", "install_requires", "install-requires"))),
        points=points,
        files=tuple(listed(get("options", "scripts"))),
        roots=(*roots, *listed(where)),
        folders=folders,
        is_package=bool(get("metadata", "name")),
    )


def said_in_setup_py(path: Path) -> Said:
    """
    Return what a ``setup.py`` says of its project. What only running it would tell is left out.

    :raises RequirementsError: it can't be read.
    """
    try:
        tree = ast.parse(read_text(path).removeprefix("\ufeff"))
    except (SyntaxError, ValueError):
        return Said()  # Python itself will say what is wrong with it
    values = values_of(tree)
    said: dict[str, Any] = {}
    calls = list(keywords_of(tree))
    for keyword in calls:
        value = _value(keyword.value, values)
        if keyword.arg is None:
            said |= value if isinstance(value, dict) else {}
        else:
            said[keyword.arg] = value
    if not calls:
        return Said()
    roots, folders = _taken_apart(_as_dict(said.get("package_dir")))
    roots += _searched(tree)
    compiled = next((one for one in _COMPILED if said.get(one)), "")
    return Said(
        name=_text(said.get("name")),
        version=_text(said.get("version")),
        summary=_text(said.get("description")),
        python=_text(said.get("python_requires")),
        requires=tuple(_texts(said.get("install_requires"))),
        points=_points(said.get("entry_points")),
        files=tuple(_texts(said.get("scripts"))),
        roots=tuple(roots),
        folders=folders,
        build=f"it has {compiled}, which are compiled" if compiled else "",
        is_package=bool(_text(said.get("name"))),
    )


def _pairs(said: str) -> dict[str, str]:
    """Return ``name = value`` lines, as ``setup.cfg`` and texts of ``entry_points`` have them."""
    found = {}
    for line in said.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.strip().startswith(("#", ";")):
            found[name.strip()] = value.strip()
    return found


def _points(said: Any) -> Points:
    if isinstance(said, str):
        parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of commands keep their case
        try:
            parser.read_string(said)
        except configparser.Error:
            return {}
        return {group: dict(parser[group]) for group in parser.sections()}
    return {
        str(group): _pairs("\n".join([items] if isinstance(items, str) else _texts(items)))
        for group, items in _as_dict(said).items()
    }


def _taken_apart(said: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the root that a ``package_dir`` names, and the folders of packages by themselves."""
    roots = [str(PurePosixPath(said[""])) if said[""].strip("./") else ""] if "" in said else []
    return roots, {name: str(PurePosixPath(where)) for name, where in said.items() if name}


def _searched(tree: ast.AST) -> list[str]:
    """Return the folders in which ``find_packages`` looks."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "find_packages", "find_namespace_packages",
        ):  # fmt: skip
            where = [*node.args[:1], *(one.value for one in node.keywords if one.arg == "where")]
            found += [
                one.value for one in where if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
    return [str(PurePosixPath(one)) for one in found if one.strip("./")]


def _value(node: ast.expr, values: dict[str, ast.expr]) -> Any:
    """Return what stands there, as far as it is written out: parts of a dict or list that are not are left out."""
    if isinstance(node, ast.Name) and node.id in values and values[node.id] is not node:
        return _value(values[node.id], {name: one for name, one in values.items() if name != node.id})
    if isinstance(node, ast.Dict):
        pairs = [
            (_value(key, values), _value(one, values))
            for key, one in zip(node.keys, node.values, strict=True)
            if key
        ]
        return {key: value for key, value in pairs if isinstance(key, str) and value is not _UNKNOWN}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(one, values) for one in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return listed(value)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
