"""Sources that need something real: a deployed script, object storage."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from contextlib import contextmanager

import pytest

from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.exceptions import ScriptFailedError, ScriptOutputError
from airflow_provider_daybreak.hooks import sources
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.hooks.sources import Reader
from airflow_provider_daybreak.releases.deploy import Plan
from airflow_provider_daybreak.reports.sources import FileSource, ScriptSource, SqlSource
from tests.waiting import is_running, until

SCRIPT = """
import json, os, sys

day = os.environ["DAYBREAK_REPORT_DATE"]
print("some progress")
if sys.argv[1] == "json":
    print(json.dumps([{"day": day, "n": 1}, {"day": day, "n": 2}]))
elif sys.argv[1] == "start":
    print(json.dumps({"start": os.environ["DAYBREAK_PERIOD_START"], "place": os.environ["PLACE"]}))
elif sys.argv[1] == "huge":
    print("x" * 5_000_000)
elif sys.argv[1] == "secret":
    print(json.dumps([{"text": os.environ["PASSWORD"], "region": 1}]))
elif sys.argv[1] == "fail":
    sys.exit(3)
"""


TABLE = """
import csv, os, sys

rows = csv.writer(sys.stdout)
rows.writerow(["n", "name"])
for n in range(int(sys.argv[1])):
    rows.writerow([n + 1, 100 * (os.environ["PASSWORD"] if sys.argv[2:] else "tea ")])
