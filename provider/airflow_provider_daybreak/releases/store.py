"""The place that several workers share: what each release is made of, and which of them is current."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import ReleaseNotFoundError, StoredReleaseError
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME
from airflow_provider_daybreak.releases.files import read_json
from airflow_provider_daybreak.releases.layout import ID
from airflow_provider_daybreak.releases.release import MANIFEST, is_manifest_of, problem_of
from airflow_provider_daybreak.releases.shared_environments import find, keep_only, put
from airflow_provider_daybreak.releases.signing import SIGNED, UNSIGNED, check_signature, sign, signature
from airflow_provider_daybreak.releases.switch import check_owner, entry_in

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.environments.packed import Packed
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)
_SIGNATURE = "signature"
_ENTRY = re.compile(r"[0-9]{8}\.json")

_WHAT = "release"


@dataclass(frozen=True)
class Store:
    """
    The releases of one name, on a shared folder or object storage.

    ::

        <folder>/releases/<id>/src/…  requirements.lock  <key>.signature  MANIFEST.json last
                 environments/<id>/<sha256>.tar.gz  <key>.signature  PACK.json last
                 history/00000001.json  one a switch, created only where there is none

    :param folder: where they lie.
    :param keys: with the first of them what is put there is signed, and any of them may have signed what is taken. Nothing is
        signed where there are none.
    :param packs: whether environments go there too, as they are, for workers of the same Python to unpack.
    """

    folder: StoragePath
    keys: tuple[str, ...] = field(default=(), repr=False)
    packs: bool = False

    @property
    def name(self) -> str:
        """What the releases are deployed as."""
        return self.folder.name

    def publish(self, release: Release) -> None:
        """Put what the release is made of there, its manifest last. What is there already is left alone."""
        target = self.folder / "releases" / release.id
        manifest = (release.path / MANIFEST).read_bytes()
        if self.packs:
            put(self.folder, self.keys, release)
        if _there(target / MANIFEST):
            sign(target, self.keys, _WHAT, manifest)
            return
        secrets = release.manifest.get("secrets", ())
        for file in release.manifest["files"]:
            if file["sha256"] and file["path"] not in secrets:  # neither a link nor a folder
                storage.create_if_absent(
                    _inside(target / "src", file["path"]), (release.src / file["path"]).read_bytes()
                )
        storage.create_if_absent(target / LOCK_NAME, (release.path / LOCK_NAME).read_bytes())
        sign(target, self.keys, _WHAT, manifest)
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
            data = storage.read(path)
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
        check_signature(path, self.keys, _WHAT, data)
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

    def packed(self, environment_id: str) -> Packed | None:
        """
        Return an environment to unpack, or None where there is none that a key has signed.

        :raises StoredReleaseError: what is there can't be used.
        """
        return find(self.folder, self.keys, environment_id)

    def entries(self) -> list[dict[str, Any]]:
        """
        Return the history that all workers share, oldest first; where there are keys, what they signed of it.

        A signature is of the entry and its number, so that none can be repeated, or put in another's place.
        """
        return list(self._trusted().values())

    def length(self) -> int:
        """Return how many entries the shared history has, as :meth:`entries` counts them."""
        return len(self.entries() if self.keys else self._history())

    def check_history(self, seen: int) -> int:
        """
        Make sure that nothing was taken from the end of the shared history, and return the number of its last entry.

        :param seen: the number that it was.
        :raises StoredReleaseError: its last entry is an earlier one, or it has some and none that is signed.
        """
        trusted, folder = self._trusted(), str(self.folder / "history")
        if not trusted and self._history():
            raise StoredReleaseError(folder, UNSIGNED)
        last = max(trusted, default=0)
        if last < seen:
            problem = f"it went up to entry {seen}, and ends with {last}: somebody removed or changed some. Deploy what is to run"
            raise StoredReleaseError(folder, problem)
        return last

    def append(self, entry: dict[str, Any]) -> None:
        """
        Enter a switch after all others, however many workers do so at once.

        :raises OwnedByAnotherDagError: another Dag deployed under the name meanwhile.
        """
        number = max(self._history(), default=0) + 1
        while not storage.create_if_absent(
            path := self._place(number), json.dumps(self._signed(number, entry)).encode()
        ):
            check_owner(self.name, self._entry(path).get("dag_id"), entry.get("dag_id", ""))
            number += 1

    def _trusted(self) -> dict[int, dict[str, Any]]:
        """Return the entries by number, in order; those that are signed where there are keys."""
        found = {number: self._entry(self._place(number)) for number in self._history()}
        return {number: _plain(entry) for number, entry in found.items() if self._is_signed(number, entry)}

    def _signed(self, number: int, entry: dict[str, Any]) -> dict[str, Any]:
        if not self.keys:
            return entry
        return {**entry, _SIGNATURE: signature(self.keys[0], self._what(number), _canonical(entry))}

    def _is_signed(self, number: int, entry: dict[str, Any]) -> bool:
        said, data = str(entry.get(_SIGNATURE)).encode(errors="replace"), _canonical(_plain(entry))
        signatures = (signature(key, self._what(number), data).encode() for key in self.keys)
        return not self.keys or any(hmac.compare_digest(said, one) for one in signatures)

    def _what(self, number: int) -> str:
        return f"entry {number} of the history of {self.name}"

    def release_ids(self) -> list[str]:
        """Return the ids of the releases that are there, complete or not."""
        return [name for name in storage.names(self.folder / "releases") if ID.fullmatch(name)]

    def remove(self, release_id: str) -> None:
        """Remove what a release is made of, its manifest first."""
        top = self.folder / "releases" / release_id
        manifest = read_json(top / MANIFEST)
        if manifest is None or problem_of(manifest):
            return  # nothing tells which files it is made of, and a deploy of the same puts it there anew
        files = [file["path"] for file in manifest["files"] if file["sha256"]]
        for path in files:
            _inside(top / "src", path)
        storage.remove(top, [MANIFEST])
        signatures = [name for name in storage.names(top) if name.endswith(SIGNED)]
        storage.remove(top, [LOCK_NAME, *signatures, *(f"src/{path}" for path in files)])

    def remove_environments(self) -> None:
        """Remove the packed environments that no release which is there needs."""
        manifests = (read_json(self.folder / "releases" / one / MANIFEST) for one in self.release_ids())
        keep_only(self.folder, {str(one["environment"]) for one in manifests if one and not problem_of(one)})

    def _place(self, number: int) -> StoragePath:
        return self.folder / "history" / f"{number:08d}.json"

    def _history(self) -> list[int]:
        """Return the numbers of all entries that are there, in order."""
        names = storage.names(self.folder / "history")
        return [int(name[:8]) for name in names if _ENTRY.fullmatch(name)]

    def _entry(self, path: StoragePath) -> dict[str, Any]:
        entry = entry_in(self._read(path))
        if entry is None:
            raise StoredReleaseError(str(path), "it is no entry of a history")
        return entry

    def _read(self, path: StoragePath) -> bytes:
        try:
            return storage.read(path)
        except FileNotFoundError as error:
            raise StoredReleaseError(str(path), "it is missing") from error


def _plain(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != _SIGNATURE}


def _canonical(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True).encode()


def _there(path: StoragePath) -> bool:
    return storage.changed(path) is not None


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
