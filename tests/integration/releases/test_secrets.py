"""A canary in the index's password and in ``.env``, looked for wherever others could find it."""

from __future__ import annotations

import base64
import json
import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from airflow_provider_daybreak.context.package_index import index_of
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    LockingError,
    MissingConnectionError,
    ScriptFailedError,
)
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator
from tests.integration.releases.package_index import PackageIndex

INDEX_CANARY = "canary-of-the-index-7d1f"
ENV_CANARY = "canary-of-the-script-93ab"

SCRIPT = """
import os, pathlib, sys, thing
value = os.environ["EMAIL_PASSWORD"]
assert value in (pathlib.Path(__file__).parent / ".env").read_text()
print("logging in with", value)
print("login failed:", value, file=sys.stderr)
print("done with", value)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def connection(monkeypatch, tmp_path):
    """Start an index that asks for the canary, and set the connection that knows it."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    with PackageIndex(f"robot:{INDEX_CANARY}") as index:
        index.add("thing")
        value = {"conn_type": "package_index", "host": index.url, "login": "robot", "password": INDEX_CANARY}
        monkeypatch.setenv("AIRFLOW_CONN_PACKAGES", json.dumps(value))
        yield "packages"


@pytest.fixture
def arguments_seen():
    """Collect the arguments of every process on this machine, again and again, in the background."""
    seen = set()
    stop = threading.Event()

    def watch():
        while not stop.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):  # it has ended meanwhile
                    seen.add(path.read_bytes())
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    yield seen
    stop.set()
    thread.join()


def files_with(canary, *folders):
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and canary.encode() in path.read_bytes()
    ]


def test_no_secret_is_found_anywhere(connection, source, make_context, arguments_seen, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    folder = source({"requirements.txt": "thing\n"}, script=SCRIPT)
    (folder / ".env").write_text(f"EMAIL_PASSWORD={ENV_CANARY}\n")
    (folder / ".env").chmod(0o600)
    deploy = VenvDeployOperator(task_id="deploy", name="daily", source=folder, index_conn_id=connection)

    info = deploy.execute(make_context())
    run = VenvRunOperator(task_id="run", release=info, command=["report.py", "0"])
    result = run.execute(make_context())
    failing = VenvRunOperator(task_id="run", release=info, command=["report.py", "1"])
    with pytest.raises(ScriptFailedError) as caught:
        failing.execute(make_context())

    assert result == "done with ***"
    assert "logging in with ***" in caplog.text
    assert "login failed: ***" in str(caught.value)
    fields = [getattr(task, field) for task in (deploy, run, failing) for field in task.template_fields]
    for canary in (INDEX_CANARY, ENV_CANARY):
        assert canary not in caplog.text
        assert canary not in json.dumps(info) + str(result) + str(caught.value) + repr(caught.value)
        assert canary not in repr(fields)
        assert not [one for one in arguments_seen if canary.encode() in one]
    assert files_with(INDEX_CANARY, tmp_path / "releases", tmp_path / "uv-cache") == []
    assert files_with(ENV_CANARY, tmp_path / "releases") == [
        tmp_path / "releases" / "daily" / "shared" / ".env"
    ]


HARD = 'c4n"ärý of\\it/d+1'
FORMS = """
import base64, json, os, sys, urllib.parse
value = os.environ["EMAIL_PASSWORD"]
forms = [
    value, json.dumps(value), json.dumps(json.dumps(value), ensure_ascii=False), repr(value), urllib.parse.quote(value, safe=""),
    urllib.parse.quote_plus(value), base64.b64encode(value.encode()).decode(), base64.b64encode(b"me:" + value.encode()).decode(),
    "https://me:" + urllib.parse.quote(value, safe="") + "@example.org/", value.replace('"', '""'),
]
for form in forms:
    print("<" + form + ">")
    print("<" + form + ">", file=sys.stderr)
for before in range(65_536 - 60, 65_536):
    print("." * before + value + "." * 70_000)
print(json.dumps({"all": forms, value: value}))
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("output", ["json", "last_line"])
def test_no_form_of_a_secret_reaches_a_log_a_result_or_an_error(
    source, make_context, tmp_path, monkeypatch, caplog, output
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    folder = source(script=FORMS.replace("65_536 - 60", "65_536 - 2" if output == "json" else "65_536 - 12"))
    (folder / ".env").write_text("EMAIL_PASSWORD='" + HARD.replace("\\", "\\\\") + "'\n")
    (folder / ".env").chmod(0o600)
    info = VenvDeployOperator(task_id="deploy", name="daily", source=folder).execute(make_context())
    task = VenvRunOperator(task_id="run", release=info, command=["report.py", "0"], output=output)
    result = task.execute(make_context())
    failing = VenvRunOperator(task_id="run", release=info, command=["report.py", "1"])
    with pytest.raises(ScriptFailedError) as caught:
        failing.execute(make_context())

    encoded = base64.b64encode(HARD.encode()).decode().strip("=")
    parts = ["4n", "ärý", "\\u00e4r", "%C3%A4r", "it/d", "it%2Fd", encoded[:8], encoded[-8:]]
    for where in (caplog.text, json.dumps(result, ensure_ascii=False), str(caught.value), repr(caught.value)):
        assert not [where[max(0, where.index(part) - 30) :][:80] for part in parts if part in where]
    assert "***" in caplog.text
    assert files_with(HARD[:6], tmp_path / "releases") == [tmp_path / "releases" / "daily" / "shared" / ".env"]


def test_a_wrong_password_is_an_error_that_does_not_show_it(connection, source, make_context, monkeypatch):
    value = json.loads(os.environ["AIRFLOW_CONN_PACKAGES"])
    monkeypatch.setenv("AIRFLOW_CONN_PACKAGES", json.dumps(value | {"password": "wrong-canary"}))
    deploy = VenvDeployOperator(
        task_id="deploy", name="daily", source=source({"requirements.txt": "thing\n"}), index_conn_id=connection
    )

    with pytest.raises(LockingError, match="401|credentials") as caught:
        deploy.execute(make_context())

    assert "wrong-canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("", "expected the https:// address of a simple index as its host"),
        ("packages.example/simple", "expected the https:// address"),
        ("https://user:password-in-clear@packages.example/simple", "expected the https:// address"),
        ("https://packages.example/simple?token=in-clear", "expected the https:// address"),
        ("http:user:in-clear@packages.example", "expected the https:// address"),
        ("https://[in-clear/simple", "expected the https:// address"),
        ("http://packages.example/simple", "expected https://, since it has a password"),
    ],
)
def test_a_connection_that_is_no_index_is_an_error(monkeypatch, host, problem):
    value = {"conn_type": "package_index", "host": host, "login": "robot", "password": "secret-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_PACKAGES", json.dumps(value))

    with pytest.raises(InvalidValueError, match=problem) as caught:
        index_of("packages")

    assert "in-clear" not in str(caught.value)


def test_an_index_without_a_connection_is_an_error_that_says_what_to_add():
    with pytest.raises(MissingConnectionError, match="no connection 'packages' to get packages over. Add one"):
        index_of("packages")
