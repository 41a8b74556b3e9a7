"""The projects of a source: what a tool would make of each by installing it, found out without running any of it."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ProjectBuildError, ProjectError, RequirementsError
from airflow_provider_daybreak.releases.projects.pyproject_toml import COMMANDS, said_in_pyproject
from airflow_provider_daybreak.releases.projects.setuptools_project import said_in_setup_cfg, said_in_setup_py
from airflow_provider_daybreak.releases.projects.versions import version_of
from airflow_provider_daybreak.releases.requirements.lines import read_text
from airflow_provider_daybreak.releases.requirements.lockfiles import toml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.releases.projects.said import Points, Said
    from airflow_provider_daybreak.releases.source import Source

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_COMMAND = re.compile(r"[\w+-][\w.+ -]*")
_OBJECT = re.compile(
    r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*)\s*(:\s*(?P<object>[^\W\d]\w*(\.[^\W\d]\w*)*))?\s*(\[.*\])?"
)
_COMPILED = (".so", ".pyd")


@dataclass(frozen=True)
class Project:
    """
    What installing a project would make.

    :param at: its folder in the source, "" for the source itself.
    :param name: its name, or "" where it has none: then there are roots alone.
    :param roots: folders of the source that its packages lie in, "" for the source itself.
    :param points: its entry points; commands are those of ``console_scripts`` and ``gui_scripts``.
    :param files: paths in the source of programs of its own that are commands too.
    """

    at: str
    name: str
    version: str
    summary: str
    python: str
    requires: tuple[str, ...]
    roots: tuple[str, ...]
    points: Points
    files: tuple[str, ...]

    @property
    def commands(self) -> dict[str, str]:
        """What each of its commands calls, as ``module:function``."""
        return {name: what for group in COMMANDS for name, what in self.points.get(group, {}).items()}


def read_project(source: Source, at: str = "") -> Project | None:
    """
    Return the project in a folder of a source, or None where there is none.

    What can't be read is told in the log and left out: the requirements may well be from another file.

    :raises ProjectBuildError: a part of it is made by a build alone, and is not there.
    :raises ProjectError: a command of it can't be one.
    """
    if not source.given.is_dir():
        return None
    inside = [path for one in source.files if (path := _within(one["path"], at)) is not None]
    said = _read(source, at)
    if said is None:
        return None
    roots = list(said.roots) or _usual_roots(said, inside)
    roots += [
        root
        for name, folder in said.folders.items()
        if (root := _root_of(source, at, name, folder)) not in roots
    ]
    if said.build and not any(path.endswith(_COMPILED) for path in inside):
        raise ProjectBuildError(str(source.folder / at), said.build)
    name = said.name if _NAME.fullmatch(said.name) else ""
    if not name and not roots:
        return None

    def text_of(path: str) -> str | None:
        place = source.folder / at / path
        try:
            return read_text(place) if source.file_at(place) else None
        except RequirementsError:
            return None  # what is no text says no version

    packages = sorted(
        {str(PurePosixPath(path).parent) for path in inside if path.endswith("/__init__.py")}, key=len
    )
    of_roots = [one for one in packages if any(_is_in(one, root) for root in roots or ("",))]
    return Project(
        at=at,
        name=name,
        version=version_of(said.version, said.version_in, packages=of_roots, roots=roots, text_of=text_of),
        summary=" ".join(said.summary.split()),
        python=said.python,
        requires=said.requires,
        roots=tuple(_joined(at, root) for root in dict.fromkeys(roots)),
        points=_checked(source, at, said.points),
        files=tuple(
            _joined(at, path) for path in said.files if source.file_at(source.folder / _joined(at, path))
        ),
    )


def read_projects(source: Source, places: Sequence[str] = ("",)) -> list[Project]:
    """
    Return the projects in these folders of a source.

    :raises ProjectBuildError: a part of one is made by a build alone, and is not there.
    :raises ProjectError: a command of one can't be one.
    """
    return [found for at in dict.fromkeys(places) if (found := read_project(source, at))]


def _read(source: Source, at: str) -> Said | None:
    """Return what all files of a project say, each of what those before it leave open; None where there are none."""
    said = None
    for name in ("pyproject.toml", "setup.cfg", "setup.py"):
        path = source.folder / at / name
        if source.file_at(path) is None:
            continue
        try:
            if name == "pyproject.toml":
                one = said_in_pyproject(path, toml(str(path), read_text(path)))
            else:
                one = said_in_setup_cfg(path) if name == "setup.cfg" else said_in_setup_py(path)
        except RequirementsError as error:
            log.warning("The project that it says is not found by its name: %s", error)
            continue
        said = said.filled_by(one) if said else one
    return said


def _usual_roots(said: Said, inside: Sequence[str]) -> list[str]:
    roots = ["src"] if any(path.startswith("src/") and path.endswith(".py") for path in inside) else []
    flat = said.is_package or bool(said.points)
    return roots or ([""] if flat else [])


def _root_of(source: Source, at: str, name: str, folder: str) -> str:
    """Return the folder that a package is found in, where it lies in one of its name."""
    parts, wanted = PurePosixPath(folder).parts, tuple(name.split("."))
    if parts[-len(wanted) :] != wanted:
        problem = (
            f"its package {name!r} lies in {folder!r}, and a build alone would put it into a folder of its name"
        )
        raise ProjectBuildError(str(source.folder / at), problem)
    return "/".join(parts[: -len(wanted)])


def _checked(source: Source, at: str, points: Points) -> Points:
    for group, names in points.items():
        for name, what in names.items():
            found = _OBJECT.fullmatch(what.strip())
            if group in COMMANDS and (found is None or not found["object"] or not _COMMAND.fullmatch(name)):
                raise ProjectError(str(source.folder / at), f"{name} = {what}")
    return {
        group: {name: " ".join(what.split()) for name, what in names.items()}
        for group, names in points.items()
        if names
    }


def _within(path: str, at: str) -> str | None:
    if not at:
        return path
    return path[len(at) + 1 :] if path.startswith(f"{at}/") else None


def _joined(at: str, path: str) -> str:
    return "/".join(part for part in (at, *PurePosixPath(path).parts) if part not in ("", "."))


def _is_in(folder: str, root: str) -> bool:
    return not root or folder.startswith(f"{root}/")
