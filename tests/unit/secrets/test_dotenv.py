from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback

import pytest
from airflow.sdk import Connection

from airflow_provider_daybreak.delivery.recipients import Recipient, parse_recipients
from airflow_provider_daybreak.exceptions import DotenvError, DotenvMissingKeyError, DotenvValueError
from airflow_provider_daybreak.secrets.dotenv import DotenvBackend

SMTP = "EMAIL_SENDER=reports@example.org\nEMAIL_PASSWORD='hunter2 #1'\nSMTP_SERVER=smtp.example.org\n"


@pytest.fixture
def backend(tmp_path):
    def make(text: str, **kwargs):
        path = tmp_path / ".env"
        path.write_text(text)
        path.chmod(0o600)
        backend = DotenvBackend(path=str(path), **kwargs)
        backend._set_connection_class(Connection)
        return backend

    return make


def test_the_five_keys_of_a_script_become_the_default_smtp_connection(backend):
    text = SMTP + "EMAIL_RECEIVER='ann@example.org, \"Doe, Bo\" <bo@example.org>'\n"

    connection = backend(text).get_connection("smtp_default")

    assert (connection.conn_type, connection.host, connection.port) == ("smtp", "smtp.example.org", 587)
    assert (connection.login, connection.password) == ("reports@example.org", "hunter2 #1")
    assert connection.extra_dejson == {
        "from_email": "reports@example.org",
        "disable_ssl": True,
        "disable_tls": False,
        "default_recipients": ["ann@example.org", '"Doe, Bo" <bo@example.org>'],
    }


def test_port_465_means_tls_from_the_start(backend):
    extra = backend(SMTP + "SMTP_PORT=465\n").get_connection("smtp_default").extra_dejson

    assert (extra["disable_ssl"], extra["disable_tls"]) == (False, True)


def test_without_a_password_there_is_no_login(backend):
    text = "EMAIL_SENDER=Reports <reports@example.org>\nSMTP_SERVER=relay\nSMTP_PORT=25\n"

    connection = backend(text).get_connection("smtp_default")

    assert (connection.login, connection.password) == (None, None)
    assert connection.extra_dejson["from_email"] == "Reports <reports@example.org>"


def test_a_private_authority_can_be_trusted(backend):
    extra = backend(SMTP + "SMTP_CA_FILE=/etc/ssl/private-ca.pem\n").get_connection("smtp_default").extra_dejson

    assert extra["ca_file"] == "/etc/ssl/private-ca.pem"


def test_a_file_without_the_five_keys_has_no_smtp_connection(backend):
    assert backend("OTHER=1\n").get_connection("smtp_default") is None


def test_connections_and_variables_of_airflow_work_in_the_file(backend):
    backend = backend("AIRFLOW_CONN_LAKE='postgres://u:p@db:5432/lake'\nAIRFLOW_VAR_COLOUR=red\n")

    assert backend.get_connection("lake").host == "db"
    assert backend.get_variable("colour") == "red"
    assert backend.get_variable("size") is None


