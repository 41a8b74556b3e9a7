"""Mails in doubt that somebody says were taken: asked, those whom they were for had them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.exceptions import NothingInDoubtError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_daybreak.delivery.ledger import Ledger


def count_as_sent(ledger: Ledger, keys: Iterable[str], *, reason: str, by: str) -> list[str]:
    """
    Count mails in doubt as sent, for good, and return whom they were for.

    :param keys: of which mails. Those that are not in doubt stay as they are.
    :param reason: why, for the ledger.
    :param by: who says it, for the ledger.
    :raises NothingInDoubtError: none of them is in doubt.
    """
    found = []
    for record in records_of(ledger, list(keys)):
        if record.standing == "in_doubt":
            facts = {**record.facts, "by": by, "counted": reason}
            ledger.assume_sent(record.key, f"counted as sent by {by}: {reason}", facts)
            found.append(record.recipient)
    if not found:
        raise NothingInDoubtError(str(ledger.folder))
    return found
