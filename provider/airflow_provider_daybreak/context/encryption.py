"""The password that attachments open with, from an Airflow connection."""

from __future__ import annotations

from airflow_provider_daybreak.context.connections import connection_of
from airflow_provider_daybreak.delivery.encryption import Encryption
from airflow_provider_daybreak.exceptions import InvalidValueError


def encryption_of(conn_id: object) -> Encryption:
    """
    Return what attachments open with: the password of a connection of any type, masked in logs from then on.

    :raises InvalidValueError: that is no id of a connection.
    :raises MissingConnectionError: there is no such connection.
    :raises EncryptionPasswordError: it has no password, or one that is easily guessed.
    """
    if not isinstance(conn_id, str) or not conn_id:
        raise InvalidValueError(
            "encrypt", conn_id, "the id of the connection whose password opens the attachments"
        )
    next_step = "Add one whose password the recipients know, or correct encrypt"
    return Encryption(conn_id, connection_of(conn_id, "to encrypt attachments with", next_step).password or "")
