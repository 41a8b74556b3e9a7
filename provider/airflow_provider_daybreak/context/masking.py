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
