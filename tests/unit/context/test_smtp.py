from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

import pytest
from airflow.sdk import Connection
from airflow.secrets.base_secrets import BaseSecretsBackend

from airflow_provider_daybreak.context.smtp import mail_settings
from airflow_provider_daybreak.exceptions import (
    DotenvValueError,
    InvalidValueError,
    MissingConnectionError,
    SecretsBackendError,
    SmtpLoginError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.secrets.dotenv import DotenvBackend


def settings(*, extra=None, **fields):
    fields = {"host": "mail.example.org", "login": "reports@example.org", "password": "hunter22"} | fields
    connection = Connection(conn_id="smtp_default", conn_type="smtp", extra=json.dumps(extra or {}), **fields)
    return mail_settings(connection, name="smtp_default")


@pytest.mark.parametrize(
    ("port", "extra", "security", "expected_port"),
    [
        (None, {}, "starttls", 587),
        (587, {}, "starttls", 587),
        (25, {}, "starttls", 25),
        (465, {}, "tls", 465),
        (587, {"disable_ssl": True}, "starttls", 587),
        (465, {"disable_tls": True}, "tls", 465),
        (None, {"disable_tls": True}, "tls", 465),
        (2465, {"disable_tls": True}, "tls", 2465),
        (1025, {"disable_tls": True, "disable_ssl": True}, "none", 1025),
        (587, {"disable_ssl": False, "disable_tls": False}, "starttls", 587),
        (587, {"disable_ssl": "true", "disable_tls": "false"}, "starttls", 587),
    ],
)
def test_the_port_decides_on_tls_where_the_connection_does_not(port, extra, security, expected_port):
    server = settings(port=port, extra=extra).server

    assert (server.security, server.port) == (security, expected_port)


@pytest.mark.parametrize("value", ["yes", "0", 0, 1, [], "False "])
def test_a_switch_is_a_boolean_and_nothing_like_it(value):
    if value == "False ":
        assert settings(extra={"disable_tls": value}).server.security == "starttls"
        return
    with pytest.raises(InvalidValueError, match="disable_tls in the extra of the connection 'smtp_default'"):
        settings(extra={"disable_tls": value})


def test_showing_the_settings_shows_no_password():
    assert "hunter22" not in repr(settings())


def test_mails_are_from_the_connections_address_or_its_login():
    assert settings().sender.addr_spec == "reports@example.org"
    assert str(settings(extra={"from_email": "Reports <r@example.org>"}).sender) == "Reports <r@example.org>"


def test_a_connection_without_a_sender_is_an_error():
    with pytest.raises(InvalidValueError, match="from_email in the extra"):
        settings(login="user")


def test_a_connection_without_a_host_is_an_error():
    with pytest.raises(InvalidValueError, match="host of the connection 'smtp_default'"):
        settings(host="")


@pytest.mark.parametrize("timeout", ["soon", 0, -1, 1e9, []])
def test_a_timeout_is_a_number_of_seconds(timeout):
    with pytest.raises(InvalidValueError, match="timeout in the extra"):
        settings(extra={"timeout": timeout})


def test_a_timeout_leaves_the_server_the_time_it_may_take_for_the_end_of_a_mail():
    timeouts = settings(extra={"timeout": 5}).server.timeouts

    assert (timeouts.command, timeouts.final) == (5, 600)


def test_an_access_token_takes_the_place_of_the_password():
    server = settings(extra={"auth_type": "oauth2", "access_token": "ya29.token"}).server

    assert server.token == "ya29.token"
    assert "ya29" not in repr(server)


def test_the_server_and_the_sender_are_of_the_domain_that_is_written():
    found = settings(host="mail.faß.de", extra={"from_email": "Berichte <info@faß.de>"})

    assert found.server.host == "mail.xn--fa-hia.de"
    assert found.sender.addr_spec == "info@xn--fa-hia.de"


@pytest.mark.parametrize("sender", ["jörg@example.org", "jörg", "a@example.org, b@example.org"])
def test_a_sender_is_one_address_that_every_server_can_send_from(sender):
    with pytest.raises(InvalidValueError, match="from_email in the extra of the connection 'smtp_default'"):
        settings(extra={"from_email": sender})


def test_a_host_that_nobody_can_have_is_an_error():
    with pytest.raises(InvalidValueError, match="host of the connection 'smtp_default'"):
        settings(host="mail.faß_.de")


class FailingBackend(BaseSecretsBackend):
    """Holds something that it can't read."""

    def get_connection(self, conn_id, **_):
        raise ValueError(f"a password stands in {conn_id}")


def test_an_error_of_a_secrets_backend_is_said_in_place_of_a_connection_that_is_not_defined(monkeypatch):
    monkeypatch.setattr(
        "airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded", lambda: [FailingBackend()]
    )

    with pytest.raises(SecretsBackendError) as caught:
        DeliveryHook("smtp_of_ours").settings()

    assert "'smtp_of_ours': the secrets backend FailingBackend failed with ValueError" in str(caught.value)
    assert "password" not in str(caught.value)


def test_a_refused_file_is_said_in_place_of_a_connection_that_is_not_defined(tmp_path, monkeypatch):
    path = tmp_path / ".env"
    path.write_text("EMAIL_SENDER=a@example.org\nSMTP_SERVER=relay\nSMTP_PORT=hunter2\n")
    path.chmod(0o600)
    backend = DotenvBackend(path=str(path))
    monkeypatch.setattr(
        "airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded", lambda: [backend]
    )

    with pytest.raises(DotenvValueError, match="Cannot use SMTP_PORT of .* line 3"):
        DeliveryHook().settings()


def test_a_connection_that_nothing_holds_is_not_defined():
    with pytest.raises(MissingConnectionError, match="smtp_of_nobody"):
        DeliveryHook("smtp_of_nobody").settings()


CLIENT = {"auth_type": "oauth2", "client_id": "reports", "client_secret": "hunter33", "tenant_id": "example"}


@pytest.fixture
def identity_platform(monkeypatch):
    """Return a function that says what answers a request for a token, and the requests that came."""
    answers, requests = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            form = self.rfile.read(int(self.headers["Content-Length"])).decode()
            requests.append((self.path, {key: value for key, (value,) in parse_qs(form).items()}))
            code, answer = answers[0]
            self.send_response(code)
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(
        "airflow_provider_daybreak.context.smtp.LOGIN_URL", f"http://127.0.0.1:{server.server_port}"
    )

    def answer(code, text):
        answers[:] = [(code, text)]
        return requests

    yield answer
    server.shutdown()
    server.server_close()


def test_a_client_is_given_a_token_by_the_identity_platform(identity_platform):
    requests = identity_platform(200, '{"access_token": "granted", "expires_in": 3599}')

    assert settings(extra=CLIENT).server.token == "granted"
    assert requests == [
        (
            "/example/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "client_id": "reports",
                "client_secret": "hunter33",
                "scope": "https://outlook.office.com/.default",
            },
        )
    ]


