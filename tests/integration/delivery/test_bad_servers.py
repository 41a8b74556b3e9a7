"""A server that hangs, drops, talks nonsense or says 421 at any step: tried again, never twice."""

from __future__ import annotations

import json
import re
import socket
import struct
from base64 import b64decode
from datetime import datetime, timezone
from email.headerregistry import Address

import pytest

from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import Mailing
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import parse_recipients
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.delivery.server import Server, Timeouts
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    DeliveryIncompleteError,
    DeliveryPendingError,
    SenderRefusedError,
    SmtpHelloError,
    SmtpLoginError,
    SmtpUnavailableError,
)
from tests.attacks import often
from tests.mail import LOGIN, PASSWORD, Listener, MailServer

STEPS = ("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "end")
GOOD = {
    "greeting": "220 hi",
    "EHLO": "250-hi\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250 SIZE",
    "AUTH": "235 welcome",
    "DATA": "354 go on",
}
FAULTS = {
    "drops": None,
    "hangs": "",
    "talks nonsense": "Bonjour tout le monde",
    "says 421": "421 closing",
    "never ends its reply": "250-" + "\r\n250-".join("more" for _ in range(500)),
    "says 999": "999 what",
    "says 350": "350 go on",
}


ODD = {
    "half a line, and waits": b"25",
    "half a line, and drops": (b"250-o", "drops"),
    "half a line, and resets": (b"250 o", "resets"),
    "nothing, and resets": (b"", "resets"),
    "line ends": b"\r\n" * 50,
    "a line that a line feed ends": b"250 ok\n",
    "a line that a carriage return ends": b"250 ok\r",
    "two replies": b"250 ok\r\n250 ok\r\n",
    "a good one and a bad one": b"250 ok\r\n550 no\r\n",
    "lines of two codes": b"250-ok\r\n550 no\r\n",
    "lines of which the last is missing": b"250-ok\r\n250-ok\r\n",
    "a code of two digits": b"25 ok\r\n",
    "a code of four digits": b"2500 ok\r\n",
    "a code of digits that are none of ASCII": "٢٥٠ ok\r\n".encode(),
    "a code below nought": b"-50 ok\r\n",
    "a code of nothing": b"000 ok\r\n",
    "a code alone": b"250\r\n",
    "a code of its own": b"299 ok\r\n",
    "200": b"200 ok\r\n",
    "221": b"221 bye\r\n",
    "251": b"251 elsewhere\r\n",
    "354": b"354 go on\r\n",
    "450": b"450 later\r\n",
    "499": b"499 ?\r\n",
    "550": b"550 no\r\n",
    "599": b"599 never\r\n",
    "a line of a megabyte": b"250 " + b"x" * (1 << 20) + b"\r\n",
    "zeros": b"\0" * 1000,
    "bytes that are no text": b"250 \xff\xfe\r\n",
    "TLS": b"\x16\x03\x01\x00\x05hello",
    "a page of the web": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an escape": b"250 \x1b[2J\x1b]0;x\x07\r\n",
}


class FaultyServer(Listener):
    """
    :param step: where it fails.
    :param reply: with what; None ends the connection, nothing says nothing, bytes are sent as they are.
    :ivar said: the lines that the client sent.
    """

    def __init__(self, step, reply):
        self.step, self.reply, self.taken, self.said = step, reply, 0, []
        super().__init__(self._serve)

    def _serve(self, client):
        with client, client.makefile("rb") as lines:

            def answer(step):
                reply = self.reply if step == self.step else GOOD.get(step, "250 ok")
                raw, then = reply if isinstance(reply, tuple) else (reply, "")
                if isinstance(raw, bytes):
                    client.sendall(raw)
                if then == "resets":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    raise OSError
                if reply is None or then == "drops":
                    client.shutdown(socket.SHUT_RDWR)
                    raise OSError
                if isinstance(reply, str) and reply:
                    client.sendall(reply.encode() + b"\r\n")

            answer("greeting")
            for line in lines:
                self.said.append(line)
                verb = line.partition(b" ")[0].strip().decode(errors="replace").upper()
                answer("EHLO" if verb == "HELO" else verb)
                if verb == "DATA" and self.step != "DATA":
                    while (line := lines.readline()) not in (b".\r\n", b""):
                        pass
                    self.taken += line == b".\r\n"
                    answer("end")


@pytest.fixture
def mail_over(tmp_path, revision):
    """Return a function that mails one person over a port."""

    def mail(port, step=""):
        message = Message(
            Address(addr_spec="r@example.org"),
            "Almanac",
            revision,
            recipients=parse_recipients("jane@example.org"),
        )
        rules = Rules(max_lateness=None, pauses=(0,))
        one = Mailing(message, Ledger(tmp_path / "ledger"), rules=rules, run={}, now=datetime.now(timezone.utc))
        quick = Timeouts(connect=2, greeting=0.3, command=0.3, data=0.3, block=0.3, final=0.3)
        security = "starttls" if step == "STARTTLS" else "none"
        login = {"login": LOGIN, "password": PASSWORD, "allow_insecure": True} if step == "AUTH" else {}
        server = Server("127.0.0.1", port, security=security, timeouts=quick, **login)
        one.send(lambda: Session.open(server)).check("daily_report")

    return mail


@pytest.mark.attack("faults of a mail server")
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_fails_is_tried_again_unless_it_may_have_the_mail(step, fault, mail_over):
    server = FaultyServer(step, FAULTS[fault])
    errors = []
    for _ in range(3):
        with pytest.raises(DaybreakError) as caught:
            mail_over(server.port, step)
        errors.append(caught.value)
    server.close()

    if step == "end" and fault != "says 421":
        assert isinstance(errors[-1], DeliveryIncompleteError)
        assert "jane@example.org" in errors[-1].unknown
        assert server.taken == 1
    else:
        assert isinstance(errors[-1], DeliveryPendingError | SmtpUnavailableError)
        assert not errors[-1].permanent


CASES = [
    (step, said) for said in ODD for step in STEPS if (step, said) != ("DATA", "354")
]  # which is as it should be
PUT_OFF = ("450", "499")


# A sample as a rule: what does not divide the number of steps comes to each of them.
@pytest.mark.attack("faults of a mail server")
@pytest.mark.parametrize(("step", "said"), CASES[:: often(7, 1)])
def test_whatever_a_server_says_at_any_step_there_is_one_mail_at_most(step, said, mail_over, tmp_path):
    server = FaultyServer(step, ODD[said])
    told = ""
    for _ in range(3):
        try:
            mail_over(server.port, step)
            told = ""
        except DaybreakError as error:  # noqa: PERF203 - one of three tries
            told = str(error)
    server.close()

    assert server.taken <= 1 or (step == "end" and said in PUT_OFF)
    assert told or server.taken == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", told)
    outcomes = [
        json.loads(path.read_text())["status"] for path in (tmp_path / "ledger").glob("*/outcome.*.json")
    ]
    assert "sent" not in outcomes or server.taken == 1


@pytest.mark.attack("faults of a mail server")
@pytest.mark.parametrize(
    ("step", "replies"),
    [
        ("MAIL", "250 ok\r\n250 ok\r\n354 go on\r\n250 taken"),
        ("RCPT", "250 ok\r\n354 go on\r\n250 taken"),
        ("DATA", "354 go on\r\n250 taken"),
    ],
)
def test_what_a_server_says_before_it_is_asked_is_no_answer(step, replies, mail_over):
    server = FaultyServer(step, replies)
    with pytest.raises(DeliveryPendingError, match="the server answered before"):
        mail_over(server.port)
    server.close()

    assert server.taken == 0


@pytest.mark.attack("faults of a mail server")
@pytest.mark.parametrize("fault", ["drops", "talks nonsense", "says 421"])
def test_a_server_that_fails_at_the_goodbye_has_taken_the_mail(fault, mail_over):
    server = FaultyServer("QUIT", FAULTS[fault])
    for _ in range(2):
        mail_over(server.port)
    server.close()

    assert server.taken == 1


def test_what_a_server_greets_with_is_said(mail_over):
    server = FaultyServer("greeting", "554 no service for you")

    with pytest.raises(SmtpUnavailableError, match="it greets with 554 no service for you"):
        mail_over(server.port)
    server.close()


def test_a_host_that_the_server_refuses_by_its_name_gives_up_at_once(mail_over):
    server = FaultyServer("EHLO", "550 need fully-qualified hostname")

    with pytest.raises(SmtpHelloError, match=r"refuses to talk to '.*': 550 need.* Set local_hostname"):
        mail_over(server.port)
    server.close()


@pytest.mark.usefixtures("revision")
def test_a_host_calls_itself_as_the_connection_says(server, connect_to, mail):
    connect_to(server, local_hostname="reports.faß.de")

    mail()

    assert server.client_name == "reports.xn--fa-hia.de"


def test_nobody_listening_is_tried_again(mail_over):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(SmtpUnavailableError, match="cannot connect: Connection refused"):
        mail_over(port)


def test_a_name_that_is_none_is_tried_again():
    with pytest.raises(SmtpUnavailableError, match="no-such-host.invalid:587 is not available: cannot connect"):
        Session.open(Server("no-such-host.invalid", 587))


def test_a_sender_that_is_refused_gives_up(mail_over):
    server = FaultyServer("MAIL", "550 not from here")

    with pytest.raises(SenderRefusedError, match="550 not from here") as caught:
        mail_over(server.port)
    server.close()
    assert caught.value.permanent


@pytest.fixture
def log_in(monkeypatch):
    """Return a function that opens a session with a password, where the server offers these ways to log in."""

    def open_session(port, password=PASSWORD, *, offers="PLAIN", **login):
        monkeypatch.setitem(GOOD, "EHLO", f"250-hi\r\n250 AUTH {offers}")
        login = {"login": LOGIN, "password": password, "allow_insecure": True, **login}
        Session.open(Server("127.0.0.1", port, security="none", **login))

    return open_session


@pytest.mark.parametrize(
    ("password", "offers"), [(PASSWORD, "NTLM GSSAPI"), ("pässword", "CRAM-MD5 NTLM"), (PASSWORD, "")]
)
def test_a_server_without_a_way_to_log_in_that_is_known_here_is_named_at_once(log_in, password, offers):
    server = FaultyServer("", None)

    with pytest.raises(
        SmtpLoginError, match=f"it offers no way to log in.*{offers}.*known here are .*PLAIN, LOGIN"
    ):
        log_in(server.port, password, offers=offers)
    server.close()


@pytest.mark.parametrize("offers", ["CRAM-MD5 PLAIN", "LOGIN"])
def test_a_password_beyond_ascii_is_sent_in_utf8(offers, monkeypatch):
    monkeypatch.setattr("tests.mail.PASSWORD", "pässwörd→")
    excluded = {"PLAIN", "LOGIN"} - set(offers.split())
    with MailServer(auth=True, auth_exclude_mechanism=excluded) as server:
        login = {"login": LOGIN, "password": "pässwörd→", "allow_insecure": True}
        Session.open(Server("localhost", server.port, security="none", **login)).close()

    assert server.credentials == [(LOGIN, "pässwörd→")]


def test_a_password_beyond_ascii_that_is_wrong_gives_up_and_is_not_shown():
    login = {"login": LOGIN, "password": "pässwörd→", "allow_insecure": True}
    with MailServer(auth=True) as server, pytest.raises(SmtpLoginError) as caught:
        Session.open(Server("localhost", server.port, security="none", **login))

    assert "pässw" not in str(caught.value)


@pytest.mark.parametrize("login", [LOGIN, "jörg@faß.de", "تقارير"])
def test_a_token_logs_in_whoever_it_is_for(login, log_in):
    server = FaultyServer("", None)

    log_in(server.port, "", offers="LOGIN XOAUTH2", login=login, token="t0ken")
    server.close()

    (line,) = (line for line in server.said if line.startswith(b"AUTH"))
    way, words = line.split()[1:]
    assert (way, b64decode(words).decode()) == (b"XOAUTH2", f"user={login}\x01auth=Bearer t0ken\x01\x01")


def test_a_token_that_is_refused_gives_up_with_what_the_server_says_at_last(log_in, monkeypatch):
    monkeypatch.setitem(GOOD, "", "535 5.7.8 the token t0ken has expired")
    server = FaultyServer("AUTH", "334 eyJzdGF0dXMiOiI0MDAifQ==")

    with pytest.raises(SmtpLoginError, match=r"535 5.7.8 the token \*\*\* has expired"):
        log_in(server.port, "", offers="XOAUTH2", token="t0ken")
    server.close()
    assert server.said[-1] == b"\r\n"


def test_a_server_that_takes_no_token_is_named_at_once_with_what_it_takes(log_in):
    server = FaultyServer("", None)

    with pytest.raises(
        SmtpLoginError, match="no way to log in but PLAIN NTLM, and known here are XOAUTH2 with a token"
    ):
        log_in(server.port, "", offers="PLAIN NTLM", token="t0ken")
    server.close()
    assert not [line for line in server.said if line.startswith(b"AUTH")]
