"""What Airflow keeps out of all logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_daybreak.redact import Redactor


def mask(redactor: Redactor) -> None:
    """Have Airflow mask in all logs of this task what the redactor knows."""
    from airflow.sdk.log import mask_secret

    for value in redactor.hidden:
        mask_secret(value)


def masked(text: str) -> str:
    """Return a text without the secrets that Airflow knows of here."""
    from airflow.sdk.log import mask_logs

    return str(mask_logs(None, "", {"event": text})["event"])
