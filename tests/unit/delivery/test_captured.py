from __future__ import annotations

import random
from datetime import date, datetime, timezone
from email.headerregistry import Address
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from airflow_provider_daybreak.archive import Archive, Draft
from airflow_provider_daybreak.delivery.captured import (
    CapturedMessage,
    captured_files,
    captured_mails,
    recipients_of,
)
from airflow_provider_daybreak.delivery.intake import RelayedMessage
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import Mailing, ledger_of
from airflow_provider_daybreak.delivery.raw_message import parts_of, settled
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.exceptions import MailTooLargeError
from tests.mail import png

DATE = datetime(2026, 3, 29, 8, tzinfo=timezone.utc)


@pytest.fixture
def archived(tmp_path):
    """Return a function that archives messages, as sender, recipients and bytes."""
    archive = Archive(tmp_path / "archive")

    def publish(*messages):
        folder = tmp_path / f"run-{random.random()}"
        folder.mkdir()
        taken = []
        for number, (sender, recipients, data) in enumerate(messages):
            (folder / f"{number}").write_bytes(data)
            taken.append(RelayedMessage(sender, tuple(recipients), folder / f"{number}"))
        title, files = captured_files(taken, folder)
        period = {
            "name": "day",
            "start": "2026-03-29T00:00:00+01:00",
            "end": "2026-03-30T00:00:00+02:00",
            "timezone": "Europe/Berlin",
        }
        draft = Draft("sales", date(2026, 3, 29), period, title, files, rows={}, run={})
        return archive.publish(draft)

    publish.archive = archive
    return publish


def letter_of(revision, archive):
    mails = captured_mails(revision)
    recipients = recipients_of(mails.values(), revision.manifest, ledger_of(archive, revision.manifest))
    sender = Address("", addr_spec="reports@example.org")
    return CapturedMessage(sender, revision.manifest.title, revision, recipients=recipients, mails=mails)


def sent(letter, number=0, **options):
    chunks, size = letter.render(letter.recipients[number], message_id="<1@example.org>", date=DATE, **options)
    data = b"".join(chunks)
    assert len(data) == size
    return data


def simple(subject="Hello", text="Good morning.", to="ann@example.org", **fields):
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{head}Subject: {subject}\r\nTo: {to}\r\n\r\n{text}\r\n".encode()


def test_what_goes_out_is_what_was_given_but_for_what_belongs_to_a_delivery(archived):
    data = simple(From="me@example.org", Bcc="bo@example.org", Date="today", Message_ID="<x@y>", X_Own="kept")

    out = sent(letter_of(archived(("me@example.org", ["ann@example.org"], data)), archived.archive))

    assert out == (
        b"Date: Sun, 29 Mar 2026 08:00:00 +0000\r\n"
        b"Message-ID: <1@example.org>\r\n"
        b"X-Daybreak-Report: sales\r\n"
        b"X-Daybreak-Revision: 2026-03-29 r0001\r\n"
        b"From: me@example.org\r\n"
        b"X-Own: kept\r\n"
        b"Subject: Hello\r\n"
        b"To: ann@example.org\r\n"
        b"\r\n"
        b"Good morning.\r\n"
    )


@pytest.mark.parametrize(
    ("data", "rest"),
    [
        pytest.param(b"hello\r\nthere\r\n", b"\r\nhello\r\nthere\r\n", id="no head at all"),
        pytest.param(b"\r\nSubject: x\r\n", b"\r\nSubject: x\r\n", id="an empty head"),
        pytest.param(b"Subject: x\r\n", b"Subject: x\r\n\r\n", id="no body"),
        pytest.param(
            b"From me today\r\nSubject: x\r\n\r\ny\r\n", b"Subject: x\r\n\r\ny\r\n", id="a mailbox's mark"
        ),
        pytest.param(
            b"Subject: x\r\n y\r\nBcc: a,\r\n b\r\n\r\nz\r\n", b"Subject: x\r\n y\r\n\r\nz\r\n", id="folds"
        ),
        pytest.param(
            b"Subject: x\r\nno field\r\n", b"Subject: x\r\n\r\nno field\r\n", id="a head without an end"
        ),
        pytest.param(b"", b"\r\n", id="nothing"),
    ],
)
def test_a_message_of_any_form_has_a_head_and_a_body(archived, data, rest):
    revision = archived(("me@example.org", ["ann@example.org"], data))

    out = sent(letter_of(revision, archived.archive))

    assert out.endswith(b"From: <me@example.org>\r\n" + rest)


def mixed():
    message = MIMEMultipart()
    message["Subject"] = "Sales"
    message.attach(MIMEText("12 sold.", "plain"))
    message.attach(MIMEText("<p>12 sold.</p>", "html"))
    return message.as_bytes().replace(b"\n", b"\r\n")


def test_the_same_message_is_the_same_whatever_boundaries_it_was_given(archived):
    first = archived(("me@example.org", ["ann@example.org", "bo@example.org"], mixed()))
    again = archived(("me@example.org", ["bo@example.org", "ann@example.org"], mixed()))

    assert again.existing
    assert again.number == first.number == 1


def test_the_order_of_messages_makes_no_difference(archived):
    messages = [("me@example.org", [f"{name}@example.org"], simple(name)) for name in ("ann", "bo", "cy")]

    archived(*messages)

    assert archived(*messages[::-1]).existing


def test_a_signed_message_keeps_every_byte():
    data = mixed().replace(b"multipart/mixed", b"multipart/signed")

    assert settled(data) == data.replace(b"", b"")


def test_boundaries_that_a_text_may_have_are_left_alone():
    data = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nabba\r\n--b--\r\n'

    assert settled(data) == data


