"""What the old job sent is read out of a real IMAP server: over TLS that is verified, and nothing there changes."""

from __future__ import annotations

import json
import logging
import os
from datetime import date, datetime, timezone
from email.message import EmailMessage
from email.utils import format_datetime

import pytest

from airflow_provider_daybreak.cli.shadowing import imap
from airflow_provider_daybreak.cli.shadowing.imap import Mailbox, access_of, letters_of
from airflow_provider_daybreak.exceptions import InvalidValueError, MailboxError, MissingConnectionError
from tests.integration.delivery.dovecot import PASSWORD, PROGRAM, USER, Dovecot

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a Dovecot"),
    pytest.mark.skipif(not PROGRAM, reason="dovecot is not installed: apt install dovecot-imapd"),
]
DAY = date(2026, 3, 30)


def mail(subject="Sales", *, day=DAY, text="12 sold.\n"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "root@old.example.org", "ann@example.org", subject
    message["Date"] = format_datetime(datetime(day.year, day.month, day.day, 9, tzinfo=timezone.utc))
    message.set_content(text)
    return bytes(message)


@pytest.fixture
def certificate(authority):
    """Return a function that returns a PEM file of a server, for a host."""

    def made(host="localhost", **how):
        authority.context(host, **how)
        return authority.folder / f"{host}-{how.get('expired', False)}-{how.get('own', False)}.pem"

    return made


@pytest.fixture
def dovecot(certificate):
    with Dovecot(certificate()) as server:
        yield server


@pytest.fixture
def connect(monkeypatch, authority):
    """Return a function that makes ``old_mail`` the connection with the password."""

    def define(**fields):
        said = {
            "conn_type": "imap",
            "login": USER,
            "password": PASSWORD,
            "extra": {"ca_file": str(authority.file)},
        }
        monkeypatch.setenv("AIRFLOW_CONN_OLD_MAIL", json.dumps(said | fields))

    define()
    return define


def read(server, folder="INBOX", *, user="", wanted=lambda _: True, since=DAY, before=date(2026, 3, 31)):
    box = Mailbox.of(f"imaps://{user}{'@' if user else ''}localhost:{server.port}/{folder}")
    return list(letters_of(access_of(box, "old_mail"), since, before, wanted))


@pytest.mark.usefixtures("connect")
def test_a_mail_is_read_as_it_lies_there_and_stays_unread(dovecot):
    dovecot.add(mail(text="From here on: 12 sold, für Zoë.\n"))

    [letter] = read(dovecot)

    assert (letter.subject, letter.to) == ("Sales", {"ann@example.org"})
    assert letter.text.strip() == "From here on: 12 sold, für Zoë."
    assert dovecot.unread() == 1


@pytest.mark.usefixtures("connect")
def test_only_the_days_that_were_asked_for_are_looked_at(dovecot):
    for day in range(1, 31):
        dovecot.add(mail(f"Day {day}", day=date(2026, 3, day)))

    found = read(dovecot, since=date(2026, 3, 5), before=date(2026, 3, 8))

    assert sorted(letter.subject for letter in found) == ["Day 5", "Day 6", "Day 7"]


@pytest.mark.usefixtures("connect")
def test_of_mails_of_something_else_only_subject_and_date_are_asked_for(dovecot):
    for number in range(450):  # more than are asked for at once
        dovecot.add(mail(f"Lunch {number}", text="Pizza?\n"))
    dovecot.add(mail())

    found = read(dovecot, wanted=lambda letter: letter.subject == "Sales")

    assert len(found) == 451
    assert [letter.text.strip() for letter in found if letter.text] == ["12 sold."]


@pytest.mark.usefixtures("connect")
@pytest.mark.parametrize("name", ["Sent", "Zwei Wörter", 'R&D "old"', "日本/Berichte"])
def test_folders_have_names_of_all_letters(dovecot, name):
    encoded = imap._quoted(name)[1:-1].replace('\\"', '"')
    (dovecot.folder / "mails" / encoded).parent.mkdir(parents=True, exist_ok=True)
    dovecot.add(mail(), encoded)

    assert [letter.subject for letter in read(dovecot, name)] == ["Sales"]
    with pytest.raises(MailboxError) as caught:
        read(dovecot, "Nowhere")
    assert f"Name one of {', '.join(sorted([name, 'INBOX', *name.split('/')[:-1]]))}" in str(caught.value)


@pytest.mark.usefixtures("connect")
def test_who_types_the_password_needs_no_connection(dovecot, monkeypatch, authority):
    dovecot.add(mail())
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    monkeypatch.setattr(imap.sys.stdin, "isatty", lambda: True)
    asked = []
    monkeypatch.setattr(imap, "getpass", lambda prompt: asked.append(prompt) or PASSWORD)

    box = Mailbox.of(f"imaps://ann%40example.org@localhost:{dovecot.port}/")
    assert len(list(letters_of(access_of(box, None), DAY, date(2026, 3, 31), lambda _: True))) == 1
    assert asked == ["Password of ann@example.org at localhost: "]


def test_a_server_that_knows_the_command_login_alone_takes_what_ascii_can_say(certificate, connect):
    with Dovecot(certificate(), mechanisms="cram-md5") as server:
        connect()
        with pytest.raises(MailboxError, match="ASCII alone"):
            read(server)


def test_a_password_that_is_wrong_is_said_without_it(dovecot, connect, caplog):
    caplog.set_level(logging.DEBUG)
    connect(password="wrong hunter2xY9")

    with pytest.raises(
        MailboxError, match=r"does not let 'ann@example.org' in.*AUTHENTICATIONFAILED"
    ) as caught:
        read(dovecot)
    assert "hunter2xY9" not in str(caught.value) + repr(caught.value) + caplog.text


@pytest.mark.parametrize(
    ("how", "host", "extra"),
    [
        ({"expired": True}, "localhost", None),
        ({"own": True}, "localhost", None),
        ({}, "mail.example.org", None),
        ({}, "localhost", {}),
    ],
    ids=["expired", "self-signed", "of another host", "of an unknown authority"],
)
def test_no_password_goes_to_a_server_that_is_not_who_it_says(certificate, connect, how, host, extra):
    if extra is not None:
        connect(extra=extra)
    with Dovecot(certificate(host, **how)) as server:
        with pytest.raises(MailboxError, match="certificate is not trusted.*No password was sent"):
            read(server)
        assert "Login" not in server.log()


def test_a_connection_of_another_host_keeps_its_password(dovecot, connect):
    connect(host="imap.example.org")

    with pytest.raises(InvalidValueError, match="localhost, which alone may see its password"):
        read(dovecot)


def test_a_server_that_is_gone_is_said(dovecot, connect):
    connect(extra={"ca_file": "/nowhere/ca.pem"})
    with pytest.raises(MailboxError, match="Name a readable PEM file"):
        read(dovecot)

    connect()
    dovecot._process.terminate()
    dovecot._process.wait(30)
    with pytest.raises(MailboxError, match=r"refused.*as .eml files"):
        read(dovecot)


def test_a_connection_that_is_not_there_or_has_no_password_says_so(dovecot, monkeypatch, connect):
    connect(password=None)
    with pytest.raises(InvalidValueError, match="a login and a password"):
        read(dovecot)
    monkeypatch.delenv("AIRFLOW_CONN_OLD_MAIL")
    with pytest.raises(MissingConnectionError, match="--imap-conn-id"):
        read(dovecot)
