"""Files that a script left, stored with the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.running.workspace import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.releases.running.privileges import User
    from airflow_provider_daybreak.releases.running.workspace import Left, Workspace
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo


def store_left(space: Workspace, files: Mapping[str, Left], user: User | None) -> dict[str, ArtifactInfo]:
    """Store the files with the archive."""
    from airflow_provider_daybreak.context.archive import archive_of

    archive = archive_of()
    stored = {}
    for name, left in files.items():
        with opened(space, left, user) as file:
            stored[name] = archive.store_artifact(left.parts[-1], file).info()
    return stored
