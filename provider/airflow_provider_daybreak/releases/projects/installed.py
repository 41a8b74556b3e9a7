"""What a release has of its projects beside the source: metadata by name, and commands that find their way by themselves."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases.files import protect, read_json
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
    for path, text in _contents(release / "src", projects).items():
        place = folder / path
        place.parent.mkdir(mode=0o755, exist_ok=True)
        local.write(place, text.encode(), mode=0o755 if place.parent.name == "bin" else 0o644)
    protect(folder)
    local.synchronise(folder)


def check_installed(release: Path, projects: Sequence[Project]) -> None:
    """
    Compare what a release has of its projects with what its source makes.

    :raises VerificationError: a file is missing, differs, or is new.
    """
    folder = release / FOLDER
    wanted = _contents(release / "src", projects) if projects else {}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    wrong = sorted(
        path for path, text in wanted.items() if path not in there or (folder / path).read_text() != text
    )
    wrong += sorted(there - wanted.keys())
    if wrong:
        explanation = "\n".join([*wrong, f"Remove {str(release)!r}, and deploy again: it is made anew."])
        raise VerificationError(f"Release {release.name}", "the comparison with its projects", explanation)


def _contents(src: Path, projects: Sequence[Project]) -> dict[str, str]:
    """Return all files of it by their paths, with what is in them."""
    commands: dict[str, str] = {}
    found: dict[str, str] = {}
    for project in reversed(projects):  # the source's own goes before those that it brings along
        commands |= _commands(project, src)
        found |= _metadata(project) if project.name else {}
    facts = {
        "projects": {one.name: one.version for one in projects if one.name},
        "roots": list(dict.fromkeys(root for one in projects for root in one.roots)),
        "commands": sorted(commands),
    }
    found |= {f"bin/{name}": text for name, text in commands.items()}
    return found | {_FACTS: json.dumps(facts, indent=2) + "\n"}


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


def _metadata(project: Project) -> dict[str, str]:
    info = f"lib/{re.sub(r'[-_.]+', '_', project.name).lower()}-{project.version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {project.name}", f"Version: {project.version}"]
    lines += [f"Summary: {project.summary}"] if project.summary else []
    lines += [f"Requires-Python: {_line(project.python)}"] if project.python else []
    lines += [f"Requires-Dist: {_line(without_credentials(one))}" for one in project.requires]
    points = [
        f"[{_line(group)}]\n" + "".join(f"{_line(name)} = {what}\n" for name, what in names.items())
        for group, names in project.points.items()
    ]
    found = {f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/INSTALLER": "daybreak\n"}
    return found | ({f"{info}/entry_points.txt": "\n".join(points)} if points else {})


def _line(text: str) -> str:
    return " ".join(text.split())
