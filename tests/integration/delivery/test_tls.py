"""No credential leaves over a connection that others can read, or to somebody else."""

from __future__ import annotations

import logging
import pickle
import socket
import ssl
from contextlib import ExitStack, suppress
from threading import Thread

import pytest

from airflow_provider_daybreak.delivery.server import Server, Timeouts
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import SmtpError, SmtpLoginError, SmtpTlsError, SmtpUnavailableError
from tests.mail import LOGIN, PASSWORD, Listener, MailServer, credential_traces

QUICK = Timeouts(connect=3, greeting=2, command=2)


class Tap(Listener):
    """Passes bytes on to a server, and keeps those that came from the client."""

    def __init__(self, port, *, strip_starttls=False):
        self.sent = b""
        self._target = port
        self._strip = strip_starttls
        super().__init__(self._join)

    def _join(self, client):
        server = socket.create_connection(("127.0.0.1", self._target))
        Thread(target=self._pass, args=(server, client, False), daemon=True).start()
        self._pass(client, server, from_client=True)

    def _pass(self, source, target, from_client):
        with suppress(OSError):
            while data := source.recv(65536):
                if from_client:
                    self.sent += data
                elif self._strip:
                    data = data.replace(b"STARTTLS", b"NOTHING!")
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def reach(authority):
    """Return a function that opens a session through a tap, and says what the server and the tap saw."""
    with ExitStack() as stack:

        def open_session(*, tls=None, implicit=False, auth=True, strip=False, **settings):
            mail_server = stack.enter_context(MailServer(tls=tls, implicit=implicit, auth=auth))
            tap = Tap(mail_server.port, strip_starttls=strip)
            stack.callback(tap.close)
            settings = {"ca_file": str(authority.file), "login": LOGIN, "password": PASSWORD} | settings
            server = Server("localhost", tap.port, timeouts=QUICK, **settings)
            try:
                session = Session.open(server)
            except SmtpError as error:
                return error, mail_server, tap
            session.close()
            return None, mail_server, tap

        yield open_session


CASES = {
    "starttls is not offered": ({}, {}),
    "starttls is stripped on the way": ({"tls": {}}, {"strip": True}),
    "the certificate has expired": ({"tls": {"expired": True}}, {}),
    "the certificate is self-signed": ({"tls": {"own": True}}, {}),
    "the certificate is another host's": ({"tls": {"host": "mail.example.org"}}, {}),
    "the authority is not known": ({"tls": {}}, {"ca_file": None}),
    "the connection is to be in clear": ({}, {"security": "none"}),
    "the certificate is not to be verified": ({"tls": {}}, {"verify": False}),
    "tls from the start meets a server that begins in clear": ({"tls": {}}, {"security": "tls"}),
    "starttls meets a server with tls from the start": ({"tls": {}, "implicit": True}, {}),
    "tls from the start with an expired certificate": (
        {"tls": {"expired": True}, "implicit": True},
        {"security": "tls"},
    ),
    "tls from the start with another host's certificate": (
        {"tls": {"host": "mail.example.org"}, "implicit": True},
        {"security": "tls"},
    ),
    "the authority's file is missing": ({"tls": {}}, {"ca_file": "/no/such/ca.pem"}),
}


@pytest.mark.parametrize("case", CASES)
def test_no_credential_leaves_when(case, reach, authority):
    served, settings = CASES[case]
    tls = served.get("tls")
    error, mail_server, tap = reach(
        tls=None if tls is None else authority.context(**tls),
        implicit=served.get("implicit", False),
        **settings,
    )

    if case == "starttls meets a server with tls from the start":
        assert isinstance(error, SmtpUnavailableError)  # which says nothing, and may be slow
    else:
        assert isinstance(error, SmtpTlsError)
        assert error.permanent
        assert "No credential was sent" in str(error)
    assert mail_server.credentials == []
    assert not any(trace in tap.sent for trace in credential_traces())
    assert pickle.loads(pickle.dumps(error)).__dict__ == error.__dict__


@pytest.mark.parametrize("implicit", [False, True])
def test_a_verified_connection_logs_in(implicit, reach, authority):
    error, mail_server, tap = reach(
        tls=authority.context(), implicit=implicit, security="tls" if implicit else "starttls"
    )

    assert error is None
    assert mail_server.credentials == [(LOGIN, PASSWORD)]
    assert not any(trace in tap.sent for trace in credential_traces())


def test_a_connection_that_says_so_logs_in_without_verifying(reach, authority):
    error, mail_server, _ = reach(tls=authority.context(own=True), verify=False, allow_insecure=True)

    assert error is None
    assert mail_server.credentials == [(LOGIN, PASSWORD)]


def test_without_a_password_a_relay_may_be_in_clear(reach):
    error, _, _ = reach(auth=False, security="none", login="", password="")

    assert error is None


def test_a_wrong_password_gives_up_and_is_shown_nowhere(server, authority, caplog):
    caplog.set_level(logging.DEBUG)
    wrong = Server(
        "localhost",
        server.port,
        ca_file=str(authority.file),
        login=LOGIN,
        password="hunter-twenty-two",
        timeouts=QUICK,
    )

    with pytest.raises(SmtpLoginError, match="Cannot log in to the mail server .* 535") as caught:
        Session.open(wrong)

    assert caught.value.permanent
    assert caught.value.__cause__ is not None
    assert "hunter-twenty-two" not in str(caught.value) + repr(caught.value) + repr(wrong) + caplog.text


def test_a_password_that_the_server_echoes_is_not_shown(authority):
    context = authority.context()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def echo():
            client, _ = listening.accept()
            client.sendall(b"220 hi\r\n")
            client.recv(1000)
            client.sendall(b"250-hi\r\n250 STARTTLS\r\n")
            client.recv(1000)
            client.sendall(b"220 go\r\n")
            with context.wrap_socket(client, server_side=True) as secure:
                secure.recv(1000)
                secure.sendall(b"250-hi\r\n250 AUTH PLAIN\r\n")
                credentials = secure.recv(1000).split()[-1]
                secure.sendall(b"535 no such login: " + credentials + b" " + PASSWORD.encode() + b"\r\n")
                with suppress(OSError):
                    secure.recv(1000)

        thread = Thread(target=echo, daemon=True)
        thread.start()
        server = Server(
            "localhost",
            listening.getsockname()[1],
            ca_file=str(authority.file),
            login=LOGIN,
            password=PASSWORD,
            timeouts=QUICK,
        )
        with pytest.raises(SmtpLoginError) as caught:
            Session.open(server)
        thread.join(10)

    text = str(caught.value) + repr(caught.value.__cause__)
    assert "*** ***" in text
    assert not any(trace.decode() in text for trace in credential_traces())


def test_old_protocols_are_not_spoken(reach, authority):
    context = authority.context()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with suppress(ValueError):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    error, mail_server, _ = reach(tls=context)

    assert isinstance(error, SmtpError)
    assert mail_server.credentials == []
