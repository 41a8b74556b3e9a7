"""The place that several workers share: what each release is made of, and which of them is current."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import ReleaseNotFoundError, StoredReleaseError
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME
from airflow_provider_daybreak.releases.files import read_json
from airflow_provider_daybreak.releases.layout import ID
from airflow_provider_daybreak.releases.release import MANIFEST, is_manifest_of, problem_of
from airflow_provider_daybreak.releases.switch import check_owner, entry_in

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

_SIGNED = ".signature"


@dataclass(frozen=True)
class Store:
    """
    The releases of one name, on a shared folder or object storage.

    ::

        <folder>/releases/<id>/src/…  requirements.lock  <key>.signature  MANIFEST.json last
                 history/00000001.json  one a switch, created only where there is none

    :param folder: where they lie.
    :param keys: with the first of them what is put there is signed, and any of them may have signed what is taken. Nothing is
        signed where there are none.
    """

    folder: StoragePath
    keys: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What the releases are deployed as."""
        return self.folder.name

    def publish(self, release: Release) -> None:
        """Put what the release is made of there, its manifest last. What is there already is left alone."""
        target = self.folder / "releases" / release.id
        manifest = (release.path / MANIFEST).read_bytes()
        if (target / MANIFEST).exists():
            self._sign(target, manifest)
            return
        secrets = release.manifest.get("secrets", ())
        for file in release.manifest["files"]:
            if file["sha256"] and file["path"] not in secrets:  # neither a link nor a folder
                storage.create_if_absent(
                    _inside(target / "src", file["path"]), (release.src / file["path"]).read_bytes()
                )
        storage.create_if_absent(target / LOCK_NAME, (release.path / LOCK_NAME).read_bytes())
        self._sign(target, manifest)
        storage.create_if_absent(target / MANIFEST, manifest)
        log.info("Release %s of %s is in the store for other workers", release.id, release.layout.name)

    def manifest(self, release_id: str) -> dict[str, Any]:
        """
        Return the manifest of a release, once it is known to be that of its id.

        :raises ReleaseNotFoundError: the store has no such release.
        :raises StoredReleaseError: it is not what its id says.
        """
        path = self.folder / "releases" / release_id / MANIFEST
        try:
            data = path.read_bytes()
            manifest: dict[str, Any] = json.loads(data)
        except FileNotFoundError as error:
            raise ReleaseNotFoundError(self.name, release_id, tuple(self.release_ids())) from error
        except (ValueError, RecursionError) as error:
            raise StoredReleaseError(str(path), "it is no JSON") from error
        if problem := problem_of(manifest):
            raise StoredReleaseError(str(path), problem)
        # Of all that it is made of, so that neither a file nor the lock can be another one under the same id.
        if not is_manifest_of(manifest, release_id) or manifest["name"] != self.name:
            raise StoredReleaseError(str(path), f"it is not that of release {release_id} of {self.name}")
        for file in manifest["files"]:
            _check_inside(path, file)
        self._check_signature(path, data)
        return manifest

    def _sign(self, target: StoragePath, manifest: bytes) -> None:
        if self.keys:
            storage.create_if_absent(target / _signature_name(self.keys[0]), _signature(self.keys[0], manifest))

    def _check_signature(self, path: StoragePath, manifest: bytes) -> None:
        for key in self.keys:
            found = path.parent / _signature_name(key)
            if found.exists() and hmac.compare_digest(found.read_bytes(), _signature(key, manifest)):
                return
        if self.keys:
            problem = "none of the keys in [daybreak] release_key has signed it. Deploy on a worker that has one of them"
            raise StoredReleaseError(str(path), problem)

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
        paths += [top / name for name in storage.names(top) if name.endswith(_SIGNED)]
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


def _signature_name(key: str) -> str:
    """Return what a key's signature is called, by which others know the key, and nobody gets to it."""
    return f"{hashlib.sha256(b'name of ' + key.encode()).hexdigest()[:12]}{_SIGNED}"


def _signature(key: str, manifest: bytes) -> bytes:
    return hmac.new(key.encode(), b"daybreak release\n" + manifest, hashlib.sha256).hexdigest().encode()


def _check_inside(manifest: StoragePath, file: dict[str, Any]) -> None:
    """Make sure that a file, and what a link leads to, lies in the source: they are made where they say."""
    path = file["path"].removesuffix("/")
    _inside(manifest.parent, path)
    target = os.path.normpath(f"{os.path.dirname(path)}/{file['link']}".lstrip("/"))  # noqa: PTH120 - a name in a manifest, not a path
    if file["link"].startswith("/") or target.split("/")[0] == "..":
        raise StoredReleaseError(
            str(manifest), f"its link {path!r} leads out of the source, to {file['link']!r}"
        )


def _inside(folder: StoragePath, path: str) -> StoragePath:
    """Return the path under the folder: a manifest is not trusted to lead nowhere else."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts or "" in parts:
        raise StoredReleaseError(str(folder), f"its manifest names a file outside of it, {path!r}")
    return storage.below(folder, path)
