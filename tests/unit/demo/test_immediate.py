"""What waits for SQLite's lock, and what fails at once for want of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
READ_THEN_WRITE = """
import sqlite3, sys, threading
from sqlalchemy import create_engine, text

path, module = sys.argv[1:]
if module:
    __import__(module)
other = sqlite3.connect(path, timeout=60, check_same_thread=False)
other.execute("PRAGMA journal_mode=WAL")
other.execute("CREATE TABLE runs (name)")
other.commit()

def write():
    with other:
        other.execute("INSERT INTO runs VALUES ('theirs')")

engine = create_engine(f"sqlite:///{path}?timeout=60&isolation_level=IMMEDIATE")
with engine.begin() as connection, connection.begin_nested():
    connection.execute(text("SELECT * FROM runs")).all()
    theirs = threading.Thread(target=write)
    theirs.start()
    theirs.join(1)  # it has written, or waits for us
    connection.execute(text("INSERT INTO runs VALUES ('ours')"))
theirs.join()
print(*sorted(name for name, in other.execute("SELECT name FROM runs")))
"""


@pytest.mark.parametrize(
    ("module", "ended"),
    [("", "database is locked"), ("demo.immediate", "ours theirs")],
    ids=["airflow", "waiting"],
)
def test_a_transaction_that_reads_first_waits_for_the_lock_only_where_it_begins_with_it(
    tmp_path, module, ended
):
    done = subprocess.run(
        [sys.executable, "-c", READ_THEN_WRITE, str(tmp_path / "runs.db"), module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended in (done.stdout if module else done.stderr)
    assert bool(done.returncode) == (not module)


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
