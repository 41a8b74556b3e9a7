"""``airflow daybreak check`` as a program, against a real mail server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.catcher import Catcher, make_certificate
from tests.integration.containers.compose import compose_rules
from tests.integration.containers.proxy import Proxy

PASSWORD = "a password of the tests"


@pytest.fixture
def catcher(tmp_path):
    make_certificate(tmp_path / "server.pem")
    catcher = Catcher(
        tmp_path / "mail", tmp_path / "server.pem", login="reports@example.org", password=PASSWORD
    )
    catcher.start()
    yield catcher
    catcher.stop()


@pytest.fixture
def check(tmp_path):
    """Return a function that runs the command with a ``.env``: its exit code, and its findings by part."""

    def run(dotenv, **env):
        path = tmp_path / ".env"
        path.write_text(dotenv)
        path.chmod(0o600)
        home = {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__SECRETS__BACKEND": "airflow_provider_daybreak.secrets.dotenv.DotenvBackend",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        done = subprocess.run(
            [Path(sys.executable).parent / "airflow", "daybreak", "check", "--output", "json"],
            env=os.environ | home | env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert PASSWORD not in done.stdout + done.stderr
        printed = done.stdout[re.search(r"^\[", done.stdout, re.MULTILINE).start() :]
        return done.returncode, {row["part"]: (row["state"], row["detail"]) for row in json.loads(printed)}

    return run


def lines(catcher, tmp_path, password=PASSWORD):
    return (
        f"EMAIL_SENDER=reports@example.org\nEMAIL_PASSWORD='{password}'\nSMTP_SERVER=localhost\n"
        f"SMTP_PORT={catcher.port}\nSMTP_CA_FILE={tmp_path / 'server.crt'}\nEMAIL_RECEIVER=you@example.org\n"
    )


def test_what_works_is_said_to(check, catcher, tmp_path):
    code, found = check(lines(catcher, tmp_path), DOCKER_HOST="tcp://127.0.0.1:1")

    assert found[".env"][0] == found["archive"][0] == found["releases"][0] == "ok"
    detail = f"localhost:{catcher.port}, starttls, logged in as reports@example.org; default recipients are set"
    assert found["mail server"] == ("ok", detail)
    assert found["Docker engine"][0] == "failed"
    assert "tcp://127.0.0.1:1" in found["Docker engine"][1]
    assert code == 1


def test_a_wrong_password_is_a_failure_that_does_not_show_it(check, catcher, tmp_path):
    code, found = check(lines(catcher, tmp_path, password="hunter2"))

    state, detail = found["mail server"]
    assert (code, state) == (1, "failed")
    assert "hunter2" not in detail


def test_a_line_that_cannot_be_read_is_named(check):
    code, found = check("EMAIL_SENDER=a@example.org\nEMAIL_PASSWORD='hunter2\n")

    assert code == 1
    assert "line 2: the quote opened at EMAIL_PASSWORD is never closed" in found[".env"][1]


def test_no_mail_server_is_missing_and_no_failure_of_it(check):
    _, found = check("# nothing yet\n")

    assert found["mail server"][0] == "missing"
    assert "smtp_default" in found["mail server"][1]


def test_a_local_archive_of_several_hosts_is_a_failure(check):
    code, found = check("# nothing yet\n", AIRFLOW__CORE__EXECUTOR="LocalExecutor,CeleryExecutor")

    assert code == 1
    assert found["archive"][0] == "failed"
    assert "archive_is_shared = True" in found["archive"][1]
    assert "CeleryExecutor" in found["workers"][1]
    assert found["releases"][0] == "missing"


def test_a_shared_mount_of_several_hosts_is_well(check, tmp_path):
    _, found = check(
        "# nothing yet\n",
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
        AIRFLOW__DAYBREAK__ARCHIVE_IS_SHARED="True",
        AIRFLOW__DAYBREAK__RELEASE_STORE=tmp_path.as_uri(),
    )

    assert (found["archive"][0], found["releases"][0]) == ("ok", "ok")
    assert "must be one mount that all workers share" in found["releases"][1]


@pytest.mark.engine
def test_an_engine_behind_the_socket_proxy_of_the_compose_file_answers(check):
    proxy = Proxy(compose_rules())

    _, found = check("# nothing\n", DOCKER_HOST=proxy.url)
    proxy.close()

    assert found["Docker engine"][0] == "ok", found["Docker engine"][1]
    assert proxy.refused == []
