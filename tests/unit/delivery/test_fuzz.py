"""Whatever stands where an address, a ledger's entry or a mail should: an error of ours, or an answer."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from datetime import date, datetime, timezone
from email.headerregistry import Address

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.audit import deliveries, records_of, those_who_wait
from airflow_provider_daybreak.delivery.captured import captured_files
from airflow_provider_daybreak.delivery.intake import Limits, RelayedMessage
from airflow_provider_daybreak.delivery.ledger import Ledger, key_of
from airflow_provider_daybreak.delivery.mailing import Mailing, ledger_of
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import choose_recipients, parse_recipients, parse_sender
from airflow_provider_daybreak.delivery.relay import HOST, Relay
from airflow_provider_daybreak.delivery.resending import Resending, first_mails, named
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.delivery.server import Server, Timeouts
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import DaybreakError
from tests.fuzz import cases, told
from tests.mail import Listener, draft

pytestmark = pytest.mark.attack("bytes that nobody would write")

NOW = datetime(2026, 3, 30, 7, tzinfo=timezone.utc)
PEOPLE = (
    "ann@example.org",
    "Roe, Ann <ann@example.org>",
    '"a b"@x.org',
    "@",
    ",",
    ";",
    "<",
    ">",
    "(c)",
    ":",
    "=?utf-8?q?x?=",
)


def test_recipients_are_read_or_refused():
    for fuzz in cases("recipients", 1500):
        value = fuzz.choice(
            (
                fuzz.text(PEOPLE),
                [fuzz.text(PEOPLE, 3)],
                fuzz.json(),
                [{"address": fuzz.json(1), "name": fuzz.json(1)}],
            )
        )
        with told(value), suppress(DaybreakError):
            for found in choose_recipients(
                value, (), (), default=(), allowed_domains=[fuzz.text(("example.org",), 1)]
            ):
                assert parse_recipients(found.address)[0].normal == found.normal
                assert "\n" not in str(found.mailbox)
        with told(value), suppress(DaybreakError):
            parse_sender(value, name="from_email")


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "deliveries")


def test_a_ledger_of_any_bytes_is_read(ledger):
    """What nobody can read is in doubt at most, and never new where something was begun."""
    facts = {
        "schema": 1,
        "report": "daily_report",
        "report_date": "2026-03-29",
        "recipient": "ann@example.org",
        "digest": "0" * 64,
        "revision": 1,
        "occasion": "",
        "message_id": "<1@example.org>",
        "intent": "send",
        "lifetime": 120,
        "owner": {"machine": "x", "pid": 1, "started": "1"},
        "time": "2026-03-30T07:00:00.000+00:00",
        "status": "sent",
        "reason": "250 taken",
    }
    resending = Resending("daily_report", date(2026, 3, 29), (), reason="r", by="b", id="1")
    for number, fuzz in enumerate(cases("ledger", 300)):
        key = key_of("daily_report", "2026-03-29", str(number))
        folder = ledger.folder / key
        folder.mkdir(parents=True)
        written = {
            name: fuzz.file(facts)
            for name in fuzz.sample(
                ("prepared.json", "commit.0", "outcome.0.json", "outcome.1.json", "note.json", "alive.0"), 3
            )
        }
        for name, content in written.items():
            (folder / name).write_bytes(content)
        with told(written):
            (record,) = records_of(ledger, [key])
            assert all(isinstance(value, str) for value in record.as_row().values())
            begun = {"commit.0", "outcome.0.json", "outcome.1.json"} & written.keys()
            assert ledger.entry(key).standing != "new" or not begun
            with suppress(DaybreakError):
                named(resending, [record])
    with suppress(DaybreakError):
        named(resending, first_mails(ledger, resending))
    assert len(list(those_who_wait(ledger, {"ann@example.org"}))) == number + 1


def test_a_damaged_ledger_is_listed_and_mailed_by(tmp_path):
    archive = Archive(tmp_path)
    revision = archive.publish(draft())
    message = Message(
        Address("", addr_spec="r@example.org"),
        "Almanac",
        revision,
        recipients=parse_recipients("ann@example.org"),
    )
    for fuzz in cases("mailing", 150):
        one = Mailing(
            message,
            ledger_of(archive, revision.manifest),
            rules=Rules(max_lateness=None, on_correction="send"),
            run={},
            now=NOW,
        )
        (mail,) = one.mails()
        folder = one.ledger.folder / mail.key
        folder.mkdir(parents=True, exist_ok=True)
        outcome = {
            **mail.facts,
            "status": "sent",
            "reason": "250",
            "time": "2026-03-30T07:00:00+00:00",
            "revision": 2,
        }
        content = fuzz.file(outcome)
        (folder / "outcome.0.json").write_bytes(content)
        with told(content), suppress(DaybreakError):
            one.pending()
        with told(content):
            list(deliveries(archive, since=date(2026, 3, 29), until=date(2026, 3, 29)))


REPLIES = (
    b"250 ok\r\n",
    b"250-more\r\n",
    b"354 go on\r\n",
    b"421 bye\r\n",
    b"451 later\r\n",
    b"550 no\r\n",
    b"220 hi\r\n",
    b"\r\n",
    b"250-SIZE \xd9\xa3\r\n",
    b"250-STARTTLS\r\n",
    b"250 AUTH \xff PLAIN\r\n",
    b"25",
    b" ",
)


class RandomServer(Listener):
    """Answers each line with anything, and good answers now and then."""

    def __init__(self, fuzz):
        self.fuzz, self.ended = fuzz, 0
        super().__init__(self._serve)

    def _serve(self, client):
        with client, client.makefile("rb") as lines:
            client.sendall(self.answer(b"220 hi\r\n"))
            for line in lines:
                answer = self.answer(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
                client.sendall(answer)
                if b"354" in answer:
                    self.ended += b".\r\n" in iter(lines.readline, b"")
                    client.sendall(self.answer(b"250 taken\r\n"))

    def answer(self, good):
        return good if self.fuzz.random() < 0.8 else self.fuzz.bytes(REPLIES, 3)


@pytest.mark.attack("faults of a mail server")
def test_whatever_a_server_says_a_mail_is_sent_once_at_most_or_an_error_of_ours(tmp_path):
    archive = Archive(tmp_path / "reports")
    revision = archive.publish(draft())
    quick = Timeouts(connect=0.5, greeting=0.05, command=0.05, data=0.05, block=0.05, final=0.05)
    for number, fuzz in enumerate(cases("server", 40)):
        server = RandomServer(fuzz)
        message = Message(
            Address("", addr_spec="r@example.org"),
            "Almanac",
            revision,
            recipients=parse_recipients("ann@example.org"),
        )
        ledger = Ledger(tmp_path / "ledgers" / str(number))
        one = Mailing(message, ledger, rules=Rules(max_lateness=None, pauses=()), run={}, now=NOW)
        with told(number):
            for _ in range(3):
                with suppress(DaybreakError):
                    one.send(
                        lambda port=server.port: Session.open(
                            Server("127.0.0.1", port, security="none", timeouts=quick)
                        )
                    ).check("r")
            standing = ledger.entry(one.mails()[0].key).standing
            assert standing != "sent" or server.ended
        server.close()


SAID = (
    b"EHLO x\r\n",
    b"HELO x\r\n",
    b"MAIL FROM:<a@x.org>\r\n",
    b"RCPT TO:<b@x.org>\r\n",
    b"DATA\r\n",
    b".\r\n",
    b"Subject: x\r\n\r\nHi\r\n",
    b"RSET\r\n",
    b"AUTH PLAIN \r\n",
    b"AUTH LOGIN\r\n",
    b"QUIT\r\n",
    b"NOOP\r\n",
    b"VRFY\r\n",
    b"MAIL FROM:<> SIZE=9\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"x" * 3000,
)


def test_a_relay_outlives_whatever_a_client_says(tmp_path, monkeypatch):
    """And takes the mail of the next."""
    failed = []
    monkeypatch.setattr("threading.excepthook", failed.append)
    with Relay(tmp_path, Limits(max_bytes=10_000)) as relay:
        for fuzz in cases("relay", 150):
            said = fuzz.bytes(SAID, 16)
            with (
                told(said),
                socket.create_connection((HOST, relay.port), timeout=10) as client,
                suppress(ConnectionError),
            ):
                client.sendall(said)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
        taken = len(relay.messages)
        with socket.create_connection((HOST, relay.port), timeout=10) as client:
            client.sendall(b"EHLO x\r\nMAIL FROM:<a@x.org>\r\nRCPT TO:<b@x.org>\r\nDATA\r\n")
            client.sendall(b"Subject: x\r\n\r\nHi\r\n.\r\nQUIT\r\n")
            while client.recv(65536):
                pass
        assert len(relay.messages) == taken + 1
    assert [each.exc_value for each in failed] == []


MAIL = (
    b"Subject: =?utf-8?b?w4Q=?=\r\n",
    b"From: a@x.org\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"Content-Type: text/html; charset=utf-7\r\n",
    b"Content-Type: text/plain; charset=nonsense\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename*=utf-8''..%2Fmanifest.json\r\n",
    b'Content-Disposition: attachment; filename="manifest.json"\r\n',
    b"Content-Disposition: attachment; filename*0*=\xff\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"AAAA\r\n",
    b"Content-Type: multipart/",
    b"=\r\n",
    b" folded\r\n",
)


def test_whatever_a_script_mails_is_archived_or_refused(tmp_path):
    archive = Archive(tmp_path / "reports")
    for number, fuzz in enumerate(cases("mails", 120)):
        inbox, outbox = tmp_path / f"in{number}", tmp_path / f"out{number}"
        inbox.mkdir()
        outbox.mkdir()
        data = fuzz.bytes(MAIL, 14)
        (inbox / "1.eml").write_bytes(data)
        taken = [RelayedMessage(fuzz.choice(("", "a@x.org")), ("b@x.org",), inbox / "1.eml")]
        with told(data), suppress(DaybreakError):
            title, files = captured_files(taken, outbox)
            revision = archive.publish(
                draft(title=title, files=[f for f in files if f.name.startswith(("mails", "attach"))])
            )
            json.loads(revision.read("mails.json"))