"""


@pytest.fixture
def reader(make_context, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    run = run_of(make_context())
    return Reader(run, run.period("month", -1), tmp_path, offset=-1)


@pytest.fixture
def release(reader, tmp_path):  # noqa: ARG001 - it says where releases live
    """The name of a release whose script prints what its argument says."""
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "sales.py").write_text(SCRIPT)
    (tmp_path / "script" / "table.py").write_text(TABLE)
    (tmp_path / "script" / ".env").write_text("PASSWORD='pa\"ss, \"ü'\nSORT_KEY=region\n")
    (tmp_path / "script" / ".env").chmod(0o600)
    ReleaseHook().deploy("sales", Plan(tmp_path / "script"))
    return "sales"


def test_a_script_gives_json_for_the_reports_date(reader, release):
    rows = reader.read({"sales": ScriptSource(release, ["sales.py", "json"])})["sales"]

    assert list(rows) == [{"day": "2026-03-29", "n": 1}, {"day": "2026-03-29", "n": 2}]


def test_a_script_knows_the_reports_period_and_its_own_environment(reader, release):
    source = ScriptSource(release, "sales.py start", env={"PLACE": "Rome"})

    assert reader.read({"facts": source})["facts"] == {"start": "2026-02-01T00:00:00+01:00", "place": "Rome"}


def test_a_script_has_the_runs_own_day(reader, release, tmp_path):
    (tmp_path / "script" / "today.py").write_text(
        "from datetime import date; import json; print(json.dumps([str(date.today())]))"
    )
    ReleaseHook().deploy(release, Plan(tmp_path / "script"))

    source = ScriptSource(release, ["today.py"], clock="report_date")

    assert reader.read({"days": source})["days"] == ["2026-03-29"]


def test_a_script_runs_in_the_release_that_a_deploy_returned(reader, release, tmp_path):
    deployed = ReleaseHook().deploy(release, Plan(tmp_path / "script"))
    (tmp_path / "script" / "sales.py").write_text("print('[]')")
    ReleaseHook().deploy(release, Plan(tmp_path / "script"))

    rows = reader.read({"sales": ScriptSource(deployed, ["sales.py", "json"])})["sales"]

    assert len(rows) == 2
    assert reader.releases == {deployed["name"]: deployed["release"]}


def test_a_script_gives_csv(reader, release):
    rows = reader.read({"sales": ScriptSource(release, ["table.py", "1"], format="csv")})["sales"]

    assert list(rows) == [{"n": 1, "name": "tea " * 100}]


@pytest.mark.parametrize(("command", "format_"), [("table.py 1 secret", "csv"), ("sales.py secret", "json")])
def test_a_secret_is_masked_in_what_a_script_gives(reader, release, command, format_):
    rows = reader.read({"sales": ScriptSource(release, command, format=format_)})["sales"]

    [row] = rows
    assert "***" in str(row)
    assert not [value for value in row.values() if "pa" in str(value) or "ss" in str(value)]
    assert {"n", "region"} & row.keys()


@pytest.mark.parametrize("secret", ["", " secret"])
def test_a_table_that_is_too_large_is_an_error_and_never_a_shorter_table(reader, release, secret):
    rows = 6_000 if secret else 11_000  # the secrets are less than 4 MiB once they are masked

    with pytest.raises(
        ScriptOutputError, match=r"its stdout is larger than 4 MiB: it wrote \d,\d{3},\d{3} bytes"
    ):
        reader.read({"sales": ScriptSource(release, f"table.py {rows}{secret}", format="csv")})


@pytest.mark.parametrize(
    ("argument", "error", "message"),
    [
        ("fail", ScriptFailedError, "exit code 3"),
        ("huge", ScriptOutputError, "larger than 4 MiB"),
        ("nothing", ScriptOutputError, "is JSON. Print the JSON last"),
    ],
)
def test_a_script_that_gives_something_else_says_so(reader, release, argument, error, message):
    with pytest.raises(error) as caught:
        reader.read({"sales": ScriptSource(release, ["sales.py", argument])})

    assert message in str(caught.value)


@pytest.fixture
def bucket(monkeypatch):
    """The URI of a bucket on a server that speaks S3."""
    from airflow.sdk import ObjectStoragePath
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    connection = {
        "conn_type": "aws",
        "login": "access-key",
        "password": "secret-key",
        "extra": {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_SALES_STORE", json.dumps(connection))
    ObjectStoragePath("s3://sales_store@sales").fs.mkdir("sales")
    yield "s3://sales_store@sales"
    server.stop()


def test_files_of_a_day_are_read_from_object_storage(reader, bucket):
    from airflow.sdk import ObjectStoragePath

    for day, shop, n in (("29", "rome", 1), ("29", "oslo", 2), ("28", "rome", 9)):
        path = ObjectStoragePath(f"{bucket}/2026/03/{day}/{shop}.jsonl")
        with path.open("wb") as file:
            file.write(json.dumps({"shop": shop, "n": n}).encode())

    rows = reader.read({"sales": FileSource(f"{bucket}/{{report_date:%Y/%m/%d}}/*.jsonl")})["sales"]

    assert list(rows) == [{"shop": "oslo", "n": 2}, {"shop": "rome", "n": 1}]


@pytest.fixture
def limit():
    """Return a context in which the main thread is interrupted, once something is so, as by Airflow's limit of a task's time."""

    class TimeLimitError(BaseException):
        pass

    def interrupt(_signal, _frame):
        raise TimeLimitError

    @contextmanager
    def once(condition):
        def wait():
            until(condition)
            os.kill(os.getpid(), signal.SIGALRM)

        before = signal.signal(signal.SIGALRM, interrupt)
        waiting = threading.Thread(target=wait)
        waiting.start()
        try:
            with pytest.raises(TimeLimitError):
                yield
        finally:
            waiting.join()
            signal.signal(signal.SIGALRM, before)

    return once


def test_a_time_limit_ends_the_script_that_is_read_from(reader, release, limit, tmp_path):
    begun = tmp_path / "pid"
    program = f"import os, time; open('{begun}', 'w').write(str(os.getpid())); time.sleep(3600)"

    with limit(lambda: begun.exists() and begun.read_text()):
        reader.read({"sales": ScriptSource(release, ["python", "-c", program])})

    pid = int(begun.read_text())
    until(lambda: not is_running(pid))


def test_a_time_limit_ends_a_query(reader, limit, tmp_path, monkeypatch):
    sqlite3.connect(tmp_path / "shop.db").close()
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "shop.db")})
    )
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    threads = set(threading.enumerate())

    with limit(lambda: sources._reading):
        reader.read({"numbers": SqlSource(endless, conn_id="shop")})

    until(lambda: not set(threading.enumerate()) - threads)
