"""Deploying: from a source to the current release, in an order that a crash at any point leaves harmless."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import socket
import stat
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import (
    DeployLockTimeoutError,
    DotenvUnreadableError,
    NoPreviousReleaseError,
    VerificationError,
)
from airflow_provider_daybreak.releases import environment as environments
from airflow_provider_daybreak.releases.environment import LOCK_NAME, Environment
from airflow_provider_daybreak.releases.files import (
    discard,
    protect,
    read_json,
    sync_folder,
    write_atomically,
    write_json,
)
from airflow_provider_daybreak.releases.interpreter import find_interpreter
from airflow_provider_daybreak.releases.lease import NAME as LEASE
from airflow_provider_daybreak.releases.lock import Lock, make_lock
from airflow_provider_daybreak.releases.prune import clean, prune
from airflow_provider_daybreak.releases.release import MANIFEST, SCHEMA, Release, get_release, releases_of
from airflow_provider_daybreak.releases.requirements import read_requirements
from airflow_provider_daybreak.releases.source import copy_source, read_source
from airflow_provider_daybreak.releases.switch import current_id, heal, read_history, switch
from airflow_provider_daybreak.releases.uv import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.interpreter import Interpreter
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.requirements import Requirements
    from airflow_provider_daybreak.releases.source import Source

log = logging.getLogger(__name__)

_POLL = 0.05


@dataclass(frozen=True)
class Plan:
    """
    What to deploy, and how.

    :param source: the folder, or the script.
    :param requirements: path of their file in the source, or ``auto``.
    :param python: see :func:`find_interpreter`.
    :param env_file: the ``.env`` to place; the one in the source when None.
    :param verify: a command that must succeed in the new release before it becomes current.
    :param keep: how many releases stay.
    :param require_hashes: refuse requirements without hashes of their own.
    :param only_binary: take no package that would have to be built.
    :param index: where packages come from.
    :param upgrade: resolve again, though the requirements are the same.
    :param lock_timeout: seconds to wait for another deploy of the name.
    """

    source: Path
    requirements: str = "auto"
    python: str | None = None
    env_file: Path | None = None
    verify: Sequence[str] | None = None
    keep: int = 5
    require_hashes: bool = False
    only_binary: bool = True
    index: Index | None = None
    upgrade: bool = False
    lock_timeout: float = 600


@dataclass(frozen=True)
class Deployed:
    """
    What a deploy or a roll back came to.

    :param previous: id of the release that was current before, or None.
    :param changed: whether another release is current now.
    """

    release: Release
    previous: str | None
    changed: bool


def deploy(layout: Layout, plan: Plan) -> Deployed:
    """
    Make the source's release current.

    Nothing is resolved, installed or copied that is there already. Until the last step the release that
    was current still is.

    :raises ReleaseError: see the classes under it; the old release is still current.
    :raises DotenvError: the ``.env`` can't be used.
    """
    source = read_source(plan.source)
    requirements = read_requirements(source, plan.requirements)
    dotenv = _read_env_file(plan.env_file or source.dotenv)
    layout.make()
    with deploy_locked(layout, timeout=plan.lock_timeout):
        heal(layout)
        clean(layout)
        interpreter = find_interpreter(
            plan.python, cache=layout.state / "interpreters.json", requires=requirements.requires_python
        )
        input_digest = _input_digest(requirements, interpreter, plan)
        lock = _lock_of(layout, requirements, interpreter, plan, input_digest)
        environment = Environment(lock, interpreter, only_binary=plan.only_binary)
        release_id = _release_id(environment, source)
        before = current_id(layout)
        if release_id in read_history(layout).rolled_back and before is not None:
            log.warning(
                "Release %s was rolled back, and its source and requirements are the same since: %s stays current. "
                "Change the source, or return to it with: airflow daybreak releases rollback %s --to %s",
                release_id, before, layout.name, release_id,
            )  # fmt: skip
            return Deployed(get_release(layout), before, changed=False)
        if read_json(layout.release(release_id) / MANIFEST) is None:
            environments.build(environment, layout, index=_index(requirements, plan))
            _make_release(layout, release_id, source, environment, requirements, input_digest)
        if dotenv is not None:
            _place_env_file(layout, dotenv)
        release = get_release(layout, release_id)
        if before == release_id:
            return Deployed(release, before, changed=False)
        if plan.verify:
            _verify(release, plan.verify)
        switch(layout, release_id, action="deploy")
        log.info("Release %s of %s is current; before it was %s", release_id, layout.name, before or "none")
        prune(layout, keep=plan.keep)
        return Deployed(release, before, changed=True)


def roll_back(layout: Layout, to: str | None = None, *, lock_timeout: float = 600) -> Deployed:
    """
    Make an earlier release current.

    :param to: its id; the one before the current when None.
    :raises NoPreviousReleaseError: there is none.
    :raises ReleaseNotFoundError: it is not here, or nothing is deployed under the name.
    """
    get_release(layout)
    with deploy_locked(layout, timeout=lock_timeout):
        heal(layout)
        before = current_id(layout)
        wanted = to or read_history(layout).previous
        if wanted is None:
            raise NoPreviousReleaseError(layout.name, tuple(one.id for one in releases_of(layout)))
        release = get_release(layout, wanted)
        if release.id == before:
            return Deployed(release, before, changed=False)
        switch(layout, release.id, action="rollback")
        log.info("Rolled %s back from release %s to %s", layout.name, before, release.id)
        return Deployed(release, before, changed=True)


@contextmanager
def deploy_locked(layout: Layout, *, timeout: float) -> Iterator[None]:
    """
    Keep every other deploy of the name waiting.

    :raises DeployLockTimeoutError: another one held it for longer than the timeout, in seconds.
    """
    descriptor = os.open(layout.deploy_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _wait_for(descriptor, layout, timeout)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, layout: Layout, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    told = False
    while not _locked(descriptor):
        holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "unknown"
        if time.monotonic() >= deadline:
            raise DeployLockTimeoutError(layout.name, holder, timeout)
        if not told:
            log.info("Waiting for another deploy of %s: %s", layout.name, holder)
            told = True
        time.sleep(_POLL)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _index(requirements: Requirements, plan: Plan) -> Index | None:
    return plan.index or (Index(requirements.index) if requirements.index else None)


def _input_digest(requirements: Requirements, interpreter: Interpreter, plan: Plan) -> str:
    """Return what a lock depends on: while it is the same, the lock is used again."""
    index = _index(requirements, plan)
    facts = [
        requirements.digest,
        interpreter.minor,
        index.url if index else "",
        plan.only_binary,
        plan.require_hashes,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _lock_of(
    layout: Layout, requirements: Requirements, interpreter: Interpreter, plan: Plan, input_digest: str
) -> Lock:
    known = {release.id: release for release in releases_of(layout)}
    history = read_history(layout)
    for release_id in [*reversed(history.line), *sorted(known.keys() - set(history.line))]:
        release = known.get(release_id)
        if release and release.manifest["input_sha256"] == input_digest and not plan.upgrade:
            return Lock((release.path / LOCK_NAME).read_text())
    lock = make_lock(
        requirements,
        interpreter,
        index=_index(requirements, plan),
        only_binary=plan.only_binary,
        require_hashes=plan.require_hashes,
    )
    if not requirements.hashed:
        current = known.get(current_id(layout) or "")
        earlier = Lock((current.path / LOCK_NAME).read_text()) if current else None
        moves = lock.moves_from(earlier)
        log.warning(
            "The requirements %s leave versions open: they are locked now, until they change or upgrade is set. %s",
            requirements.path,
            "Moved: " + "; ".join(moves) if moves else "Nothing moved.",
        )
    return lock


def _release_id(environment: Environment, source: Source) -> str:
    facts = [SCHEMA, environment.id, source.digest]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _make_release(
    layout: Layout,
    release_id: str,
    source: Source,
    environment: Environment,
    requirements: Requirements,
    input_digest: str,
) -> None:
    path = layout.release(release_id)
    if path.exists():
        discard(path, layout.trash)
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    copy_source(source, path / "src")
    (path / "src" / ".env").symlink_to("../../../shared/.env")  # a script finds it beside itself
    (path / "environment").symlink_to(f"../../environments/{environment.id}")
    (path / LEASE).touch(mode=0o644)
    write_atomically(path / LOCK_NAME, environment.lock.text.encode(), mode=0o444)
    protect(path / "src")
    sync_folder(path / "src")
    write_json(
        path / MANIFEST,
        {
            "schema": SCHEMA,
            "name": layout.name,
            "release": release_id,
            "environment": environment.id,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "source": str(source.given),
            "source_sha256": source.digest,
            "files": list(source.files),
            "requirements": requirements.kind,
            "input_sha256": input_digest,
            "lock_sha256": environment.lock.sha256,
            "interpreter": environment.interpreter.identity(),
            "installer": environment.installer,
            "provider_version": __version__,
        },
        mode=0o444,
    )
    sync_folder(layout.releases)


def _verify(release: Release, command: Sequence[str]) -> None:
    from airflow_provider_daybreak.releases.run import Job, run

    job = Job(tuple(command))
    lines: list[str] = []
    finished = run(release, job, on_line=lambda _, line: lines.append(line))
    if finished.code:
        said = "\n".join(lines[-20:]) or "It said nothing."
        raise VerificationError(f"Release {release.id}", f"its verify command ({finished.ending})", said)


# .env


def _read_env_file(path: Path | None) -> bytes | None:
    """Return the file's bytes, once it is known to be nobody else's and readable as ``.env``."""
    if path is None:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DotenvUnreadableError(str(path), error.strerror or str(error)) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if stat.S_IMODE(status.st_mode) & 0o077:
            mode = f"{stat.S_IMODE(status.st_mode):04o}"
            problem = f"others can read it (mode {mode}). Keep it to its owner: chmod 600 {path}"
            raise DotenvUnreadableError(str(path), problem)
        data = file.read()
    read_dotenv(path)
    return data


def _place_env_file(layout: Layout, data: bytes) -> None:
    try:
        before = layout.dotenv.read_bytes()
    except FileNotFoundError:
        before = None
    if before == data:
        return
    earlier = dict(read_dotenv(layout.dotenv).values) if before is not None else {}
    write_atomically(layout.dotenv, data, mode=0o600)
    now = read_dotenv(layout.dotenv).values
    changes = [
        f"{key} {'changed' if key in earlier and key in now else 'added' if key in now else 'removed'}"
        for key in sorted(earlier.keys() | now.keys())
        if earlier.get(key) != now.get(key)
    ]
    log.info("Placed .env of %s: %s", layout.name, ", ".join(changes) or "no key changed")
