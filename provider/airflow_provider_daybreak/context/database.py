"""What Airflow's database answers to a command that asks it, said as an error of ours."""

from __future__ import annotations

import re

from airflow_provider_daybreak.exceptions import AirflowDatabaseError
from airflow_provider_daybreak.version_compat import reads_the_database

_NOT_MIGRATED = re.compile(r"no such (table|column)|Undefined(Table|Column)|doesn't exist|Unknown column")


def database_error(error: Exception) -> AirflowDatabaseError | None:
    """Return what to say of an error of Airflow's database: those of other databases are ours by then."""
    from airflow.configuration import conf
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    if not isinstance(error, DBAPIError):
        return None
    url = make_url(conf.get("database", "sql_alchemy_conn")).render_as_string(hide_password=True)
    problem = str(error.orig).strip().partition("\n")[0].rstrip(".")
    if _NOT_MIGRATED.search(f"{type(error.orig).__name__} {problem}"):
        step = "Make its tables, or bring them to this version: airflow db migrate"
    else:
        step = "Start it, or correct [database] sql_alchemy_conn"
    return AirflowDatabaseError(url, problem, step)


def ask_database(conn_id: str) -> None:
    """
    Ask Airflow's database for a connection, in a command: Airflow takes an error of it for "not here".

    :raises AirflowDatabaseError: it does not answer.
    """
    if not reads_the_database():
        return
    from airflow.secrets.metastore import MetastoreBackend
    from sqlalchemy.exc import DBAPIError

    try:
        MetastoreBackend().get_connection(conn_id)
    except DBAPIError as error:
        raise database_error(error) or error from None
