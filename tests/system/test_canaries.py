"""Secrets of every kind, looked for in all that a run under a real scheduler leaves anywhere."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.mail import LOGIN, Authority, MailServer
from tests.system.conftest import DAGS
from tests.system.test_delivery import TODAY

pytestmark = [pytest.mark.scheduler, pytest.mark.engine]

CANARIES = {place: f'{place}-c4n"ärý of\\it/d+1' for place in ("dotenv", "connection", "mail")}


def parts(secret):
    """Return texts that each form of a secret has in it, so that half of one is found too."""
    place = secret.partition("-")[0]
    encoded = base64.b64encode(secret.encode()).decode().strip("=")
    after = base64.b64encode(b"me:" + secret.encode()).decode().strip("=")  # three bytes: the same, further on
    assert after.endswith(encoded)
    quoted = urllib.parse.quote(secret, safe="")
    found = [
        f"{place}-c4n",
        "ärý of",
        "u00e4r\\u00fd",
        "\\xe4r\\xfd",
        quoted[len(place) + 3 :][:14],
        encoded[:16],
        encoded[-12:],
    ]
    return [part.encode() for part in found]


NEEDLES = {part for secret in CANARIES.values() for part in parts(secret)}


def shown(data):
    """Return what of the canaries a text shows, each with what stands around it."""
    return [data[max(0, data.index(one) - 60) :][:140] for one in NEEDLES if one in data]


@pytest.fixture
def watched(engine):
    """Collect what anybody on this machine may see meanwhile: arguments of processes, and what the engine tells."""
    seen, asked, stop = set(), set(), threading.Event()

    def watch():
        while not stop.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended meanwhile
                    seen.add(path.read_bytes())
            time.sleep(0.05)

    def ask():
        from docker.errors import APIError

        while not stop.is_set():
            for one in engine.containers(all=True):
                if (state := (one["Id"], one["State"])) in asked:
                    continue  # others' stand beside it for long
                asked.add(state)
                with suppress(APIError):  # it goes meanwhile, which is no 404 until it has gone
                    found = engine.inspect_container(one["Id"])
                    history = engine.history(found["Image"])
                    seen.add(json.dumps([one, found, history], ensure_ascii=False).encode())
            time.sleep(0.05)

    threads = [threading.Thread(target=target) for target in (watch, ask)]
    for thread in threads:
        thread.start()
    yield seen
    stop.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def secrets(stack, tmp_path):
    """Put a canary wherever a chain has a secret; return the folder that the Dag is to use."""
    value = CANARIES["dotenv"].replace("\\", "\\\\")
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / ".env").write_text(f"EMAIL_PASSWORD='{value}'\n")
    authority = Authority(tmp_path)
    with MailServer(tls=authority.context(), auth=True) as server:  # which takes another password
        extra = {"from_email": LOGIN, "ca_file": str(authority.file)}
        mail = {
            "conn_type": "smtp",
            "host": "localhost",
            "port": server.port,
            "login": LOGIN,
            "extra": json.dumps(extra),
        }
        connections = {
            "canary": {"conn_type": "generic", "password": CANARIES["connection"]},
            "canary_mail": {**mail, "password": CANARIES["mail"]},
        }
        for name, fields in connections.items():
            stack.airflow.api("POST", "/connections", json={"connection_id": name, **fields})
        yield tmp_path
        assert server.credentials, "the password was never tried"
    for name in connections:
        stack.airflow.api("DELETE", f"/connections/{name}")


def rows_of(database):
    """Yield all rows of all tables, but of the one that keeps connections, encrypted where there is a key."""
    with closing(sqlite3.connect(database)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            if table != "connection":
                for row in connection.execute(f'SELECT * FROM "{table}"'):
                    yield table, row


def as_bytes(row):
    return b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in row)


def test_what_is_looked_for_stands_in_what_the_script_says():
    secret = CANARIES["dotenv"]
    said = subprocess.run(
        [sys.executable, DAGS / "canaries" / "report.py", "run"],
        env={**os.environ, "EMAIL_PASSWORD": secret}, capture_output=True, check=True,
    )  # fmt: skip

    assert [part for part in parts(secret) if part not in said.stdout or part not in said.stderr] == []


def test_no_secret_is_anywhere_but_where_it_belongs(stack, secrets, watched):
    airflow, conf = stack.airflow, {"folder": str(secrets), "report_date": TODAY.isoformat()}
    airflow.wait_for_dag("canaries")
    run = airflow.trigger("canaries", conf=conf)
    stack.wait(run, dag_id="canaries")
    tested = subprocess.run(
        ["airflow", "dags", "test", "canaries", TODAY.isoformat(), "--conf", json.dumps(conf)],
        env=airflow.env, capture_output=True, check=False,
    )  # fmt: skip

    states = airflow.tasks("canaries", run)
    failing = {"fail", "mail", "fail_in_container"}
    assert states == {task: "failed" if task in failing else "success" for task in states}
    assert len(states) == 6
    text = airflow.task_log("canaries", run, "run")
    assert text.count("<***>") + text.count('<"***">') >= 8  # they did print it
    told = sorted(watched)  # a copy: it is still being added to
    assert b"/run/secrets" in b"".join(told)
    assert [shown(one) for one in told if shown(one)] == []
    assert shown(tested.stdout + tested.stderr) == []
    found = {
        table: shown(as_bytes(row))
        for table, row in rows_of(airflow.home / "airflow.db")
        if shown(as_bytes(row))
    }
    assert found == {}
    folders = [airflow.home, stack.archive.root, Path(airflow.env["AIRFLOW__DAYBREAK__RELEASES"])]
    read = {}
    for path in (path for folder in folders for path in folder.rglob("*")):
        if path.name not in (".env", "airflow.db", "airflow.db-wal") and not path.is_symlink():
            with suppress(FileNotFoundError, IsADirectoryError):  # other tests' runs come and go beside it
                read[path] = shown(path.read_bytes())
    assert {path: lines for path, lines in read.items() if lines} == {}
    assert any(path.name.startswith("attempt=") for path in read)
