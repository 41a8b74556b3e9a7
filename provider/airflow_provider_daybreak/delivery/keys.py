"""Under which key of a ledger a mail is: one, also where an older version had another for it."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive.zones import one_key, other_keys
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.recipients import other_forms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.archive import Manifest
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient


def key_in(ledger: Ledger, manifest: Manifest, recipient: Recipient, occasion: str) -> str:
    """
    Return the key of a recipient's mail in the ledger of its period.

    :param occasion: as :func:`key_of` has it.
    """
    key = key_of(manifest.report, one_key(manifest.period_key), recipient.normal, occasion)
    return ledger.known_as(key, _former_keys(manifest, recipient, occasion))


def _former_keys(manifest: Manifest, recipient: Recipient, occasion: str) -> Iterator[str]:
    """Yield the keys that older versions gave to the same mail, which took other spellings for others."""
    periods = (one_key(manifest.period_key), *other_keys(manifest.period_key))
    forms = (recipient.normal, *other_forms(recipient.intended))
    for period, form in list(product(periods, forms))[1:]:
        yield key_of(manifest.report, period, form, occasion)
