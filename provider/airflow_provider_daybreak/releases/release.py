"""A release: one immutable version of a deployed script, with the environment it runs in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import ReleaseDamagedError, ReleaseNotFoundError
from airflow_provider_daybreak.releases.environments.environment import id_of as environment_id_of
from airflow_provider_daybreak.releases.environments.environment import is_complete
from airflow_provider_daybreak.releases.files import read_json
from airflow_provider_daybreak.releases.layout import ids_in
from airflow_provider_daybreak.releases.projects.installed import Installed, installed_in
from airflow_provider_daybreak.releases.source import digest_of
from airflow_provider_daybreak.releases.switch import current_id, read_history

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airflow_provider_daybreak.releases.layout import Layout

MANIFEST = "MANIFEST.json"
SCHEMA = 1
_KEYS = {
    "created", "env_file", "environment", "files", "index", "index_conn_id", "input_sha256", "installer", "interpreter",
    "lock_sha256", "name", "only_binary", "provider_version", "python", "release", "requirements", "source",
    "source_sha256",
}  # fmt: skip

MADE_WITH = ("built", "index", "index_conn_id", "indexes", "only_binary", "projects", "python", "wheels")
"""What of a manifest says how another worker makes the release: with which interpreter, and from where."""
_SHAPES: Mapping[str, type] = {
    "files": list, "interpreter": dict, "lock_sha256": str, "environment": str, "installer": str, "name": str, "release": str,
    "created": str, "python": str, "index": str, "index_conn_id": str, "only_binary": bool, "env_file": str, "source": str,
    "built": list, "wheels": list, "indexes": list, "projects": list, "secrets": list,
}  # fmt: skip
_SHAPES_OF_FILES = {"path": str, "bytes": int, "sha256": str, "executable": bool, "link": str}


@dataclass(frozen=True)
class Release:
    """
    A release on this machine.

    :param layout: the folder of its name.
    :param id: sixteen hexadecimal digits, from all that it is made of.
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
    def installed(self) -> Installed:
        """What runs find of the projects in its source, as if they were installed."""
        return installed_in(self.path)

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


def problem_of(manifest: object) -> str:
    """Return why this is no manifest that can be used, or ""."""
    if not isinstance(manifest, dict):
        return "it is empty, cut off, or no JSON object"
    if manifest.get("schema") != SCHEMA:
        return f"it is of format {manifest.get('schema')!r}, and this version of Daybreak reads format {SCHEMA}"
    if missing := ", ".join(sorted(_KEYS - manifest.keys())):
        return f"it lacks {missing}"
    wrong = [key for key, shape in _SHAPES.items() if not isinstance(manifest.get(key, shape()), shape)]
    wrong += [key for key in ("files",) if not wrong and not all(map(_is_file, manifest[key]))]
    return f"{wrong[0]} has another shape than a deploy gives it" if wrong else ""


def _is_file(entry: object) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(key), shape) for key, shape in _SHAPES_OF_FILES.items()
    )


def find_release(layout: Layout, release_id: str) -> Release | None:
    """Return a release whose manifest is there and can be used, or None."""
    manifest = read_json(layout.release(release_id) / MANIFEST)
    return None if manifest is None or problem_of(manifest) else Release(layout, release_id, manifest)


def ready_release(layout: Layout, release_id: str) -> Release | None:
    """Return the release if it and its environment were made to their end on this machine, or else None."""
    release = find_release(layout, release_id)
    return release if release and is_complete(release.environment) else None


def is_ready(layout: Layout, release_id: str) -> bool:
    """Return whether the release and its environment were made to their end on this machine."""
    return ready_release(layout, release_id) is not None


def previous_id(layout: Layout) -> str | None:
    """Return the release to return to: the last one before the current that is still here and was not rolled back."""
    return next((one for one in reversed(read_history(layout).line[:-1]) if is_ready(layout, one)), None)


def id_of(environment_id: str, source_digest: str, made_with: Mapping[str, Any]) -> str:
    """
    Return the id of a release: sixteen hexadecimal digits.

    :param made_with: what :data:`MADE_WITH` names of it, and maybe more.
    """
    facts = [SCHEMA, environment_id, source_digest, {key: made_with.get(key) for key in MADE_WITH}]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def is_manifest_of(manifest: Mapping[str, Any], release_id: str) -> bool:
    """Return whether what a manifest says makes the release of that id, down to its lock and its files."""
    environment = environment_id_of(manifest["lock_sha256"], manifest["interpreter"], manifest["installer"])
    made = id_of(environment, digest_of(manifest["files"]), manifest)
    return (environment, made, release_id) == (manifest["environment"], release_id, manifest["release"])


def releases_of(layout: Layout) -> list[Release]:
    """Return the releases of a name that were made to their end, in no order that means anything."""
    return [release for one in ids_in(layout.releases) if (release := find_release(layout, one))]


def get_release(layout: Layout, release_id: str | None = None) -> Release:
    """
    Return a release, or the current one.

    :raises ReleaseNotFoundError: it is not here.
    :raises ReleaseDamagedError: its manifest can't be used.
    :raises InvalidValueError: the id is none.
    """
    wanted = current_id(layout) if release_id is None else release_id
    if wanted is not None:
        path = layout.release(wanted) / MANIFEST
        manifest = read_json(path)
        problem = problem_of(manifest)
        if manifest is not None and not problem:
            return Release(layout, wanted, manifest)
        if path.exists():
            raise ReleaseDamagedError(str(path), problem)
    raise ReleaseNotFoundError(layout.name, release_id or "", tuple(one.id for one in releases_of(layout)))
