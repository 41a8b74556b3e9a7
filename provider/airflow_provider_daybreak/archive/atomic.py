"""The one step that decides who was first: create a file unless it is there."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive import objects
from airflow_provider_daybreak.archive.storage import make_folder, synchronise, write_temporary

if TYPE_CHECKING:
    from airflow_provider_daybreak.archive.storage import StoragePath


def create_if_absent(path: StoragePath, data: bytes, *, name_alone: bool = False) -> bool:
    """
    Create the file with that content, in one step, unless it is there. The folder is made when needed.

    Of any number of processes and machines that do so at once, one gets True. The file is durable when
    this returns, and never seen in part. Hidden names beside it are another's work in progress.

    :param name_alone: whether just that it was created must outlast a loss of power, and what is in it may
        then be torn. That costs a disk one synchronisation in place of two.
    :return: whether this call created it.
    :raises OSError: it could not be written; the file is then absent, or, if only making it durable
        failed, complete.
    :raises StorageUnsupportedError: the path is on neither a disk nor S3.
    :raises StorageNotAtomicError: the store would create it a second time.
    """
    if not isinstance(path, Path):
        return objects.create_if_absent(path, data)
    if path.exists():
        return False
    make_folder(path.parent)
    temporary = write_temporary(path, data, durable=not name_alone)
    try:
        created = _link(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()
    if created:
        synchronise([path.parent])
    return created


def _link(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS may say so of its own first try when the answer to that was lost: the count tells.
        return temporary.stat().st_nlink > 1
    return True