@pytest.mark.parametrize(
    ("code", "answer", "error", "said"),
    [
        (401, '{"error": "invalid_client"}', SmtpLoginError, "gives client 'reports' no token: invalid_client"),
        (
            400,
            '{"error_description": "AADSTS90002: no tenant.\\nTrace"}',
            SmtpLoginError,
            "AADSTS90002: no tenant",
        ),
        (403, "<html>", SmtpLoginError, "HTTP 403"),
        (429, "{}", SmtpUnavailableError, "HTTP 429"),
        (503, "", SmtpUnavailableError, "HTTP 503"),
        (200, "[]", SmtpUnavailableError, "gives no token"),
        (200, "<html>", SmtpUnavailableError, "gives no token"),
    ],
)
def test_a_token_that_is_not_given_is_an_error_that_says_why_and_shows_no_secret(
    identity_platform, code, answer, error, said
):
    identity_platform(code, answer)

    with pytest.raises(error) as caught:
        settings(extra=CLIENT)

    assert said in str(caught.value)
    assert "hunter33" not in str(caught.value)


def test_oauth2_without_a_token_or_a_client_is_an_error_that_says_what_is_missing():
    with pytest.raises(
        InvalidValueError, match="an access_token beside it, or a client_id and a client_secret"
    ):
        settings(extra={"auth_type": "oauth2", "client_id": "reports"})


@pytest.mark.parametrize("name", ["two words", "a_b", "x" * 300, "host..org", 1])
def test_a_host_calls_itself_by_a_name_that_can_be(name):
    with pytest.raises(InvalidValueError, match="local_hostname in the extra of the connection 'smtp_default'"):
        settings(extra={"local_hostname": name})
