"""What other tools' files say of a source's needs: not installed from, and so not passed over either."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import read_text
from airflow_provider_daybreak.releases.requirements.lockfiles import toml
from airflow_provider_daybreak.releases.requirements.metadata import has_metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import FileEntry, Source

_COMPILE = "uv pip compile --universal --generate-hashes --output-file requirements.txt {name}"
_CONDA = "pip list --format=freeze > requirements.txt (in its environment; take out what only conda has)"
_COMMANDS = {
    "poetry.lock": "poetry export --output requirements.txt",
    "pdm.lock": "pdm export --output requirements.txt",
    "Pipfile.lock": "pipenv requirements --hash > requirements.txt",
    "Pipfile": "pipenv lock && pipenv requirements --hash > requirements.txt",
    "conda-lock.yml": _CONDA,
    "environment.yml": _CONDA,
    "environment.yaml": _CONDA,
    "pixi.lock": _CONDA,
    "pixi.toml": _CONDA,
    "requirements.in": _COMPILE,
}
"""How what a file says is written as requirements, in the order in which the files are looked for."""

_TABLES = {
    ("tool", "poetry", "dependencies"): _COMMANDS["poetry.lock"],
    ("tool", "flit", "metadata", "requires"): _COMPILE.format(name="pyproject.toml"),
    ("tool", "hatch", "envs", "default", "dependencies"): "hatch dep show requirements > requirements.txt",
    ("tool", "pixi", "dependencies"): _CONDA,
    ("tool", "pixi", "pypi-dependencies"): _CONDA,
}
_INSTALLED_FROM = ("uv.lock", "pylock.toml", "requirements.txt")
_NAMED = re.compile(  # as in requirements-prod.txt, dev-requirements.txt and pylock.prod.toml
    r"(.*[-_.])?requirements([-_.].*)?\.(txt|in)|pylock\..+\.toml", re.IGNORECASE
)
_NOT_THE_SCRIPTS = frozenset({"doc", "docs", "example", "examples", "test", "tests"})
_LOCK = "Lock them with 'uv lock', and deploy uv.lock with it."
_NOTHING = "Where nothing is needed, an empty requirements.txt says so."


def check_nothing_is_needed(source: Source) -> None:
    """
    Make sure that no file of a source says what it needs, once nothing was found that can be installed from.

    :raises RequirementsError: one does; with the command that exports it.
    """
    for path, file in sorted(((PurePosixPath(one["path"]), one) for one in source.files), key=_rank):
        if _NOT_THE_SCRIPTS.intersection(path.parts[:-1]):
            continue
        if file["link"] and source.file_at(source.folder / path) is None:
            continue
        if problem := _problem(source.folder / path, path, executable=file["executable"]):
            raise RequirementsError(str(source.folder / path), problem)


def check_can_be_installed_from(path: Path) -> None:
    """
    Make sure that a file that was named in ``requirements`` is none that only another tool can install from.

    :raises RequirementsError: it is; with the command that exports it.
    """
    if path.name in _COMMANDS and path.name != "requirements.in":
        raise RequirementsError(str(path), _export(path.name))
    if path.name in _ASKS:
        raise RequirementsError(str(path), _exported_by(_COMPILE.format(name=path.name)))
    if path.name == "pyproject.toml":
        raise RequirementsError(str(path), problem_of_project(path) or _LOCK)


def problem_of_project(path: Path) -> str:
    """
    Return why what a ``pyproject.toml`` asks for can't be installed, or "" where it asks for nothing.

    :raises RequirementsError: it is no TOML.
    """
    facts = toml(str(path), read_text(path))
    project = facts.get("project", {})
    if isinstance(project, dict):
        if project.get("dependencies"):
            return f"its dependencies are not locked. {_LOCK}"
        if "dependencies" in _list(project.get("dynamic")):
            return f"its dependencies are found out when it is built. {_LOCK}"
    for keys, command in _TABLES.items():
        if _asks_for_packages(_at(facts, keys)):
            return _exported_by(command, what=".".join(keys))
    return _problem_of_groups(facts)


def problem_of_groups(path: Path) -> str:
    """
    Return why what a ``pyproject.toml`` has in groups can't be installed, or "" where it doesn't consist of them.

    :raises RequirementsError: it is no TOML.
    """
    return _problem_of_groups(toml(str(path), read_text(path)))


def _problem_of_groups(facts: dict[str, Any]) -> str:
    if not facts.get("dependency-groups") or "project" in facts:
        return ""
    command = "uv export --only-group GROUP --output-file requirements.txt"
    return _exported_by(command, what="a project of dependency-groups alone")


def _rank(file: tuple[PurePosixPath, FileEntry]) -> tuple[int, int, str]:
    path, names = file[0], [*_COMMANDS]
    return len(path.parts), names.index(path.name) if path.name in names else len(names), str(path)


def _problem(place: Path, path: PurePosixPath, *, executable: bool) -> str:
    """Return why the file at that path of the source says that something is needed, or ""."""
    deeper = len(path.parts) > 1
    if path.name in _COMMANDS:
        empty = path.name in ("poetry.lock", "pdm.lock") and "[[package]]" not in read_text(place)
        return "" if empty else _export(path.name)
    if path.name == "pyproject.toml":
        return problem_of_project(place)
    if path.name in _ASKS:
        return _exported_by(_COMPILE.format(name=path.name)) if _ASKS[path.name](place) else ""
    if path.name in _INSTALLED_FROM or _NAMED.fullmatch(path.name) or _is_in_their_folder(path):
        return f"it is not looked for. Name it: requirements={str(path)!r}. {_NOTHING}"
    script = path.suffix == ".py" if deeper else executable and not path.suffix
    if script and has_metadata(place):
        return f"it has metadata, and is not looked for. Name it: requirements={str(path)!r}. {_NOTHING}"
    return ""


def _is_in_their_folder(path: PurePosixPath) -> bool:
    return path.parent.name == "requirements" and path.suffix in (".txt", ".in")


def _export(name: str) -> str:
    return _exported_by(_COMMANDS[name].format(name=name))


def _exported_by(command: str, what: str = "it") -> str:
    return (
        f"{what} can't be installed from. Export it, and deploy requirements.txt with it: {command}. {_NOTHING}"
    )


def _asks_for_packages(value: object) -> bool:
    """Return whether a table or a list names anything but Python."""
    if isinstance(value, dict):
        return bool(value.keys() - {"python"})
    return bool(value)


def _at(facts: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        facts = facts.get(key) if isinstance(facts, dict) else None
    return facts


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _cfg_asks(path: Path) -> bool:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(path))
    except configparser.Error as error:
        problem = f"it can't be read: {str(error).splitlines()[0]}. Mend it, or remove it."
        raise RequirementsError(str(path), problem) from error
    return bool(parser.get("options", "install_requires", fallback="").strip())


def _setup_asks(path: Path) -> bool:
    """Return whether a ``setup.py`` may ask for packages: what it calls ``setup`` with is all that can be seen."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False  # Python itself will say what is wrong with it
    return any(
        keyword.arg is None or (keyword.arg == "install_requires" and not _is_empty(keyword.value))
        for keyword in _keywords(tree)
    )


def _keywords(tree: ast.AST) -> Iterator[ast.keyword]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("setup", "setuptools.setup"):
            yield from node.keywords


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, (ast.List, ast.Tuple)) and not node.elts


_ASKS = {"setup.cfg": _cfg_asks, "setup.py": _setup_asks}
