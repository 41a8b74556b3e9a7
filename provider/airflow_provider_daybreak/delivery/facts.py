"""What the ledger says in its files, as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage

if TYPE_CHECKING:
    from airflow_provider_daybreak.storage import StoragePath

Facts = dict[str, Any]
Tell = Callable[[str, Mapping[str, int]], None]
"""Is told what became of a report's mails just now: how many were sent, refused, in_doubt, held or a duplicate_prevented."""


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


def revision_of(facts: Mapping[str, Any]) -> tuple[str, int]:
    """Return date and number of the revision that the ledger's facts are of; 0 where they don't say."""
    number = facts.get("revision")
    return str(facts.get("report_date")), number if isinstance(number, int) else 0


def place_of(facts: Facts) -> int:
    """Return how many mails for the period a recipient had before; 0 of what older versions wrote down."""
    place = facts.get("place")
    return place if type(place) is int else 0


def told_nobody(_report: str, _counts: Mapping[str, int]) -> None:
    """Tell nobody."""
