"""A connection of Airflow's for a purpose: it is there, and its password is masked, or an error says what to do."""

from __future__ import annotations

from typing import Any

from airflow_provider_daybreak.context.smtp import raise_swallowed
from airflow_provider_daybreak.exceptions import MissingConnectionError


def connection_of(conn_id: str, purpose: str, next_step: str) -> Any:
    """
    Return a connection, whose password logs mask from then on.

    :param purpose: what it is wanted for, such as ``to encrypt attachments with``.
    :param next_step: what to do where there is none.
    :raises MissingConnectionError: there is none.
    :raises DaybreakError: a secrets backend failed.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.log import mask_secret

    from airflow_provider_daybreak.version_compat import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise_swallowed(conn_id)
        raise MissingConnectionError(conn_id, purpose, next_step) from error
    if connection.password:
        mask_secret(connection.password)
    return connection
