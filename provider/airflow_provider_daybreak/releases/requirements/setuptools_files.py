"""``setup.cfg`` and ``setup.py``: what stands there as plain text, for nothing of the source is run to deploy it."""

from __future__ import annotations

import ast
import configparser
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import read_text
from airflow_provider_daybreak.releases.requirements.needs import Needs, required, strings, unknown_choice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_COMPILE = "uv pip compile --universal --generate-hashes --output-file requirements.txt {name}"


def read_setup_cfg(path: Path, chosen: Sequence[str] = ()) -> Needs | None:
    """
    Return what a ``setup.cfg`` says is needed, or None where it says nothing of that.

    :param chosen: extras that are needed too.
    :raises RequirementsError: it can't be read, or has no such extra.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    text = read_text(path)
    parser = configuration(path, text)
    said = parser.get("options", "install_requires", fallback="")
    if said.strip().startswith("file:"):
        raise RequirementsError(
            str(path), f"its dependencies are in {said.strip()[5:].strip()!r}. Name that in requirements."
        )
    items = listed(said)
    extras = dict(parser["options.extras_require"]) if parser.has_section("options.extras_require") else {}
    for name in chosen:
        if name not in extras:
            raise unknown_choice(path, name, extras)
        items += listed(extras[name])
    if not items:
        return None
    return Needs(required(path, text, items), parser.get("options", "python_requires", fallback="").strip())


def configuration(path: Path, text: str) -> configparser.ConfigParser:
    """
    Return what a ``setup.cfg`` says, its names as they are written.

    :raises RequirementsError: it can't be read.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says to keep case
    try:
        parser.read_string(text)
    except configparser.Error as error:
        problem = f"it can't be read: {str(error).splitlines()[0]}. Mend it, or remove it."
        raise RequirementsError(str(path), problem) from None  # its text quotes the line
    return parser


def read_setup_py(path: Path, chosen: Sequence[str] = ()) -> Needs | None:
    """
    Return what a ``setup.py`` says is needed, or None where it says nothing of that.

    :param chosen: extras that are needed too.
    :raises RequirementsError: only running it would tell, or it has no such extra.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    text = read_text(path)
    try:
        tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError):
        return None  # Python itself will say what is wrong with it
    values = values_of(tree)
    said: dict[str, Any] = {}
    for keyword in keywords_of(tree):
        if keyword.arg is None or keyword.arg in ("install_requires", "extras_require", "python_requires"):
            said[keyword.arg or "install_requires"] = _value(path, keyword.value, values)
    items = _texts(path, said.get("install_requires"), "install_requires")
    extras = said.get("extras_require") or {}
    if not isinstance(extras, dict):
        raise RequirementsError(str(path), "extras_require is no dict.")
    for name in chosen:
        if name not in extras:
            raise unknown_choice(path, name, extras)
        items += _texts(path, extras[name], f"the extra {name!r}")
    return Needs(required(path, text, items), str(said.get("python_requires") or "")) if items else None


def listed(said: str) -> list[str]:
    """Return the items of a list as ``setup.cfg`` writes it."""
    lines = said.splitlines() if "\n" in said else said.split(";") if " ;" not in said else [said]
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _texts(path: Path, value: Any, name: str) -> list[str]:
    if isinstance(value, str):
        return listed(value)
    return strings(path, list(value) if isinstance(value, (tuple, set)) else value, name)


def values_of(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what names at the top of the file stand for, where they are bound once."""
    bound: dict[str, list[ast.expr]] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    bound.setdefault(target.id, []).append(node.value)
    return {name: values[0] for name, values in bound.items() if len(values) == 1}


def _value(path: Path, node: ast.expr, values: dict[str, ast.expr]) -> Any:
    if isinstance(node, ast.Name) and node.id in values:
        node = values[node.id]
    try:
        return ast.literal_eval(node)
    except ValueError:
        problem = (
            f"line {node.lineno} finds out what is needed when it runs, and a deploy runs nothing of the source. Write "
            f"it as a list, or export it, and deploy requirements.txt with it: {_COMPILE.format(name=path.name)}. Where "
            "nothing is needed, an empty requirements.txt says so."
        )
        raise RequirementsError(str(path), problem) from None


def keywords_of(tree: ast.AST) -> Iterator[ast.keyword]:
    """Yield what a ``setup.py`` gives to ``setup()``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("setup", "setuptools.setup"):
            yield from node.keywords
