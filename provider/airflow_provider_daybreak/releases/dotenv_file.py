"""The ``.env`` of a name: taken from its owner's file, kept for its owner only, shared by all releases."""

from __future__ import annotations

import errno
import logging
import os
import stat
from typing import TYPE_CHECKING

from airflow_provider_daybreak.dotenv import missing_file, read_dotenv
from airflow_provider_daybreak.exceptions import DotenvError, DotenvUnreadableError
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_daybreak.releases.layout import Layout

log = logging.getLogger(__name__)


def read_env_file(path: Path, *, follow: bool = True) -> bytes:
    """
    Return the file's bytes, once it is known that nobody else can read it, and that it can be understood.

    :param follow: whether it may be a symbolic link.
    :raises DotenvError: it can't be used.
    """
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe would be waited for
        descriptor = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    except OSError as error:
        problem = f"{error.strerror or error}; expected a file that the worker's user can read"
        if error.errno == errno.ENOENT:
            problem = missing_file(path)
        if error.errno == errno.ELOOP:
            problem = "it is a symbolic link. Name the file that it leads to in env_file"
        raise DotenvUnreadableError(str(path), problem) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise DotenvUnreadableError(str(path), "it is no regular file")
        mode = stat.S_IMODE(status.st_mode)
        # Kubernetes mounts a secret as root's, for the group that its pod runs with to read
        ours = status.st_gid in (os.getegid(), *os.getgroups())
        for_us = ours and (not mode & stat.S_IWUSR or status.st_uid != os.geteuid())
        if mode & (0o037 if for_us else 0o077):
            problem = f"others can read it (mode {mode:04o}). Keep it to its owner: chmod 600 {path}"
            raise DotenvUnreadableError(str(path), problem)
        data = file.read()
    read_dotenv(path)
    return data


def place_env_file(layout: Layout, data: bytes) -> None:
    """Put the file where the scripts find it, and log which keys changed, without any value."""
    before = _keys(layout.dotenv)
    if before is not None and layout.dotenv.read_bytes() == data:
        return
    local.write(layout.dotenv, data, mode=0o600)
    now = _keys(layout.dotenv) or {}
    earlier = before or {}
    changes = [
        f"{key} {'changed' if key in earlier and key in now else 'added' if key in now else 'removed'}"
        for key in sorted(earlier.keys() | now.keys())
        if earlier.get(key) != now.get(key)
    ]
    log.info("Placed .env of %s: %s", layout.name, ", ".join(changes) or "no key changed")


def _keys(path: Path) -> dict[str, str] | None:
    try:
        return dict(read_dotenv(path).values) if path.exists() else None
    except DotenvError as error:  # it was damaged, or handed to somebody: it is replaced
        log.warning("Replacing what could not be used: %s", error)
        return None
