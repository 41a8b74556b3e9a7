"""What waits for SQLite's lock, and what fails at once for want of it."""

from __future__ import annotations

import runpy
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from airflow.api_fastapi.core_api.routes.public import backfills
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from demo.plugins.backfills import let_backfills_wait

ROOT = Path(__file__).parents[3]


def read_then_write(path):
    """Write what another process writes, too, between what is read and what is written; return who has written."""
    other = sqlite3.connect(path, timeout=60, check_same_thread=False)
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE runs (name)")
    other.commit()

    def write():
        with other:
            other.execute("INSERT INTO runs VALUES ('theirs')")

    engine = create_engine(f"sqlite:///{path}?timeout=60&isolation_level=IMMEDIATE")
    theirs = threading.Thread(target=write)
    try:
        with engine.begin() as connection, connection.begin_nested():
            connection.execute(text("SELECT * FROM runs")).all()
            theirs.start()
            theirs.join(1)  # it has written, or waits for us
            connection.execute(text("INSERT INTO runs VALUES ('ours')"))
    finally:
        theirs.join()
        names = sorted(name for (name,) in other.execute("SELECT name FROM runs"))
        other.close()
        engine.dispose()
    return names


def test_a_backfill_by_airflows_form_waits_for_the_lock_only_where_the_demo_lets_it(tmp_path, monkeypatch):
    monkeypatch.setattr(backfills, "_create_backfill", lambda *, dag_id: read_then_write(dag_id))
    with pytest.raises(OperationalError, match="database is locked"):
        backfills._create_backfill(dag_id=tmp_path / "runs.db")

    let_backfills_wait(None)

    assert backfills._create_backfill(dag_id=tmp_path / "others.db") == ["ours", "theirs"]
    with pytest.raises(OperationalError, match="database is locked"):
        read_then_write(tmp_path / "third.db")


def test_the_command_line_waits_for_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr("airflow.__main__.main", lambda: read_then_write(tmp_path / "runs.db"))

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("demo.immediate", run_name="__main__")

    assert ended.value.code == ["ours", "theirs"]


def test_it_is_the_command_line_of_airflow(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "demo.immediate", "version"],
        cwd=ROOT,
        env={"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )

    from airflow import __version__

    assert done.stdout.split()[-1] == __version__
