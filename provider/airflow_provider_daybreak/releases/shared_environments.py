"""Environments in the store, packed: what a worker with an empty disk unpacks, so that it has nothing to install."""

from __future__ import annotations

import hmac
import json
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import StoredReleaseError
from airflow_provider_daybreak.releases.environments.conda import is_conda
from airflow_provider_daybreak.releases.environments.environment import facts_of
from airflow_provider_daybreak.releases.environments.packed import Packed, pack, problem_of
from airflow_provider_daybreak.releases.environments.verify import check_record
from airflow_provider_daybreak.releases.layout import ID
from airflow_provider_daybreak.releases.signing import UNSIGNED, name_of, signature

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

PACK = "PACK.json"
_WHAT = "environment"


def put(folder: StoragePath, keys: Sequence[str], release: Release) -> None:
    """
    Pack the environment of a release into the store, unless it is there, signed by the first of the keys.

    Its files are compared with what their packages say of them just before. One that conda made stays out: its files name their folder.

    :param folder: the store's, of the release's name.
    :raises VerificationError: a file is missing or was changed.
    """
    target = folder / "environments" / release.environment_id
    facts = facts_of(release.environment)
    if facts is None or not keys or is_conda(release.environment):
        return
    signed_with = ""
    try:
        signed_with, known = _read(target / PACK, keys)
    except FileNotFoundError:
        pass
    except StoredReleaseError as error:
        signed_with = "nothing"
        log.warning("Environment %s is packed anew: %s", target.name, error)
    else:
        if signed_with != name_of(keys[0]):
            storage.write(target / PACK, _signed(keys[0], known))
        return
    started = time.monotonic()
    rebuild = f"Make it anew: airflow daybreak releases rebuild {release.layout.name} {release.id}"
    check_record(release.environment, rebuild)
    with storage.temporary_file(target) as (path, file):
        about = pack(release.environment, file)
        file.flush()
        storage.upload(target / _archive_of(about), path)
    data = _signed(keys[0], {**about, "imports": facts["imports"], "modules": facts["modules"]})
    if signed_with:
        storage.write(target / PACK, data)
    elif not storage.create_if_absent(target / PACK, data):  # another worker was first
        storage.remove(target, [_archive_of(about)])
        return
    size, seconds = about["bytes"] / 1024**2, time.monotonic() - started
    log.info(
        "Environment %s is in the store for other workers: %.1f MiB, packed in %.1f s",
        target.name,
        size,
        seconds,
    )


def find(folder: StoragePath, keys: Sequence[str], environment_id: str) -> Packed | None:
    """
    Return a packed environment of the store, or None where there is none, or no keys: whoever may write there could change it.

    :raises StoredReleaseError: what is said of it can't be used, or no key has signed it.
    """
    path = folder / "environments" / environment_id / PACK
    if not keys:
        return None
    try:
        _, facts = _read(path, keys)
    except FileNotFoundError:
        return None
    archive = path.parent / _archive_of(facts)
    return Packed(facts, partial(storage.reading, archive), str(archive))


def _signed(key: str, facts: Mapping[str, Any]) -> bytes:
    by = {name_of(key): signature(key, _WHAT, _canonical(facts))}
    return json.dumps({"environment": facts, "signature": by}).encode()


def _canonical(facts: object) -> bytes:
    return json.dumps(facts, sort_keys=True).encode()


def _read(path: StoragePath, keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the name of the key that signed what is said of an environment, and what that is."""
    try:
        value = json.loads(storage.read(path))
        facts, by = value["environment"], dict(value["signature"])
        data = _canonical(facts)
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        raise StoredReleaseError(str(path), "it is no JSON of a packed environment") from error
    signed_with = next((name_of(key) for key in keys if _is_by(key, by.get(name_of(key)), data)), None)
    problem = UNSIGNED if signed_with is None else problem_of(facts)
    if not problem and facts["environment"] != path.parent.name:
        problem = f"it is that of environment {facts['environment']}"
    if signed_with is None or problem:
        raise StoredReleaseError(str(path), problem)
    return signed_with, facts


def _is_by(key: str, said: object, data: bytes) -> bool:
    return isinstance(said, str) and hmac.compare_digest(said.encode(), signature(key, _WHAT, data).encode())


def keep_only(folder: StoragePath, environments: Collection[str]) -> None:
    """Remove the packed environments of other ids, with what killed workers left of them."""
    top = folder / "environments"
    for environment in storage.names(top):
        if ID.fullmatch(environment) and environment not in environments:
            there = [name for name, _ in storage.files_below(top / environment)]
            storage.remove(top / environment, sorted(there, key=lambda name: name != PACK))
            storage.remove_empty(top / environment, top)


def _archive_of(facts: dict[str, Any]) -> str:
    return f"{facts['sha256']}.tar.gz"
