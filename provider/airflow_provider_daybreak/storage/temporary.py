"""Folders of a process, which the next one removes where their own was killed: a lock tells, which ends with its holder."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_NAME = re.compile("[0-9a-f]{16}")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a folder is opened that nothing but a folder may stand for."""


def make_locked(parent: Path, prefix: str = "") -> tuple[Path, int]:
    """
    Make an empty folder that nobody else may read, and lock it.

    :return: the folder, and its descriptor. Whoever inherits that keeps the folder from counting as abandoned.
    """
    while True:
        folder = parent / f"{prefix}{secrets.token_hex(8)}"
        folder.mkdir(mode=0o700)
        # Somebody may take it for abandoned until it is locked.
        try:
            descriptor = os.open(folder, FOLDER)
        except FileNotFoundError:
            continue
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), folder.lstat()):
                return folder, descriptor
        os.close(descriptor)


def abandoned(parent: Path, prefix: str = "") -> Iterator[Path]:
    """
    Yield the folders of this user that nobody holds locked, each locked until the next one is asked for.

    :param prefix: what their names begin with.
    """
    with os.scandir(parent) as entries:
        found = [Path(entry.path) for entry in entries if _is_ours(entry.name, prefix)]
    for folder in found:
        try:
            descriptor = os.open(folder, FOLDER)
        except OSError:  # somebody else's, no folder, or gone meanwhile
            continue
        try:
            if os.fstat(descriptor).st_uid == os.geteuid():
                with suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    yield folder
        finally:
            os.close(descriptor)


def _is_ours(name: str, prefix: str) -> bool:
    """Return whether a folder was made here: of others', also of an earlier version's, no lock tells."""
    return name.startswith(prefix) and _NAME.fullmatch(name.removeprefix(prefix)) is not None


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """
    Make a folder for temporary files, and remove it at the end.

    Those that killed processes have left under the same prefix go first. What can't be removed is left to the next.
    """
    parent = Path(tempfile.gettempdir())
    for folder in abandoned(parent, prefix):
        log.info("Removing what a killed process left: %s", folder)
        shutil.rmtree(folder, ignore_errors=True)
    folder, descriptor = make_locked(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