def test_the_environment_wins(backend, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", "postgres://other")
    monkeypatch.setenv("AIRFLOW_VAR_COLOUR", "blue")
    monkeypatch.setenv("SMTP_SERVER", "other.example.org")
    backend = backend(SMTP + "AIRFLOW_CONN_LAKE='postgres://db'\nAIRFLOW_VAR_COLOUR=red\n")

    assert backend.get_connection("lake") is None
    assert backend.get_variable("colour") is None
    assert backend.get_connection("smtp_default").host == "other.example.org"


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("SMTP_PORT=hunter2", "SMTP_PORT"),
        ("SMTP_PORT=0", "SMTP_PORT"),
        ("EMAIL_RECEIVER=hunter2", "EMAIL_RECEIVER"),
        ("EMAIL_RECEIVER=a@hunter2ß_.de", "EMAIL_RECEIVER"),
        ("EMAIL_RECEIVER='a@example.org hunter2@example.org'", "EMAIL_RECEIVER"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_by_file_line_and_key_alone(backend, caplog, line, key):
    backend = backend(SMTP + line + "\n")

    with caplog.at_level(logging.ERROR), pytest.raises(DotenvValueError) as caught:
        backend.get_connection("smtp_default")

    assert f"Cannot use {key} of {str(backend.path)!r} line 4: expected" in str(caught.value)
    assert str(caught.value) in caplog.text
    assert "hunter2" not in caplog.text


def test_a_key_that_the_others_need_is_named(backend):
    with pytest.raises(DotenvMissingKeyError, match="sets no SMTP_SERVER"):
        backend("EMAIL_SENDER=a@example.org\n").get_connection("smtp_default")


def test_a_missing_file_is_said_in_the_log(tmp_path, caplog):
    with pytest.raises(DotenvError):
        DotenvBackend(path=str(tmp_path / "none")).get_variable("colour")

    assert "there is no such file" in caplog.text


def test_what_the_file_does_not_hold_is_asked_of_the_fallback(backend, tmp_path):
    variables, connections = tmp_path / "variables.json", tmp_path / "connections.json"
    variables.write_text(json.dumps({"size": "large"}))
    connections.write_text(json.dumps({"lake": "postgres://fallback"}))
    backend = backend(
        "AIRFLOW_VAR_COLOUR=red\n",
        fallback_backend="airflow.secrets.local_filesystem.LocalFilesystemBackend",
        fallback_backend_kwargs={
            "variables_file_path": str(variables),
            "connections_file_path": str(connections),
        },
    )

    assert (backend.get_variable("colour"), backend.get_variable("size")) == ("red", "large")
    assert backend.get_connection("lake").host == "fallback"


def test_receivers_are_read_as_people_write_them_and_reach_the_domain_that_is_written(backend):
    text = SMTP + "EMAIL_RECEIVER='info@faß.de; Roe, Ann <ann@example.org>\n Jörg <joerg@example.org>,'\n"

    extra = backend(text).get_connection("smtp_default").extra_dejson

    assert parse_recipients(extra["default_recipients"]) == [
        Recipient("info@xn--fa-hia.de"),
        Recipient("ann@example.org", "Roe, Ann"),
        Recipient("joerg@example.org", "Jörg"),
    ]


def test_a_sender_of_an_international_domain_logs_in_as_itself(backend):
    text = "EMAIL_SENDER=info@faß.de\nEMAIL_PASSWORD=hunter2\nSMTP_SERVER=relay\n"

    assert backend(text).get_connection("smtp_default").login == "info@xn--fa-hia.de"


@pytest.mark.parametrize("value", ["'{\"conn_type\": hunter2'", "'smtp://u:hunter2/x@host:y'"])
def test_a_connection_that_cannot_be_read_is_named_without_its_value(backend, caplog, value):
    backend = backend(f"OTHER=1\nAIRFLOW_CONN_LAKE={value}\n")

    with caplog.at_level(logging.ERROR), pytest.raises(DotenvValueError) as caught:
        backend.get_connection("lake")

    assert f"Cannot use AIRFLOW_CONN_LAKE of {str(backend.path)!r} line 2: expected a connection" in caplog.text
    assert "hunter2" not in caplog.text + "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("module", ["version_compat", "secrets.dotenv", "context.run", "operators.report"])
def test_a_program_may_import_ours_before_airflow_imports_the_backend(tmp_path, module):
    (tmp_path / ".env").touch(mode=0o600)
    code = f"""
import airflow_provider_daybreak.{module}
from airflow.configuration import ensure_secrets_loaded
print(type(ensure_secrets_loaded()[0]).__name__)
"""
    env = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__SECRETS__BACKEND": "airflow_provider_daybreak.secrets.dotenv.DotenvBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"path": str(tmp_path / ".env")}),
    }
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)

    assert done.stdout == "DotenvBackend\n", done.stderr
