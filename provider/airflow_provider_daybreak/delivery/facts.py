"""What the ledger says in its files, as plain JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.storage import StoragePath

Facts = dict[str, Any]


def read(path: StoragePath) -> bytes | None:
    """Return what is in a file; None where there is none."""
    try:
        return storage.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if not storage.is_no_file(error):
            raise
        return b""  # a link or a folder in its place says as much as a file that was torn


def parse(data: bytes | None) -> Facts | None:
    """Return what a file says; None when it is not there, or was torn by a loss of power."""
    try:
        facts = json.loads(data or b"")
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


def dump(facts: Mapping[str, object]) -> bytes:
    """Return a file's content."""
    return (json.dumps(facts, ensure_ascii=False, sort_keys=True) + "\n").encode()
