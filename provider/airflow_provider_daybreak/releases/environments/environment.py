"""Environments: built by uv in their final place, verified, and from then on never changed."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_daybreak.exceptions import (
    DiskFullError,
    InstallError,
    PackedEnvironmentError,
    StillInUseError,
)
from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.environments import conda
from airflow_provider_daybreak.releases.environments.packed import fits, unpack
from airflow_provider_daybreak.releases.environments.verify import (
    check_consistency,
    check_imports,
    check_record,
)
from airflow_provider_daybreak.releases.files import (
    check_room,
    discard,
    protect,
    read_json,
    write_json,
)
from airflow_provider_daybreak.releases.layout import ids_in
from airflow_provider_daybreak.releases.lease import exclusively
from airflow_provider_daybreak.storage import local
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
    from airflow_provider_daybreak.releases.environments.lock import Lock
    from airflow_provider_daybreak.releases.environments.packed import Packed
    from airflow_provider_daybreak.releases.layout import Layout

log = logging.getLogger(__name__)

SCHEMA = 1
LOCK_NAME = "requirements.lock"
COMPLETE = "COMPLETE.json"
_LEAST_ROOM = 100 * 1024**2
_DAMAGED = (
    "These files are missing or were changed, here or in uv's cache, which they are linked from. Clear it with "
    "'uv cache clean', and deploy again."
)
_OTHER_BUILD = "no hashes were provided for"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+(?:\[[^\]]*\])?)==(?=[^\s;*+]+(?:\s|$))", re.MULTILINE)
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")


@dataclass(frozen=True)
class Environment:
    """
    What an environment is made of. Everything that could make two of them differ is in its id.

    :param lock: what is installed.
    :param interpreter: what it is installed for.
    :param builds: what could be built on the way.
    """

    lock: Lock
    interpreter: Interpreter
    builds: uv.Builds = uv.NO_BUILDS

    @property
    def installer(self) -> str:
        """What installs it."""
        return f"uv {uv.version()}{self.builds}"

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits."""
        return id_of(self.lock.sha256, self.interpreter.identity(), self.installer)


def id_of(lock_sha256: str, interpreter: Mapping[str, str], installer: str) -> str:
    """Return the id of the environment that is made of these: sixteen hexadecimal digits."""
    facts = [SCHEMA, lock_sha256, dict(interpreter), installer]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def builds_in(manifest: Mapping[str, Any]) -> uv.Builds:
    """Return what could be built on the way, as a manifest says it."""
    return uv.Builds(
        not manifest["only_binary"], tuple(manifest.get("built", ())), tuple(manifest.get("wheels", ()))
    )


class Facts(TypedDict):
    """
    What COMPLETE.json says of an environment, as far as it is read again.

    :param imports: for each module that was imported, "" or why it can't be.
    :param modules: every module that is there.
    """

    imports: Mapping[str, str]
    modules: Sequence[str]


def facts_of(path: Path) -> Facts | None:
    """Return what is known of an environment that was built and verified to its end, or None."""
    facts = read_json(path / COMPLETE) or {}
    imports, modules = facts.get("imports"), facts.get("modules")
    if facts.get("schema") != SCHEMA or not isinstance(imports, dict) or not isinstance(modules, list):
        return None
    return Facts(imports=imports, modules=modules)


def is_complete(path: Path) -> bool:
    """Return whether the environment was built and verified to its end."""
    return facts_of(path) is not None


def build(
    environment: Environment,
    environment_id: str,
    layout: Layout,
    *,
    index: uv.Index | uv.Indexes | None = None,
    anew: bool = False,
    packed: Packed | None = None,
) -> Path:
    """
    Return the environment's folder, built unless it is there already.

    Only who holds the deploy lock may call this.

    :param environment_id: its own, or, when another worker deployed it, the one it has there.
    :param anew: build it though it is there, and of packages that are fetched again: uv's cache, which its files
        are linked from, may be damaged as they are.
    :param packed: what another worker packed of it, which is unpacked in place of building it; where that can't be used, it is built.
    :raises StillInUseError: it is there and damaged, and a job runs from it.
    :raises DiskFullError: there is too little room for it.
    :raises InstallError: uv could not make it.
    :raises VerificationError: it is not what the lock says, or can't be imported.
    """
    path = layout.environment(environment_id)
    if not anew and is_complete(path) and (path / LOCK_NAME).read_bytes() == environment.lock.text.encode():
        return path
    with _unused(layout, environment_id):
        if path.exists():
            log.info("Removing environment %s, which is damaged or was never completed", environment_id)
            discard(path, layout.trash)
        if packed is None or not _unpack(environment, path, layout, packed):
            _build(environment, path, index, cached=not anew)
    return path


def _unpack(environment: Environment, path: Path, layout: Layout, packed: Packed) -> bool:
    """Return whether the environment is there now, from what another worker packed and verified."""
    if not fits(packed, path):
        log.info(
            "Environment %s is packed for a folder of another kind than %s: it is built", path.name, path.parent
        )
        return False
    started = time.monotonic()
    check_room(path.parent, packed.unpacked)
    _make_empty(environment, path)
    try:
        unpack(packed, path)
    except PackedEnvironmentError as error:
        log.warning("%s", error)
        discard(path, layout.trash)
        return False
    facts = packed.facts
    _complete(environment, path, facts["files"], facts["imports"], facts["modules"])
    log.info("Unpacked environment %s in %.1f s", path.name, time.monotonic() - started)
    return True


