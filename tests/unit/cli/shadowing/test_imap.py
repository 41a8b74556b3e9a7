"""The address of a folder of mails: what it names, and that no password stands in it."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.cli.shadowing import imap
from airflow_provider_daybreak.cli.shadowing.imap import Mailbox, access_of, is_address
from airflow_provider_daybreak.exceptions import InvalidValueError


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("imaps://ann@imap.example.org/INBOX", Mailbox("imap.example.org", 993, "ann", "INBOX")),
        (
            "imaps://ann%40example.org@imap.example.org",
            Mailbox("imap.example.org", 993, "ann@example.org", "INBOX"),
        ),
        (
            "imaps://ann@example.org@imap.example.org/Old",
            Mailbox("imap.example.org", 993, "ann@example.org", "Old"),
        ),
        ("IMAPS://ann@[::1]:1993/Sent%20Items/2026", Mailbox("::1", 1993, "ann", "Sent Items/2026")),
        (
            "imaps://ann@imap.gmail.com/[Gmail]/All Mail",
            Mailbox("imap.gmail.com", 993, "ann", "[Gmail]/All Mail"),
        ),
        ("imaps://imap.example.org/Caf\u00e9", Mailbox("imap.example.org", 993, "", "Caf\u00e9")),
    ],
)
def test_an_address_names_a_folder(address, found):
    assert is_address(address)
    assert Mailbox.of(address) == found


@pytest.mark.parametrize(
    "address",
    [
        "imap://ann@host/INBOX",
        "imaps:///INBOX",
        "imaps://ann@host:port/x",
        "imaps://ann@host/IN%0D%0ABOX",
        "imaps://a%00@h/",
    ],
)
def test_what_is_not_of_tls_or_names_nothing_is_refused(address):
    with pytest.raises(InvalidValueError, match="imaps://USER@HOST/FOLDER"):
        Mailbox.of(address)


@pytest.mark.parametrize("address", ["imaps://ann:hunter2@host/x", "imap://ann:hunt@er2@host/x"])
def test_a_password_in_an_address_is_refused_and_not_repeated(address):
    with pytest.raises(InvalidValueError, match="--imap-conn-id") as caught:
        Mailbox.of(address)
    assert "hunt" not in str(caught.value) + repr(caught.value)


def test_where_nobody_can_be_asked_a_connection_is_asked_for(monkeypatch):
    monkeypatch.setattr(imap.sys.stdin, "isatty", lambda: False)

    with pytest.raises(InvalidValueError, match="there is no terminal to ask for it at"):
        access_of(Mailbox.of("imaps://ann@host/x"), None)


def test_without_a_user_nobody_is_asked():
    with pytest.raises(InvalidValueError, match="imaps://USER@HOST/FOLDER"):
        access_of(Mailbox.of("imaps://host/x"), None)


def test_days_are_english_whatever_the_locale():
    from datetime import date

    assert imap._day(date(2026, 5, 9)) == "09-May-2026"
