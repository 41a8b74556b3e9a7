"""Files that a script left, stored with the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ScriptOutputError
from airflow_provider_daybreak.releases.running.workspace import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_daybreak.releases.running.privileges import User
    from airflow_provider_daybreak.releases.running.workspace import Left, Workspace
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo


def all_like(command: str, patterns: Sequence[str], files: Callable[[str], Sequence[Left]]) -> dict[str, Left]:
    """Return the files that fit the patterns, by their path in the output or the working directory."""
    found: dict[str, Left] = {}
    for pattern in patterns:
        fitting = files(pattern)
        if not fitting:
            problem = f"it left no file like {pattern!r} in its output directory (DAYBREAK_OUTPUT_DIR)."
            raise ScriptOutputError(command, problem)
        found.update({left.name: left for left in fitting})
    return found


def store_left(space: Workspace, files: Mapping[str, Left], user: User | None) -> dict[str, ArtifactInfo]:
    """Store the files with the archive."""
    from airflow_provider_daybreak.context.archive import archive_of

    archive = archive_of()
    stored = {}
    for name, left in files.items():
        with opened(space, left, user) as file:
            stored[name] = archive.store_artifact(left.parts[-1], file).info()
    return stored
