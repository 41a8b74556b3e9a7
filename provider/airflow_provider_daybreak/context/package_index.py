"""The package index that a connection names."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_daybreak.context.connections import connection_of
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.releases.requirements.addresses import is_clean, without_credentials
from airflow_provider_daybreak.releases.uv import Index

log = logging.getLogger(__name__)


def index_of(conn_id: str) -> Index:
    """
    Return the index of a package-index connection, as the standard provider describes it.

    :raises MissingConnectionError: there is none.
    :raises InvalidValueError: its address can't be used.
    """
    next_step = "Add one whose host is the https:// address of a simple index, or correct index_conn_id"
    connection = connection_of(conn_id, "to get packages over", next_step)
    host = connection.host or ""
    expected = (
        "the https:// address of a simple index as its host, with user and password as login and password"
    )
    if not host.startswith(("https://", "http://")) or not is_clean(host):
        raise InvalidValueError(f"connection {conn_id}", without_credentials(host), expected)
    parts = urlsplit(host)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if connection.password and parts.scheme == "http" and not here:
        raise InvalidValueError(f"connection {conn_id}", host, "https://, since it has a password")
    return Index(urlunsplit(parts), connection.login or "", connection.password or "", conn_id)
