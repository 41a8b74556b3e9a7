"""What ``pyproject.toml`` says of its project, in the words of each build backend."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.projects.said import Points, Said
from airflow_provider_daybreak.releases.requirements.needs import table

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("console_scripts", "gui_scripts")

_COMPILING = (
    "maturin",
    "mesonpy",
    "scikit_build_core",
    "setuptools_rust",
    "py_build_cmake",
    "sipbuild",
    "enscons",
)
"""Build backends whose packages are made of other languages."""


def said_in_pyproject(path: Path, facts: dict[str, Any]) -> Said:
    """
    Return what a ``pyproject.toml`` says of its project.

    :param facts: what it says, as TOML.
    :raises RequirementsError: what it says can't be understood.
    """
    backend = str(table(path, facts, "build-system").get("build-backend", ""))
    managed = table(path, facts, "tool", "uv").get("package")
    standard = _standard(path, facts) if "project" in facts else Said()
    installed = bool(backend) or managed is True
    said = replace(standard, is_package=bool(standard.name) and installed).filled_by(_of_poetry(path, facts))
    return replace(
        said,
        version_in=_version_in(path, facts),
        roots=tuple(dict.fromkeys(_roots(path, facts))),
        folders=_folders(path, facts),
        build=_build(path, facts, backend),
        is_package=said.is_package and managed is not False,
    )


def _standard(path: Path, facts: dict[str, Any]) -> Said:
    project = table(path, facts, "project")
    requires = [str(one) for one in project.get("dependencies") or ()]
    for extra, items in table(path, project, "optional-dependencies").items():
        requires += [_for_extra(str(one), str(extra)) for one in items or ()]
    points: Points = {
        group: _texts(path, project, key)
        for key, group in zip(("scripts", "gui-scripts"), COMMANDS, strict=True)
    }
    for group in table(path, project, "entry-points"):
        points[group] = _texts(path, table(path, project, "entry-points"), group)
    return Said(
        name=str(project.get("name", "")),
        version=str(project.get("version", "")),
        summary=str(project.get("description", "")),
        python=str(project.get("requires-python", "")),
        requires=tuple(requires),
        points={group: names for group, names in points.items() if names},
    )


def _of_poetry(path: Path, facts: dict[str, Any]) -> Said:
    poetry = table(path, facts, "tool", "poetry")
    if not poetry:
        return Said()
    points: Points = {COMMANDS[0]: {}}
    files = []
    for name, what in table(path, poetry, "scripts").items():
        said = what if isinstance(what, dict) else {"reference": what, "type": "console"}
        if said.get("type") == "file":
            files.append(str(said.get("reference", "")))
        else:
            points[COMMANDS[0]][name] = str(said.get("reference", said.get("callable", "")))
    for group in table(path, poetry, "plugins"):
        points[group] = _texts(path, table(path, poetry, "plugins"), group)
    dependencies = table(path, poetry, "dependencies")
    return Said(
        name=str(poetry.get("name", "")),
        version=str(poetry.get("version", "")),
        summary=str(poetry.get("description", "")),
        requires=tuple(
            name for name, what in dependencies.items() if name != "python" and isinstance(what, str)
        ),
        points={group: names for group, names in points.items() if names},
        files=tuple(files),
        is_package=poetry.get("package-mode") is not False,
    )


def _for_extra(requirement: str, extra: str) -> str:
    head, _, marker = requirement.partition(";")
    return f"{head.strip()}; {f'({marker.strip()}) and ' if marker.strip() else ''}extra == '{extra}'"


def _texts(path: Path, facts: dict[str, Any], key: str) -> dict[str, str]:
    said = table(path, facts, key)
    if wrong := next((name for name, what in said.items() if not isinstance(what, str)), None):
        raise RequirementsError(str(path), f"{wrong!r} in {key} is no text, such as 'package.module:function'.")
    return {str(name): str(what) for name, what in said.items()}


def _roots(path: Path, facts: dict[str, Any]) -> list[str]:
    """Return the folders that packages are said to lie in, by whichever backend's table."""
    found: list[Any] = []
    setuptools = table(path, facts, "tool", "setuptools")
    found += (
        [table(path, setuptools, "package-dir")[""]] if "" in table(path, setuptools, "package-dir") else []
    )
    packages = setuptools.get("packages")
    where = table(path, packages, "find").get("where", []) if isinstance(packages, dict) else []
    found += [where] if isinstance(where, str) else where
    poetrys = table(path, facts, "tool", "poetry").get("packages") or []
    found += [one.get("from", "") for one in poetrys if isinstance(one, dict)]
    found += [table(path, facts, "tool", "pdm", "build").get("package-dir")]
    found += [table(path, facts, "tool", "uv", "build-backend").get("module-root")]
    hatch = table(path, facts, "tool", "hatch", "build")
    wheel = table(path, hatch, "targets", "wheel")
    sources = wheel.get("sources", hatch.get("sources", []))
    found += list(sources)
    found += [str(PurePosixPath(str(one)).parent) for one in wheel.get("packages", hatch.get("packages", []))]
    return [_folder(one) for one in found if isinstance(one, str)]


def _folders(path: Path, facts: dict[str, Any]) -> dict[str, str]:
    said = table(path, facts, "tool", "setuptools", "package-dir")
    return {str(name): _folder(str(where)) for name, where in said.items() if name}


def _folder(said: str) -> str:
    return "" if said.strip("./") == "" else str(PurePosixPath(said))


def _version_in(path: Path, facts: dict[str, Any]) -> str:
    said = table(path, facts, "tool", "setuptools", "dynamic").get("version")
    if isinstance(said, dict):
        return next(
            (f"{key}:{' '.join([value] if isinstance(value, str) else value)}" for key, value in said.items()),
            "",
        )
    hatch = table(path, facts, "tool", "hatch", "version").get("path")
    pdm = table(path, facts, "tool", "pdm", "version").get("path")
    written = table(path, facts, "tool", "setuptools_scm")
    generated = written.get("version_file", written.get("write_to"))
    generated = generated or table(path, facts, "tool", "hatch", "build", "hooks", "vcs").get("version-file")
    place = hatch or pdm or generated
    return f"file:{place}" if isinstance(place, str) else ""


def _build(path: Path, facts: dict[str, Any], backend: str) -> str:
    builder = backend.partition(".")[0]
    if builder in _COMPILING:
        return f"it is built by {builder}, from other languages"
    if table(path, facts, "tool", "setuptools").get("ext-modules"):
        return "it has extension modules (ext-modules), which are compiled"
    poetry = table(path, facts, "tool", "poetry").get("build")
    if poetry:
        return "a build script makes a part of it (build in [tool.poetry])"
    return ""
