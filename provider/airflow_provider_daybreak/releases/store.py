"""The place that several workers share: what each release is made of, and which of them is current."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import ReleaseNotFoundError, StoredReleaseError
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME
from airflow_provider_daybreak.releases.files import read_json
from airflow_provider_daybreak.releases.layout import ID
from airflow_provider_daybreak.releases.release import MANIFEST, id_of, problem_of
from airflow_provider_daybreak.releases.source import digest_of
from airflow_provider_daybreak.releases.switch import check_owner, entry_in

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Store:
    """
    The releases of one name, on a shared folder or object storage.

    ::

        <folder>/releases/<id>/src/…  requirements.lock  MANIFEST.json last
                 history/00000001.json  one a switch, created only where there is none

    :param folder: where they lie.
    """

    folder: StoragePath

    @property
    def name(self) -> str:
        """What the releases are deployed as."""
        return self.folder.name

    def publish(self, release: Release) -> None:
        """Put what the release is made of there, its manifest last. What is there already is left alone."""
        target = self.folder / "releases" / release.id
        if (target / MANIFEST).exists():
            return
        secrets = release.manifest.get("secrets", ())
        for file in release.manifest["files"]:
            if file["sha256"] and file["path"] not in secrets:  # neither a link nor a folder
                storage.create_if_absent(
                    _inside(target / "src", file["path"]), (release.src / file["path"]).read_bytes()
                )
        storage.create_if_absent(target / LOCK_NAME, (release.path / LOCK_NAME).read_bytes())
        storage.create_if_absent(target / MANIFEST, (release.path / MANIFEST).read_bytes())
        log.info("Release %s of %s is in the store for other workers", release.id, release.layout.name)

    def manifest(self, release_id: str) -> dict[str, Any]:
        """
        Return the manifest of a release, once it is known to be that of its id.

        :raises ReleaseNotFoundError: the store has no such release.
        :raises StoredReleaseError: it is not what its id says.
        """
        path = self.folder / "releases" / release_id / MANIFEST
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise ReleaseNotFoundError(self.name, release_id, tuple(self.release_ids())) from error
        except ValueError as error:
            raise StoredReleaseError(str(path), "it is no JSON") from error
        if problem := problem_of(manifest):
            raise StoredReleaseError(str(path), problem)
        source = digest_of(manifest["files"])
        if id_of(manifest["environment"], source) != release_id or manifest["name"] != self.name:
            raise StoredReleaseError(str(path), f"it is not that of release {release_id} of {self.name}")
        return manifest

    def lock(self, manifest: dict[str, Any]) -> str:
        """
        Return the text of the release's lock.

        :raises StoredReleaseError: it is not what the manifest says.
        """
        path = self.folder / "releases" / manifest["release"] / LOCK_NAME
        data = self._read(path)
        if hashlib.sha256(data).hexdigest() != manifest["lock_sha256"]:
            raise StoredReleaseError(str(path), "its content is not what its manifest says")
        return data.decode()

    def read(self, manifest: dict[str, Any], path: str) -> bytes:
        """
        Return a file of the release's source.

        :raises StoredReleaseError: it is not what the manifest says.
        """
        place = _inside(self.folder / "releases" / manifest["release"] / "src", path)
        data = self._read(place)
        if hashlib.sha256(data).hexdigest() not in {
            f["sha256"] for f in manifest["files"] if f["path"] == path
        }:
            raise StoredReleaseError(str(place), "its content is not what its manifest says")
        return data

    def entries(self) -> list[dict[str, Any]]:
        """Return the history that all workers share, oldest first."""
        return [self._entry(self.folder / "history" / name) for name in self._history()]

    def length(self) -> int:
        """Return how many entries the shared history has."""
        return len(self._history())

    def append(self, entry: dict[str, Any]) -> None:
        """
        Enter a switch after all others, however many workers do so at once.

        :raises OwnedByAnotherDagError: another Dag deployed under the name meanwhile.
        """
        number = len(self._history()) + 1
        while not storage.create_if_absent(path := self._place(number), json.dumps(entry).encode()):
            check_owner(self.name, self._entry(path).get("dag_id"), entry.get("dag_id", ""))
            number += 1

    def release_ids(self) -> list[str]:
        """Return the ids of the releases that are there, complete or not."""
        return [name for name in storage.names(self.folder / "releases") if ID.fullmatch(name)]

    def remove(self, release_id: str) -> None:
        """Remove what a release is made of, its manifest first."""
        top = self.folder / "releases" / release_id
        manifest = read_json(top / MANIFEST)
        if manifest is None or problem_of(manifest):
            return  # nothing tells which files it is made of, and a deploy of the same puts it there anew
        paths = [top / MANIFEST, top / LOCK_NAME]
        paths += [_inside(top / "src", file["path"]) for file in manifest["files"] if file["sha256"]]
        for path in paths:
            if path.exists():
                path.unlink()

    def _place(self, number: int) -> StoragePath:
        return self.folder / "history" / f"{number:08d}.json"

    def _history(self) -> list[str]:
        return [name for name in storage.names(self.folder / "history") if name.endswith(".json")]

    def _entry(self, path: StoragePath) -> dict[str, Any]:
        entry = entry_in(self._read(path))
        if entry is None:
            raise StoredReleaseError(str(path), "it is no entry of a history")
        return entry

    def _read(self, path: StoragePath) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise StoredReleaseError(str(path), "it is missing") from error


def _inside(folder: StoragePath, path: str) -> StoragePath:
    """Return the path under the folder: a manifest is not trusted to lead nowhere else."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "" in parts:
        raise StoredReleaseError(str(folder), f"its manifest names a file outside of it, {path!r}")
    return storage.below(folder, path)
