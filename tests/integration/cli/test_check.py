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

BIN = Path(sys.executable).parent
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

    def run(dotenv, program=(BIN / "airflow", "daybreak"), **env):
        path = tmp_path / ".env"
        path.write_text(dotenv)
        path.chmod(0o600)
        home = {
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW__SECRETS__BACKEND": "airflow_provider_daybreak.secrets.dotenv.DotenvBackend",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }
        done = subprocess.run(
            [*program, "check", "--output", "json"],
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
    login = "logged in as reports@example.org, takes mail from reports@example.org"
    detail = f"localhost:{catcher.port}, starttls, {login}; default recipients are set"
    assert found["mail server"] == ("ok", detail)
    assert found["Docker engine"][0] == "failed"
    assert found["Docker engine"][1].startswith("tcp://127.0.0.1:1: Connection refused. Is it up")
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


def test_a_value_that_cannot_be_used_is_named_once(check):
    code, found = check("EMAIL_SENDER=a@example.org\nSMTP_SERVER=localhost\nSMTP_PORT=smtp\n")

    assert (code, found[".env"][0], found["mail server"][0]) == (1, "failed", "failed")
    assert "Cannot use SMTP_PORT of" in found[".env"][1]
    assert found["mail server"][1] == "not asked: its connection is in the .env, which is refused"


def test_a_connection_in_the_file_that_cannot_be_read_is_named(check):
    code, found = check("# nothing yet\nAIRFLOW_CONN_SALES={hunter2\n")

    assert (code, found[".env"][0]) == (1, "failed")
    assert "line 2: expected a connection as a URI or a JSON object" in found[".env"][1]
    assert "hunter2" not in found[".env"][1]


def test_a_sender_that_the_server_refuses_is_a_failure(check, catcher, tmp_path):
    async def refuse(*_):
        return "553 5.7.1 not your address"

    catcher.handle_MAIL = refuse
    code, found = check(lines(catcher, tmp_path))

    assert (code, found["mail server"][0]) == (1, "failed")
    assert "refuses the mail: 553 5.7.1 not your address. Correct from_email" in found["mail server"][1]


def test_places_that_cannot_be_written_are_failures_that_name_their_settings(check, tmp_path):
    (tmp_path / "file").touch()
    code, found = check(
        "# nothing yet\n",
        AIRFLOW__DAYBREAK__ARCHIVE=(tmp_path / "file" / "reports").as_uri(),
        AIRFLOW__DAYBREAK__RELEASES=str(tmp_path / "file" / "releases"),
    )

    assert (code, found["archive"][0], found["releases"][0]) == (1, "failed", "failed")
    for option in ("archive", "releases"):
        assert f"Invalid [daybreak] {option}" in found[option][1]
        assert "Not a directory" in found[option][1]


def test_a_setting_that_is_no_uri_does_not_hide_the_other_parts(check):
    code, found = check("# nothing yet\n", AIRFLOW__DAYBREAK__ARCHIVE="reports")

    assert (code, found["archive"][0], found["releases"][0]) == (1, "failed", "ok")


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


@pytest.mark.parametrize("program", [(BIN / "daybreak",), (sys.executable, "-m", "airflow_provider_daybreak")])
def test_it_is_a_program_of_its_own_too(check, program):
    _, found = check("# nothing yet\n", program=program)

    assert found[".env"][0] == "ok"
