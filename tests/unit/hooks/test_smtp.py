from __future__ import annotations

import json

import pytest
from airflow.sdk import Connection

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.hooks.smtp import mail_settings


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
