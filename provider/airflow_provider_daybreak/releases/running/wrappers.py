"""Shell scripts that call their script by a virtual environment beside it: in a run that is the release's."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.running.copying import opened_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.releases.release import Release

log = logging.getLogger(__name__)

_MOST_BYTES = 1 << 20
_PART_OF = re.compile(
    r"(?P<before>[^\s\"';&|()<>=`]*?)(?P<name>[\w.-]+)/bin/(?:activate|python[\d.]*)(?![\w/.-])"
)
_MADE = re.compile(r"-m\s+(?:venv|virtualenv)\b|\bvirtualenv\s|\buv\s+venv\b")


def answer_for_environments(release: Release, work: Path) -> None:
    """
    Put links to the release's environment where the source's shell scripts look for one of their own.

    ``source venv/bin/activate`` and ``.venv/bin/python report.py`` work then as they do by hand. A script that makes its
    environment itself is left alone: it would write into the release's.
    """
    with opened_folder(work) as folder:
        for place, before, name in _named(release):
            if _is_beside(before):
                if not os.path.lexists(work / name):
                    os.symlink(release.environment, name, dir_fd=folder)
            elif before.startswith("/") and not Path(f"{before}{name}/bin").exists():
                log.warning(
                    "%s asks for the environment %s%s, which this machine does not have. That of its release comes first on PATH: "
                    "leave the line out, or write %s/bin/activate, which is found", place, before, name, name,
                )  # fmt: skip


def _named(release: Release) -> Iterator[tuple[str, str, str]]:
    """Yield place, path before, and name of each environment that a shell script of the release names."""
    for file in release.manifest["files"]:
        if file["link"] or not file["path"].endswith((".sh", ".bash")) or file["bytes"] > _MOST_BYTES:
            continue
        text = (release.src / file["path"]).read_text(encoding="utf-8", errors="replace")
        if _MADE.search(text):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for match in _PART_OF.finditer(line.partition("#")[0]):
                before = match["before"]
                if before == "/" and line[: match.start()].endswith((")", '"', "'", "`")):
                    before = "./"  # "$(dirname "$0")"/venv
                yield f"{file['path']} line {number}", before, match["name"]


def _is_beside(before: str) -> bool:
    """Return whether a path begins where the script lies: there, or at what a variable names, which can hardly be elsewhere."""
    return before in ("", "./") or (before.startswith("$") and before.count("/") == 1)
