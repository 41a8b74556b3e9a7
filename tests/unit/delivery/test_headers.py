from __future__ import annotations

from email import message_from_bytes, policy
from email.headerregistry import Address

import pytest

from airflow_provider_daybreak.delivery import headers
from airflow_provider_daybreak.exceptions import InvalidValueError


def read(field: bytes):
    """Return what a reader makes of the field."""
    message = message_from_bytes(field.replace(b"\r\n", b"\n") + b"\n", policy=policy.default)
    assert len(message.keys()) == 1
    return message.values()[0]


@pytest.mark.parametrize(
    "subject",
    [
        "Almanac",
        "",
        "Überblick für März ☀",
        "a" * 500,
        "ä" * 500,
        "word " * 60 + "end",
        " leading and trailing ",
        "two  spaces",
        "=?utf-8?q?not_encoded?=",
        "日本語の題名" * 20,
        "🌅" * 40,
        'colon: comma, semicolon; <angle> (round) "quoted" back\\slash',
        "a\u00a0b\u00ad",
        "مبيعات \u200f29/03/2026",
        "گزارش \u2068Week 13\u2069 (\u2067של \u2066b\u2069\u2069)",
        "\u202bא\u202c \u202aa\u202c",
    ],
)
def test_a_subject_arrives_as_it_was_meant(subject):
    field = headers.text_field("Subject", subject)

    assert str(read(field)) == subject
    assert all(len(line) <= 998 for line in field.split(b"\r\n"))
    assert field.isascii()


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "value",
    [
        "a\r\nBcc: evil@example.com",
        "a\nb",
        "a\rb",
        "a\0b",
        "a\x1bb",
        "a\x85b",
        "a\u2028b",
        "a\u202eb",
        "a\u2067b",
        "a\u2069b",
        "a\u202bb\u2069",
        "\u2068a\u202bb\u2069\u202c",
        "\ud800",
    ],
)
def test_control_characters_are_refused(value):
    with pytest.raises(InvalidValueError, match="one line without control characters"):
        headers.text_field("Subject", value)


def test_a_value_without_end_is_refused():
    with pytest.raises(InvalidValueError, match="at most 2000 characters, not 5000"):
        headers.text_field("Subject", "a" * 5000)


@pytest.mark.parametrize(
    "name",
    ["", "Jane", 'Jane "JD" Doe', "Doe, Jane", "Jörg", "back\\slash", "=?utf-8?q?x?=", "a  b", "山田 太郎"],
)
def test_a_name_and_its_address_arrive_as_they_were_meant(name):
    field = headers.address_field("To", [Address(name, addr_spec="jane@example.org")] * 3)

    assert [(each.display_name, each.addr_spec) for each in read(field).addresses] == [
        (name, "jane@example.org")
    ] * 3


@pytest.mark.parametrize("name", ["X-Team", "Auto-Submitted", "importance", "List-Id", "Feedback-ID"])
def test_further_headers_are_those_that_are_allowed(name):
    assert read(headers.further_field(name, "value")) == "value"


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "name",
    [
        "Bcc",
        "to",
        "FROM",
        "Subject",
        "Date",
        "Message-ID",
        "Content-Type",
        "X-A\r\nBcc",
        "X A",
        "X-A:",
        "",
        None,
    ],
)
def test_other_headers_are_refused(name):
    with pytest.raises(InvalidValueError, match="Invalid name of a header"):
        headers.further_field(name, "value")


@pytest.mark.parametrize(
    "word",
    [
        "x" * 1999,
        "x" * 998 + " y",
        "a b " * 400 + "c",
        "(" * 1999,
        '"' * 1999,
        "=?" + "x" * 1500 + "?=",
        "ä" * 1999,
    ],
)
def test_no_line_of_a_header_is_longer_than_lines_may_be(word):
    subject = headers.text_field("Subject", word)
    to = headers.address_field("To", [Address(word, addr_spec="jane@example.org")])

    assert max(map(len, (subject + to).split(b"\r\n"))) <= 998
    parsed = message_from_bytes(subject + to + b"\r\n", policy=policy.default)
    assert parsed["Subject"] == word
    (address,) = parsed["To"].addresses
    name = address.display_name.replace(
        " ", ""
    )  # Python's parser keeps the folds between encoded words of a name
    assert (name, address.addr_spec) == (word.replace(" ", ""), "jane@example.org")
