"""What other tools' files say of a source's needs: not installed from, and so not passed over either."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import read_text
from airflow_provider_daybreak.releases.requirements.lockfiles import toml
from airflow_provider_daybreak.releases.requirements.needs import Needs
from airflow_provider_daybreak.releases.requirements.pyproject import PROJECT_FILES, read_pyproject
from airflow_provider_daybreak.releases.requirements.scripts import NOT_THE_SCRIPTS
from airflow_provider_daybreak.releases.requirements.setuptools_files import read_setup_cfg, read_setup_py

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import FileEntry, Source

_COMPILE = "uv pip compile --universal --generate-hashes --output-file requirements.txt {name}"
_CONDA = "pip list --format=freeze > requirements.txt (in its environment; take out what only conda has)"
_COMMANDS = {
    "conda-lock.yml": _CONDA,
    "pixi.lock": _CONDA,
    "pixi.toml": _CONDA,
}
"""How what a file says is written as requirements, in the order in which the files are looked for."""

_TABLES = {
    ("tool", "flit", "metadata", "requires"): _COMPILE.format(name="pyproject.toml"),
    ("tool", "hatch", "envs", "default", "dependencies"): "hatch dep show requirements > requirements.txt",
    ("tool", "pixi", "dependencies"): _CONDA,
    ("tool", "pixi", "pypi-dependencies"): _CONDA,
}
_INSTALLED_FROM = (
    "uv.lock", "pylock.toml", "requirements.txt", "requirements.in", "Pipfile", "Pipfile.lock", "environment.yml",
    "environment.yaml",
)  # fmt: skip
_LOCK_ALONE = {
    "poetry.lock": "poetry export --output requirements.txt",
    "pdm.lock": "pdm export --output requirements.txt",
}
_NAMED = re.compile(  # as in requirements-prod.txt, dev-requirements.txt and pylock.prod.toml
    r"(.*[-_.])?requirements([-_.].*)?\.(txt|in)|pylock\..+\.toml", re.IGNORECASE
)
_NOTHING = "Where nothing is needed, an empty requirements.txt says so."


def check_nothing_is_needed(source: Source) -> None:
    """
    Make sure that no file of a source says what it needs, once nothing was found that can be installed from.

    :raises RequirementsError: one does; with the command that exports it.
    """
    for path, file in sorted(((PurePosixPath(one["path"]), one) for one in source.files), key=_rank):
        if NOT_THE_SCRIPTS.intersection(path.parts[:-1]):
            continue
        if file["link"] and source.file_at(source.folder / path) is None:
            continue
        if problem := _problem(source.folder / path, path):
            raise RequirementsError(str(source.folder / path), problem)


def check_can_be_installed_from(path: Path) -> None:
    """
    Make sure that a file that was named in ``requirements`` is none that only another tool can install from.

    :raises RequirementsError: it is; with the command that exports it.
    """
    if path.name in _COMMANDS:
        raise RequirementsError(str(path), _exported_by(_COMMANDS[path.name]))
    if path.name in _LOCK_ALONE:
        raise RequirementsError(
            str(path), "it is read with what it was made of: say requirements='pyproject.toml'."
        )


def _problem_of_project(path: Path) -> str:
    facts = toml(str(path), read_text(path))
    for keys, command in _TABLES.items():
        if _asks_for_packages(_at(facts, keys)):
            return _exported_by(command, what=".".join(keys))
    return ""


def _rank(file: tuple[PurePosixPath, FileEntry]) -> tuple[int, int, str]:
    path, names = file[0], [*_COMMANDS]
    return len(path.parts), names.index(path.name) if path.name in names else len(names), str(path)


def _problem(place: Path, path: PurePosixPath) -> str:
    """Return why the file at that path of the source says that something is needed, or ""."""
    deeper = len(path.parts) > 1
    if path.name in _COMMANDS:
        return _exported_by(_COMMANDS[path.name])
    if path.name in _LOCK_ALONE:
        locked = not place.with_name("pyproject.toml").exists() and "[[package]]" in read_text(place)
        return _exported_by(_LOCK_ALONE[path.name]) if locked else ""
    if path.name in PROJECT_FILES:
        return _problem_of_what_asks(place, path, deeper=deeper)
    if path.name in _INSTALLED_FROM or _NAMED.fullmatch(path.name) or _is_in_their_folder(path):
        return f"it is not looked for. Name it: requirements={str(path)!r}. {_NOTHING}"
    return ""


def _problem_of_what_asks(place: Path, path: PurePosixPath, *, deeper: bool) -> str:
    if path.name == "pyproject.toml" and (problem := _problem_of_project(place)):
        return problem
    if not deeper:
        return ""  # it was read, and asks for nothing
    try:
        if path.name == "pyproject.toml":
            asks = read_pyproject(place, (), lambda other: other if other.is_file() else None)
        else:
            asks = read_setup_cfg(place) if path.name == "setup.cfg" else read_setup_py(place)
    except (RequirementsError, RequirementRefusedError):
        asks = Needs()  # whoever names it reads why it can't be deployed
    return f"it is not looked for. Name it: requirements={str(path)!r}. {_NOTHING}" if asks is not None else ""


def _is_in_their_folder(path: PurePosixPath) -> bool:
    return path.parent.name == "requirements" and path.suffix in (".txt", ".in")


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
