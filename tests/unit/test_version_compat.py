"""What Airflow keeps to itself, as we use it."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest
from airflow import settings
from sqlalchemy import create_engine, text

from airflow_provider_daybreak.version_compat import waiting_for_sqlite


@pytest.fixture
def database(tmp_path, monkeypatch):
    """Return Airflow's database and its file."""
    path = tmp_path / "airflow.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE run (number INTEGER)"))
    monkeypatch.setattr(settings, "engine", engine)
    yield engine, path
    engine.dispose()


def write(path):
    with closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("INSERT INTO run VALUES (1)")
        other.commit()


def test_nobody_writes_between_what_a_change_reads_and_what_it_writes(database):
    engine, path = database

    with waiting_for_sqlite(), engine.begin() as connection:
        connection.execute(text("SELECT * FROM run")).all()
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            write(path)
        connection.execute(text("INSERT INTO run VALUES (2)"))

    write(path)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT number FROM run")).scalars().all() == [2, 1]


def test_others_transactions_begin_as_before(database):
    engine, path = database
    begun, done = threading.Event(), threading.Event()

    def read():
        with engine.begin() as connection:
            connection.execute(text("SELECT * FROM run")).all()
            begun.set()
            done.wait(60)

    thread = threading.Thread(target=read)
    with waiting_for_sqlite():
        thread.start()
        begun.wait(60)
        write(path)
        done.set()
    thread.join()
    with engine.begin() as connection:
        connection.execute(text("SELECT * FROM run")).all()
        write(path)
