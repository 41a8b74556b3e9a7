from __future__ import annotations

import os
import smtplib
import socket
import ssl
import subprocess
import sys
from threading import Thread

import pytest

from airflow_provider_daybreak.delivery.intake import Limits
from airflow_provider_daybreak.delivery.relay import HOST, Relay
from airflow_provider_daybreak.exceptions import RelayUnavailableError

MESSAGE = b"Subject: Hello\r\n\r\nGood morning.\r\n"


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a relay."""
    relays = []

    def start_relay(**limits):
        relay = Relay(tmp_path, Limits(**limits))
        relays.append(relay.__enter__())
        return relay

    yield start_relay
    for relay in relays:
        relay.__exit__()


def connect(relay):
    return smtplib.SMTP(HOST, relay.port, timeout=10)


def insecure():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Raw:
    """A client that says just what it is told to."""

    def __init__(self, relay):
        self.socket = socket.create_connection((HOST, relay.port), timeout=10)
        self.file = self.socket.makefile("rb")
        assert self.reply().startswith("220 ")

    def reply(self):
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, *lines, end=b"\r\n"):
        self.socket.sendall(b"".join(line + end for line in lines))
        return [self.reply() for _ in lines]

    def send(self, content):
        self.say(b"EHLO x", b"MAIL FROM:<a@example.org>", b"RCPT TO:<b@example.org>", b"DATA")
        self.socket.sendall(content)


def contents(relay):
    return [taken.file.read_bytes() for taken in relay.messages]


def test_it_keeps_what_it_is_given_with_the_envelope(start):
    relay = start()

    with connect(relay) as client:
        client.sendmail("me@example.org", ["ann@example.org", "bo@example.org"], MESSAGE)

    [taken] = relay.messages
    assert (taken.sender, taken.recipients) == ("me@example.org", ("ann@example.org", "bo@example.org"))
    assert taken.file.read_bytes() == MESSAGE


def test_any_login_will_do_over_starttls_and_tls_from_the_start(start):
    relay = start()

    with connect(relay) as client:
        client.starttls(context=insecure())
        client.login("me", "a password that is nobody's")
        client.sendmail("me@example.org", "ann@example.org", MESSAGE)
    with smtplib.SMTP_SSL(HOST, relay.tls_port, context=insecure(), timeout=10) as client:
        client.user, client.password = "me", "x"
        client.auth("CRAM-MD5", client.auth_cram_md5)
        client.auth("LOGIN", client.auth_login, initial_response_ok=False)
        assert client.docmd("AUTH", "XOAUTH2 dXNlcj0=") == (235, b"2.7.0 Any login will do")
        client.sendmail("me@example.org", "bo@example.org", MESSAGE)

    assert [taken.recipients for taken in relay.messages] == [("ann@example.org",), ("bo@example.org",)]


def test_it_speaks_lmtp_as_smtplib_does(start):
    relay = start()

    with smtplib.LMTP(HOST, relay.port) as client:
        client.sendmail("me@example.org", ["ann@example.org", "bo@example.org"], MESSAGE)
        client.sendmail("me@example.org", ["ann@example.org"], MESSAGE)

    assert len(relay.messages) == 2


def test_too_large_is_said_before_the_message_and_after_it(start):
    relay = start(max_bytes=1000)

    with connect(relay) as client, pytest.raises(smtplib.SMTPSenderRefused) as announced:
        client.sendmail("me@example.org", "ann@example.org", MESSAGE + b"x" * 2000)
    with connect(relay) as client:
        client.helo()
        client.does_esmtp = False
        with pytest.raises(smtplib.SMTPDataError) as sent:
            client.sendmail("me@example.org", "bo@example.org", MESSAGE + b"x" * 2000)

    assert announced.value.smtp_code == sent.value.smtp_code == 552
    assert relay.messages == []
    assert list(relay.refused) == ["a message of me@example.org", "bo@example.org"]
    assert relay.refused["bo@example.org"] == "552 5.3.4 A message may have 1000 bytes"


def test_bad_recipients_are_refused_and_the_others_kept(start):
    relay = start(allowed_domains=["example.org"])

    with connect(relay) as client:
        refused = client.sendmail(
            "me@example.org", ["ann@example.org", "ann@-.example", "eve@evil.example"], MESSAGE
        )

    assert {address: code for address, (code, _) in refused.items()} == {
        "ann@-.example": 553,
        "eve@evil.example": 550,
    }
    assert [taken.recipients for taken in relay.messages] == [("ann@example.org",)]
    assert set(relay.refused) == {"ann@-.example", "eve@evil.example"}


def test_who_gets_a_later_message_after_all_was_not_refused(start):
    relay = start(max_bytes=1000)

    with connect(relay) as client:
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("me@example.org", "ann@example.org", MESSAGE + b"x" * 2000)
        client.sendmail("me@example.org", "ann@example.org", MESSAGE)

    assert relay.refused == {}


def test_all_messages_together_have_a_limit(start, tmp_path):
    relay = start(max_total=len(MESSAGE) * 2)

    with connect(relay) as client:
        for _ in range(2):
            client.sendmail("me@example.org", "ann@example.org", MESSAGE)
        with pytest.raises(smtplib.SMTPDataError) as error:
            client.sendmail("me@example.org", "ann@example.org", MESSAGE)

    assert error.value.smtp_code == 452
    assert len(list(tmp_path.iterdir())) == 2


def test_a_message_that_never_ended_is_none(start, tmp_path):
    relay = start()
    client = Raw(relay)
    client.send(b"Subject: x\r\n\r\nhalf of it")
    client.socket.close()
    client.file.close()

    relay.__exit__()

    assert relay.messages == []
    assert list(tmp_path.iterdir()) == []


def test_a_message_counts_once_its_end_is_there_though_its_sender_is_gone(start):
    relay = start()
    client = Raw(relay)
    client.send(MESSAGE + b".\r\n")
    client.socket.close()
    client.file.close()

    relay.__exit__()

    assert contents(relay) == [MESSAGE]


def test_a_client_that_never_says_quit_does_not_hold_the_end(start):
    relay = start()
    client = Raw(relay)
    client.send(MESSAGE + b".\r\n")
    client.reply()

    relay.__exit__()

    assert contents(relay) == [MESSAGE]
    assert client.reply() == ""


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param(b"a\nb\r\n.\r\n", b"a\r\nb\r\n", id="line feeds alone"),
        pytest.param(b"a\rb\r\n.\r\n", b"a\r\nb\r\n", id="carriage returns alone"),
        pytest.param(b"..a\r\n...\r\n.\r\n", b".a\r\n..\r\n", id="dots that were doubled"),
        pytest.param(b"a\n..b\r\n.\r\n", b"a\r\n.b\r\n", id="a dot doubled after a line feed"),
        pytest.param(b"a\n.\nMAIL FROM:<x@y.z>\r\n.\r\n", b"a\r\n\r\nMAIL FROM:<x@y.z>\r\n", id="a false end of line feeds"),
        pytest.param(b"a\n.\r\nb\r\n.\r\n", b"a\r\n.\r\nb\r\n", id="a false end after a line feed"),
        pytest.param(b"a\0b\xff\r\n.\r\n", b"a\0b\xff\r\n", id="bytes of any kind"),
        pytest.param(b"x" * 200_000 + b"\r\n.\r\n", b"x" * 200_000 + b"\r\n", id="an endless line"),
        pytest.param(b"x" * 65_535 + b"\r\n.\r\n", b"x" * 65_535 + b"\r\n", id="an end of line cut in two"),
    ],
)  # fmt: skip
def test_what_is_kept_is_lines(start, sent, kept):
    relay = start()
    client = Raw(relay)

    client.send(sent)

    assert client.reply().startswith("250 ")
    assert contents(relay) == [kept]
    assert client.say(b"NOOP")[0].startswith("250 ")


def test_commands_out_of_order_and_unknown_ones_are_refused(start):
    client = Raw(start())

    replies = client.say(
        b"MAIL FROM:<a@example.org>",
        b"EHLO x",
        b"RCPT TO:<b@example.org>",
        b"DATA",
        b"BDAT 3 LAST",
        b"MAIL FROM:<a@example.org> SMTPUTF8",
        b"MAIL FROM:<a@example.org> BODY=8BITMIME SIZE=10 AUTH=<>",
        b"MAIL FROM:<a@example.org>",
        "RCPT TO:<jürgen@example.org>".encode(),
        b"RCPT TO:<>",
        b"RCPT TO:<b@example.org> NOTIFY=NEVER",
        b"DATA",
        b"AUTH MAGIC",
        b"RSET",
        b"x" * 30_000,
        b"MAIL FROM:<>",
    )

    codes = [int(reply[:3]) for reply in replies]
    assert codes == [503, 250, 503, 503, 500, 555, 250, 503, 553, 553, 501, 503, 504, 250, 500, 250]


def test_commands_may_come_all_at_once(start):
    relay = start()
    client = Raw(relay)

    codes = [
        reply[:3] for reply in client.say(b"EHLO x", b"MAIL FROM:<a@x.org>", b"RCPT TO:<b@x.org>", b"DATA")
    ]
    client.socket.sendall(MESSAGE + b".\r\nMAIL FROM:<a@x.org>\r\nQUIT\r\n")

    assert codes == ["250", "250", "250", "354"]
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "221"]


def test_what_was_sent_in_clear_before_tls_is_not_taken_for_said_within(start):
    client = Raw(start())
    client.say(b"EHLO x")

    client.socket.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")

    assert client.reply().startswith("220 ")
    with insecure().wrap_socket(client.socket) as secured:
        secured.sendall(b"EHLO x\r\nRCPT TO:<b@example.org>\r\n")
        client.file = secured.makefile("rb")
        assert [client.reply()[:3], client.reply()[:3]] == ["250", "503"]


def test_threads_may_mail_at_the_same_time(start):
    relay = start()

    def send(number):
        with connect(relay) as client:
            for _ in range(5):
                client.sendmail("me@example.org", f"u{number}@example.org", MESSAGE)

    threads = [Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(relay.messages) == 40
    assert set(contents(relay)) == {MESSAGE}


def test_so_many_connections_at_a_time_and_no_more(start):
    relay = start()
    clients = [Raw(relay) for _ in range(100)]

    with pytest.raises(smtplib.SMTPConnectError, match="421"):
        connect(relay)
    clients[0].say(b"QUIT")
    assert clients[0].reply() == ""

    connect(relay).quit()


def test_programs_of_other_users_are_turned_away(start):
    mine, others = start(users={os.getuid()}), start(users={os.getuid() + 1})

    connect(mine).quit()
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        connect(others)


def test_a_machine_without_a_free_port_is_told(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket, "create_server", refuse)

    with pytest.raises(RelayUnavailableError, match="Cannot listen on 127.0.0.1.*Address already in use"):
        Relay(tmp_path).__enter__()


def test_large_mails_go_to_disk_and_not_into_memory(tmp_path):
    program = r"""
import smtplib, subprocess, sys
from pathlib import Path
from airflow_provider_daybreak.delivery.relay import HOST, Relay
client = '''
import smtplib, sys
body = b"Subject: x\\r\\n\\r\\n" + (b"a" * 76 + b"\\r\\n") * 300_000
with smtplib.SMTP(sys.argv[1], int(sys.argv[2])) as server:
    for _ in range(5):
        server.sendmail("a@x.org", ["b@x.org"], body)
'''
def peak():  # ru_maxrss would begin at what the tests' own process has
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
with Relay(Path(sys.argv[1])) as relay:
    before = peak()
    subprocess.run([sys.executable, "-c", client, HOST, str(relay.port)], check=True)
    print(len(relay.messages), (peak() - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)

    taken, megabytes = map(int, done.stdout.split())
    assert taken == 5
    assert megabytes < 16