def test_settled_messages_say_the_same():
    from email import message_from_bytes, policy

    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content("12 sold.")
    message.add_alternative("<img src='cid:logo@x'>", subtype="html")
    message.get_payload()[1].add_related(png(), "image", "png", cid="<logo@x>")
    message.add_attachment(message_of := EmailMessage(), filename="forwarded.eml")
    message_of.set_content("inner")
    data = message.as_bytes(policy=policy.SMTP)

    found = settled(data)

    def facts(each):
        parts = list(message_from_bytes(each, policy=policy.default).walk())
        return [(part.get_content_type(), part.get_filename(), part.get_payload(decode=True)) for part in parts]

    assert facts(found) == facts(data)
    assert settled(found) == found


def test_a_reader_sees_its_parts():
    message = EmailMessage()
    message.set_content("Grüße")
    message.add_alternative('<p>Grüße</p><img src="cid:logo">', subtype="html")
    message.get_payload()[1].add_related(png(), "image", "png", cid="<logo>", filename="../logo.png")
    for content in (b"1", b"2"):
        message.add_attachment(content, maintype="text", subtype="csv", filename="sales.csv")

    parts = parts_of(message.as_bytes(), "mails/0001/attachments/")

    assert parts.text == "Grüße\n"
    assert parts.html == '<p>Grüße</p><img src="mails/0001/attachments/logo.png">\n'
    assert list(parts.files) == ["logo.png", "sales.csv", "sales-2.csv"]


def test_bytes_of_no_known_kind_are_shown_as_far_as_they_can_be():
    data = b"Content-Type: text/plain; charset=klingon\r\n\r\ncaf\xc3\xa9 \xff\r\n"

    assert parts_of(data, "").text == "café \ufffd\n"


@pytest.mark.parametrize("seed", range(40))
def test_damaged_messages_are_kept_and_sent(archived, seed):
    chance = random.Random(seed)
    data = bytearray(mixed() + simple())
    for _ in range(30):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(4)] = bytes(
            chance.choices(b'\0\r\n:;="-\xff =?', k=chance.randrange(4))
        )
    data = bytes(data).replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")

    revision = archived(("me@example.org", ["ann@example.org"], data))

    assert b"Message-ID: <1@example.org>" in sent(letter_of(revision, archived.archive))


def test_a_message_over_the_limit_says_so(archived):
    letter = letter_of(archived(("me@example.org", ["ann@example.org"], simple())), archived.archive)

    with pytest.raises(MailTooLargeError):
        sent(letter, limit=100)


def test_the_null_sender_stays_that(archived):
    letter = letter_of(archived(("", ["ann@example.org"], simple())), archived.archive)

    assert letter.envelope_sender(letter.recipients[0]) == ""


class Box:
    """One mailbox, and what a script mails to it at each of its runs."""

    def __init__(self, archived):
        self.archived = archived

    def places(self, *subjects, settle=()):
        """Return the subject at each place of the ledger; those that are settled count as sent from then on."""
        messages = [("me@example.org", ["ann@example.org"], simple(subject)) for subject in subjects]
        revision = self.archived(*messages)
        ledger = ledger_of(self.archived.archive, revision.manifest)
        mailing = Mailing(
            letter_of(revision, self.archived.archive), ledger, rules=Rules(max_lateness=None), run={}, now=DATE
        )
        mails = mailing.mails()
        ledger.prepare({mail.key: mail.facts for mail in mails})
        for mail in mails:
            if mail.facts["subject"] in settle:
                ledger.assume_sent(mail.key, "test", mail.facts)
        return {mail.facts["subject"]: mail.recipient.part for mail in mails}


@pytest.fixture
def box(archived):
    return Box(archived)


def test_places_go_by_subject_in_whichever_order_they_come(box):
    first = box.places("b", "a", "c")

    assert first == {"a": "", "b": "message 2", "c": "message 3"}
    assert box.places("c", "a", "b") == first
    assert box.places("b") == {"b": "message 2"}


def test_a_subject_that_changed_takes_the_place_that_is_left(box):
    box.places("3 errors", "Sales", settle=["3 errors", "Sales"])

    assert box.places("4 errors", "Sales") == {"4 errors": "", "Sales": "message 2"}


def test_a_message_more_takes_a_place_of_its_own(box):
    box.places("Sales", settle=["Sales"])

    assert box.places("Costs", "Sales") == {"Sales": "", "Costs": "message 2"}


def test_what_was_sent_at_a_later_place_alone_is_found_there(box):
    box.places("a", "b", "c", settle=["c"])

    assert box.places("c") == {"c": "message 3"}


def test_the_same_subject_to_other_people_is_another_message(archived):
    both = [
        ("me@example.org", ["boss@example.org", "ann@example.org"], simple("Daily", "team A")),
        ("me@example.org", ["boss@example.org", "bo@example.org"], simple("Daily", "team B")),
    ]
    revision = archived(*both)
    ledger = Ledger(archived.archive.deliveries("sales", date(2026, 3, 29)))
    letter = letter_of(revision, archived.archive)
    mailing = Mailing(letter, ledger, rules=Rules(max_lateness=None), run={}, now=DATE)
    ledger.prepare({mail.key: mail.facts for mail in mailing.mails()})
    key = {
        mail.facts["message"]: mail.key
        for mail in mailing.mails()
        if mail.recipient.address == "boss@example.org"
    }

    alone = archived(both[1])
    letter = letter_of(alone, archived.archive)
    again = Mailing(letter, ledger, rules=Rules(max_lateness=None), run={}, now=DATE).mails()

    team_b = next(name for name in key if b"team B" in revision.read(name))
    assert key[team_b] in {mail.key for mail in again}
