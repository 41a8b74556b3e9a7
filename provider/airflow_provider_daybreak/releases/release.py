"""A release: one immutable version of a deployed script, with the environment it runs in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import ReleaseNotFoundError
from airflow_provider_daybreak.releases.environment import is_complete
from airflow_provider_daybreak.releases.files import read_json
from airflow_provider_daybreak.releases.layout import ID
from airflow_provider_daybreak.releases.switch import current_id, read_history

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_daybreak.releases.layout import Layout

MANIFEST = "MANIFEST.json"
SCHEMA = 1


@dataclass(frozen=True)
class Release:
    """
    A release on this machine.

    :param layout: the folder of its name.
    :param id: sixteen hexadecimal digits, from its environment and its source.
    :param manifest: what MANIFEST.json says.
    """

    layout: Layout
    id: str
    manifest: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Its folder."""
        return self.layout.release(self.id)

    @property
    def src(self) -> Path:
        """The script's files."""
        return self.path / "src"

    @property
    def environment_id(self) -> str:
        """Id of the environment it runs in."""
        return str(self.manifest["environment"])

    @property
    def environment(self) -> Path:
        """Folder of the environment it runs in."""
        return self.layout.environment(self.environment_id)

    @property
    def python(self) -> Path:
        """
        The environment's interpreter.

        Not resolved: what it leads to is an interpreter that knows nothing of the environment.
        """
        return self.environment / "bin" / "python"

    @property
    def lock_sha256(self) -> str:
        """Digest of the lock."""
        return str(self.manifest["lock_sha256"])


def is_ready(layout: Layout, release_id: str) -> bool:
    """Return whether the release and its environment were made to their end on this machine."""
    manifest = read_json(layout.release(release_id) / MANIFEST)
    return manifest is not None and is_complete(layout.environment(manifest["environment"]))


def previous_id(layout: Layout) -> str | None:
    """Return the release to return to: the last one before the current that is still here and was not rolled back."""
    return next((one for one in reversed(read_history(layout).line[:-1]) if is_ready(layout, one)), None)


def id_of(environment_id: str, source_digest: str) -> str:
    """Return the id of the release that an environment and a source make: sixteen hexadecimal digits."""
    facts = [SCHEMA, environment_id, source_digest]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def releases_of(layout: Layout) -> list[Release]:
    """Return the complete releases of a name, in no order that means anything."""
    try:
        ids = sorted(path.name for path in layout.releases.iterdir() if ID.fullmatch(path.name))
    except FileNotFoundError:
        return []
    found = ((one, read_json(layout.release(one) / MANIFEST)) for one in ids)
    return [Release(layout, one, manifest) for one, manifest in found if manifest is not None]


def get_release(layout: Layout, release_id: str | None = None) -> Release:
    """
    Return a release, or the current one.

    :raises ReleaseNotFoundError: it is not here.
    :raises InvalidValueError: the id is none.
    """
    wanted = current_id(layout) if release_id is None else release_id
    if wanted is not None:
        manifest = read_json(layout.release(wanted) / MANIFEST)
        if manifest is not None:
            return Release(layout, wanted, manifest)
    raise ReleaseNotFoundError(layout.name, release_id or "", tuple(one.id for one in releases_of(layout)))