@contextmanager
def _unused(layout: Layout, environment_id: str) -> Iterator[None]:
    """Let no job begin in the environment's releases meanwhile: it waits."""
    with ExitStack() as kept:
        for release in users_of(layout).get(environment_id, ()):
            free = kept.enter_context(exclusively(layout.release(release)))
            if not free and layout.environment(environment_id).exists():
                raise StillInUseError(str(layout.environment(environment_id)), release)
        yield


def users_of(layout: Layout) -> dict[str, list[str]]:
    """Return the releases by the environment that they run in."""
    users: dict[str, list[str]] = {}
    for release in ids_in(layout.releases):
        link = layout.releases / release / "environment"
        if link.is_symlink():
            users.setdefault(link.readlink().name, []).append(release)
    return users


def _build(environment: Environment, path: Path, index: uv.Index | uv.Indexes | None, *, cached: bool) -> None:
    started = time.monotonic()
    packages = len(environment.lock.text.splitlines())
    log.info(
        "Building environment %s: Python %s, %d packages", path.name, environment.interpreter.version, packages
    )
    check_room(path.parent, _LEAST_ROOM if packages else 0)
    _install(environment, path, index, cached=cached)
    with ThreadPoolExecutor(2) as beside:
        importing = beside.submit(copy_context().run, check_imports, path)
        comparing = beside.submit(copy_context().run, check_consistency, path)
        files = check_record(path, _DAMAGED)
        comparing.result()
        imports, modules = importing.result()
    _complete(environment, path, files, imports, modules)
    log.info("Built environment %s in %.1f s", path.name, time.monotonic() - started)


def _complete(
    environment: Environment, path: Path, files: int, imports: Mapping[str, str], modules: Sequence[str]
) -> None:
    """Let nobody change the environment from here on, and say that it is complete."""
    protect(path)
    path.chmod(0o755)  # its last file is still to come
    local.synchronise_file_system(path)
    write_json(
        path / COMPLETE,
        {
            "schema": SCHEMA,
            "environment": path.name,
            "lock_sha256": environment.lock.sha256,
            "interpreter": environment.interpreter.identity(),
            "installer": environment.installer,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "files": files,
            "imports": imports,
            "modules": modules,
        },
        mode=0o444,
    )


def _make_empty(environment: Environment, path: Path) -> None:
    """Make an environment without packages, and put its lock there."""
    _call(path, ["venv", "--quiet", "--no-project", "--python", environment.interpreter.path, str(path)], None)
    path.chmod(0o755)
    local.write(path / LOCK_NAME, environment.lock.text.encode(), mode=0o644)


def _install(
    environment: Environment, path: Path, index: uv.Index | uv.Indexes | None, *, cached: bool
) -> None:
    packages = conda.packages_in(environment.lock.text)
    if packages:
        conda.create(path, packages)
        path.chmod(0o755)
        local.write(path / LOCK_NAME, environment.lock.text.encode(), mode=0o644)
    else:
        _make_empty(environment, path)
    indexes = index if isinstance(index, uv.Indexes) else uv.Indexes(index)
    by_index = environment.lock.by_index
    with temporary_folder("daybreak-lock-") as name:
        for url, text in by_index.items():
            part = Path(name, "lock.txt")
            part.write_text(text)
            adds = bool(url or packages)
            if adds and not any(line and not line.startswith("#") for line in text.splitlines()):
                continue
            arguments = ["pip", *(("install", "--no-deps") if adds else ("sync", "--allow-empty-requirements"))]
            arguments += ["--quiet", "--require-hashes", "--python", str(path / "bin" / "python")]
            arguments += [*environment.builds.arguments, *(("--requirements",) if adds else ()), str(part)]
            try:
                _fetch(path, arguments, indexes.installing(url), cached=cached)
            except InstallError as error:
                if _OTHER_BUILD not in error.explanation:
                    raise
                part.write_text(_PINNED.sub(r"\1===", text))  # uv takes 2.0+cpu for 2.0, whatever its hash
                _fetch(path, arguments, indexes.installing(url), cached=cached)


def _fetch(path: Path, arguments: list[str], index: uv.Indexes, *, cached: bool) -> None:
    if not cached:
        _call(path, [*arguments, "--no-cache"], index, cwd=path)
        return
    try:
        _call(path, arguments, index, cwd=path)
    except InstallError as error:
        # uv asks the index what is new, though all that the lock names may be in its cache.
        try:
            _call(path, [*arguments, "--offline"], index, cwd=path)
        except InstallError:
            raise error from None
        log.warning("Environment %s is from uv's cache alone: %s", path.name, error)


def _call(
    path: Path, arguments: list[str], index: uv.Index | uv.Indexes | None, cwd: Path | None = None
) -> None:
    outcome = uv.run_uv(arguments, cwd=cwd or path.parent, index=index)
    if outcome.code and _DISK_FULL.search(outcome.explanation):
        raise DiskFullError(str(path.parent), outcome.explanation.splitlines()[-1].strip())
    if outcome.code:
        raise InstallError(path.name, outcome.explanation, uv.remedy_for(outcome.explanation))
