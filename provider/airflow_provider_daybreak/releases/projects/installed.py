"""What a release has of its projects beside the source: metadata by name, and commands that find their way by themselves."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.files import protect, read_json, write_json
from airflow_provider_daybreak.releases.requirements.addresses import without_credentials
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.projects.project import Project

FOLDER = "installed"
_FACTS = "PROJECTS.json"
# A shell finds the Python beside the release, wherever that lies and however long its path is; Python then reads the
# same file, for which the shell's lines are a text.
_HEAD = """\
#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0")")/../../environment/bin/python" "$0" "$@"
' '''
"""
_COMMAND = """\
import sys
from {module} import {top}
if __name__ == "__main__":
    sys.exit({function}())
"""
_FILE = """\
import os, runpy, sys
path = os.path.join(os.environ.get("DAYBREAK_WORK_DIR", os.getcwd()), {path!r})
sys.argv[0] = path
sys.path[0] = os.path.dirname(path)
runpy.run_path(path, run_name="__main__")
"""
_PROGRAM = '#!/bin/sh\nexec {program} "${{DAYBREAK_WORK_DIR:-$PWD}}"/{path} "$@"\n'


@dataclass(frozen=True)
class Installed:
    """
    What a run of a release finds of its projects.

    :param roots: folders of the source that are on the path of modules.
    :param library: folder of their metadata, or None.
    :param commands: folder of their commands, or None.
    """

    roots: tuple[str, ...] = ()
    library: Path | None = None
    commands: Path | None = None


def installed_in(release: Path) -> Installed:
    """Return what is there of a release's projects."""
    folder = release / FOLDER
    facts = read_json(folder / _FACTS) or {}
    roots = facts.get("roots")
    return Installed(
        roots=tuple(roots) if isinstance(roots, list) else (),
        library=folder / "lib" if facts.get("projects") else None,
        commands=folder / "bin" if facts.get("commands") else None,
    )


def write_installed(release: Path, projects: Sequence[Project]) -> None:
    """Write it beside the source of a release that is being made."""
    if not projects:
        return
    folder = release / FOLDER
    for each in (folder, folder / "lib", folder / "bin"):
        each.mkdir(mode=0o755)
    commands: dict[str, str] = {}
    for project in reversed(projects):  # the source's own goes before those that it brings along
        commands |= _commands(project, release / "src")
        if project.name:
            _write_metadata(folder / "lib", project)
    for name, text in commands.items():
        local.write(folder / "bin" / name, text.encode(), mode=0o755)
    facts = {
        "projects": {one.name: one.version for one in projects if one.name},
        "roots": list(dict.fromkeys(root for one in projects for root in one.roots)),
        "commands": sorted(commands),
    }
    write_json(folder / _FACTS, facts)
    protect(folder)
    local.synchronise(folder)


def _commands(project: Project, src: Path) -> dict[str, str]:
    found = {}
    for path in project.files:
        first = (src / path).read_bytes().partition(b"\n")[0]
        of_python = b"python" in first or path.endswith(".py")
        program = (
            shlex.join(first[2:].decode("utf-8", "replace").split(None, 1)) if first[:2] == b"#!" else "/bin/sh"
        )
        others = _PROGRAM.format(program=program, path=shlex.quote(path))
        found[path.rpartition("/")[2]] = _HEAD + _FILE.format(path=path) if of_python else others
    for name, what in project.commands.items():
        module, _, function = re.sub(r"\[.*\]|\s", "", what).partition(":")
        text = _COMMAND.format(module=module, top=function.partition(".")[0], function=function)
        found[name] = _HEAD + text
    return found


def _write_metadata(library: Path, project: Project) -> None:
    info = library / f"{re.sub(r'[-_.]+', '_', project.name).lower()}-{project.version}.dist-info"
    info.mkdir(mode=0o755)
    lines = ["Metadata-Version: 2.1", f"Name: {project.name}", f"Version: {project.version}"]
    lines += [f"Summary: {project.summary}"] if project.summary else []
    lines += [f"Requires-Python: {_line(project.python)}"] if project.python else []
    lines += [f"Requires-Dist: {_line(without_credentials(one))}" for one in project.requires]
    local.write(info / "METADATA", ("\n".join(lines) + "\n").encode(), mode=0o644)
    points = [
        f"[{_line(group)}]\n" + "".join(f"{_line(name)} = {what}\n" for name, what in names.items())
        for group, names in project.points.items()
    ]
    if points:
        local.write(info / "entry_points.txt", "\n".join(points).encode(), mode=0o644)
    local.write(info / "INSTALLER", b"daybreak\n", mode=0o644)


def _line(text: str) -> str:
    return " ".join(text.split())
