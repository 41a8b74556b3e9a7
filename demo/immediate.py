"""
The ``airflow`` command line, with transactions that take SQLite's lock for writing as they begin.

Airflow creates a backfill within savepoints, before which SQLite takes no lock that lasts: when another process writes
between what it reads and what it writes, it fails at once, whatever the timeout, and Airflow removes the runs it has
made, of which a scheduler that holds one of them ends. A transaction that begins with the lock waits for it instead.
"""

from __future__ import annotations

import sqlite3
import sys
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def _leave_transactions_to_us(connection: Any, _: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None


@event.listens_for(Engine, "begin")
def _take_the_lock(connection: Connection) -> None:
    if connection.dialect.driver == "pysqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


if __name__ == "__main__":
    from airflow.__main__ import main  # after the above: it makes its engine as it is imported

    sys.exit(main())
