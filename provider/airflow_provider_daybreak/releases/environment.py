"""Environments: built by uv in their final place, verified, and from then on never changed."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import DiskFullError, InstallError
from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.files import (
    check_room,
    discard,
    protect,
    read_json,
    write_atomically,
    write_json,
)
from airflow_provider_daybreak.releases.verify import check_consistency, check_imports, check_record

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_daybreak.releases.interpreter import Interpreter
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.lock import Lock

log = logging.getLogger(__name__)

SCHEMA = 1
LOCK_NAME = "requirements.lock"
COMPLETE = "COMPLETE.json"
_LEAST_ROOM = 100 * 1024**2
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")


@dataclass(frozen=True)
class Environment:
    """
    What an environment is made of. Everything that could make two of them differ is in its id.

    :param lock: what is installed.
    :param interpreter: what it is installed for.
    :param only_binary: whether nothing was built on the way.
    """

    lock: Lock
    interpreter: Interpreter
    only_binary: bool = True

    @property
    def installer(self) -> str:
        """What installs it."""
        return f"uv {uv.version()}{'' if self.only_binary else ', builds'}"

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits."""
        facts = [SCHEMA, self.lock.sha256, self.interpreter.identity(), self.installer]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def is_complete(path: Path) -> bool:
    """Return whether the environment was built and verified to its end."""
    return read_json(path / COMPLETE) is not None


def build(
    environment: Environment, environment_id: str, layout: Layout, *, index: uv.Index | None = None
) -> Path:
    """
    Return the environment's folder, built unless it is there already.

    Only who holds the deploy lock may call this.

    :param environment_id: its own, or, when another worker deployed it, the one it has there.
    :raises DiskFullError: there is too little room for it.
    :raises InstallError: uv could not make it.
    :raises VerificationError: it is not what the lock says, or can't be imported.
    """
    path = layout.environment(environment_id)
    if is_complete(path):
        return path
    if path.exists():
        log.info("Removing the remains of an interrupted build of environment %s", environment_id)
        discard(path, layout.trash)
    started = time.monotonic()
    packages = len(environment.lock.text.splitlines())
    log.info(
        "Building environment %s: Python %s, %d packages", path.name, environment.interpreter.version, packages
    )
    check_room(layout.environments, _LEAST_ROOM if packages else 0)
    _install(environment, path, index)
    checks = check_record(path)
    check_consistency(path)
    imports, modules = check_imports(path)
    protect(path)
    path.chmod(0o755)  # its last file is still to come
    write_json(
        path / COMPLETE,
        {
            "schema": SCHEMA,
            "environment": environment_id,
            "lock_sha256": environment.lock.sha256,
            "interpreter": environment.interpreter.identity(),
            "installer": environment.installer,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "files": checks,
            "imports": imports,
            "modules": modules,
        },
        mode=0o444,
    )
    log.info("Built environment %s in %.1f s", path.name, time.monotonic() - started)
    return path


def _install(environment: Environment, path: Path, index: uv.Index | None) -> None:
    _call(path, ["venv", "--quiet", "--no-project", "--python", environment.interpreter.path, str(path)], index)
    path.chmod(0o755)
    lock = path / LOCK_NAME
    write_atomically(lock, environment.lock.text.encode())
    arguments = ["pip", "sync", "--quiet", "--require-hashes", "--allow-empty-requirements"]
    arguments += ["--python", str(path / "bin" / "python")]
    arguments += ["--only-binary", ":all:"] if environment.only_binary else []
    _call(path, [*arguments, LOCK_NAME], index, cwd=path)


def _call(path: Path, arguments: list[str], index: uv.Index | None, cwd: Path | None = None) -> None:
    outcome = uv.run_uv(arguments, cwd=cwd or path.parent, index=index)
    if outcome.code and _DISK_FULL.search(outcome.explanation):
        raise DiskFullError(str(path.parent), outcome.explanation.splitlines()[-1].strip())
    if outcome.code:
        raise InstallError(path.name, outcome.explanation)
