"""
What a ledger says of the mails that were sent, in one file: a listing reads it in place of thousands.

Nothing changes any more of a mail that was sent, so that a line of it stays true. It is made from the ledger by who
lists it, and made anew where it is absent, damaged, or lacks much. Nobody decides by it whether a mail is sent.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.delivery.ledger import KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

NAME = "index.jsonl"
FIELDS = ("report", "report_date", "recipient", "time", "reason", "revision", "occasion", "message_id")
"""What it has of each mail, after its key."""

_SCHEMA = "daybreak-ledger-index-1"
_WORTH_IT = 100  # mails that it lacks, before it is written
_SHARE = 0.1  # of the ledger's mails that it may lack


class Index:
    """
    The index of one ledger.

    :param folder: the ledger's.
    """

    def __init__(self, folder: StoragePath) -> None:
        self._path = folder / NAME
        self._lines = self._load()

    def of(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return what it has of these mails, by key."""
        return {key: dict(zip(FIELDS, self._lines[key], strict=True)) for key in keys if key in self._lines}

    def add(self, sent: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> None:
        """
        Write it anew where it lacks much.

        :param sent: facts of mails that were sent and that it lacks, by key.
        :param keys: those of all mails of the ledger: what it has of others goes.
        """
        if len(sent) < max(_WORTH_IT, _SHARE * len(keys)):
            return
        lines = {key: self._lines[key] for key in keys if key in self._lines}
        lines |= {key: [facts.get(name, "") for name in FIELDS] for key, facts in sent.items()}
        text = "\n".join((_SCHEMA, *(json.dumps([key, *line]) for key, line in lines.items())))
        try:
            storage.write(self._path, text.encode(), durable="none")
        except OSError as error:  # who may only read the archive lists it all the same
            log.debug("Listed without writing %s: %s", self._path, error)

    def _load(self) -> dict[str, list[Any]]:
        try:
            schema, *lines = storage.read(self._path).decode().split("\n")
            rows = json.loads(f"[{','.join(lines)}]") if schema == _SCHEMA else []
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.debug("Listed without %s: %s", self._path, error)
            return {}
        return {row[0]: row[1:] for row in rows if _is_row(row)}


def _is_row(row: object) -> bool:
    return (
        isinstance(row, list)
        and len(row) == len(FIELDS) + 1
        and isinstance(row[0], str)
        and KEY.fullmatch(row[0]) is not None
    )
