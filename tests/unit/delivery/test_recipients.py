from __future__ import annotations

import pytest

from airflow_provider_daybreak.delivery.recipients import (
    choose_recipients,
    parse_address,
    parse_recipients,
    redirected,
)
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    NoRecipientsError,
    RecipientNotAllowedError,
)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("jane@example.org", "", "jane@example.org"),
        ('"Doe, Jane" <jane@example.org>', "Doe, Jane", "jane@example.org"),
        ("J. R. Doe <jr@example.org>", "J. R. Doe", "jr@example.org"),
        ("Jörg Ärger <j@example.org>", "Jörg Ärger", "j@example.org"),
        ("=?utf-8?q?J=C3=B6rg?= <j@example.org>", "Jörg", "j@example.org"),
        ("jane@müller.example", "", "jane@xn--mller-kva.example"),
        ("info@faß.de", "", "info@xn--fa-hia.de"),
        ("Info <info@FAẞ.de>", "Info", "info@xn--fa-hia.de"),
        ("νίκος@βόλος.com", "", "νίκος@xn--nxasmm1c.com"),
        ("jo\u0308rg@example.org", "", "jörg@example.org"),
        ("Roe, Ann <ann@example.org>", "Roe, Ann", "ann@example.org"),
        ("山田、 太郎 <taro@例え.jp>", "山田、 太郎", "taro@xn--r8jz45g.jp"),
        ("\u200fآن <ann@مثال.إختبار>", "آن", "ann@xn--mgbh0fb.xn--kgbechtv"),
        ("ann@example。org", "", "ann@example.org"),
        ("<jane@example.org>", "", "jane@example.org"),
        ("jane+reports@sub.example.org", "", "jane+reports@sub.example.org"),
        ("jane@[192.0.2.1]", "", "jane@[192.0.2.1]"),
        ('"jane doe"@example.org', "", '"jane doe"@example.org'),
    ],
)
def test_an_address_is_read_with_its_name(text, name, address):
    recipient = parse_address(text)

    assert (recipient.name, recipient.address) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "jane",
        "@example.org",
        "jane@",
        "jane@example..org",
        "jane@-example.org",
        "jane@example.org>",
        "<jane@example.org",
        "jane@a@example.org",
        "jane@example.org, evil@example.com",
        "jane@example.org; evil@example.com",
        "jane@example.org\uff0cevil@example.com",
        "jane、evil@example.com",
        "jane@example.org evil@example.com",
        "team: jane@example.org, joe@example.org;",
        "jane@example.org\nBcc: evil@example.com",
        "Jane\r\nBcc: evil@example.com <jane@example.org>",
        "jane\x00@example.org",
        "jane\u202e@example.org",
        "jane@example.org\ud800",
        "j\u00adane@example.org",
        "Roe, jane@example.org",
        "Ann\n<jane@example.org>",
        "Roe, evil@example.com <jane@example.org>",
        f"{'j' * 65}@example.org",
        f"jane@{'e' * 64}.org",
        "evil@example.com <jane@example.org>",
        None,
        7,
        ["jane@example.org"],
    ],
)
def test_what_is_not_one_address_is_an_error_that_shows_it(text):
    with pytest.raises(InvalidValueError, match="Invalid recipient .*: expected one|one line without"):
        parse_address(text)


@pytest.mark.parametrize(
    "value",
    [
        "jane@example.org, joe@example.org",
        "jane@example.org,Joe <joe@example.org>,",
        "jane@example.org; joe@example.org;",
        "\njane@example.org\n  Joe <joe@example.org>\r\n",
        'Roe, Jane, PhD <jane@example.org>,, "Roe, Joe" <joe@example.org>',
        '["jane@example.org", "joe@example.org"]',
        "['jane@example.org', 'joe@example.org']",
        "jane@example.org、Joe <joe@example.org>",
        "jane@example.org\uff0cjoe@example.org\uff0c",
        "jane@example.org\uff1bjoe@example.org",
        "jane@example.org، joe@example.org",
        "jane@example.org؛ joe@example.org",
        "\ufeffjane@example.org;\u200b joe@example.org\u200e",
        "\u202ajane@example.org\u202c, \u2066joe@example.org\u2069",
        ["jane@example.org", "Joe <joe@example.org>"],
        ("jane@example.org", {"address": "joe@example.org", "region": "north"}),
    ],
)
def test_recipients_are_a_list_or_its_text(value):
    assert [each.address for each in parse_recipients(value)] == ["jane@example.org", "joe@example.org"]


def test_an_item_of_a_list_names_one_address_and_no_second():
    with pytest.raises(InvalidValueError, match="expected one address"):
        parse_recipients(["jane@example.org, evil@example.com"])


@pytest.mark.parametrize("empty", [None, "", "  ", [], "[]"])
def test_an_empty_list_leaves_it_to_the_default(empty):
    (recipient,) = choose_recipients(empty, default=["jane@example.org"])

    assert recipient.address == "jane@example.org"


def test_nobody_at_all_is_an_error():
    with pytest.raises(NoRecipientsError, match="default_recipients"):
        choose_recipients("", default=None)


def test_a_mailbox_named_twice_gets_one_mail():
    everybody = choose_recipients(["Jane <jane@example.org>"], cc=["JANE@example.org", "joe@example.org"])

    assert [(each.address, each.kind) for each in everybody] == [
        ("jane@example.org", "to"),
        ("joe@example.org", "cc"),
    ]


def test_a_domain_that_is_not_allowed_is_named():
    with pytest.raises(RecipientNotAllowedError, match="Not allowed to mail joe@evil.example.org"):
        choose_recipients(["jane@EXAMPLE.org"], bcc=["joe@evil.example.org"], allowed_domains=["example.org"])


def test_a_row_has_a_mail_of_its_own_and_keeps_what_else_it_says():
    row = {"address": "jane@example.org", "name": "Jane", "locale": "de", "report": "sales_north"}

    (recipient,) = parse_recipients([row])

    assert recipient.alone
    assert (recipient.name, recipient.report, recipient.parameters) == (
        "Jane",
        "sales_north",
        {"locale": "de"},
    )


def test_ten_thousand_recipients_are_read_at_once():
    everybody = choose_recipients([f"p{number}@example.org" for number in range(10_000)])

    assert len(everybody) == 10_000


def test_a_redirected_mail_names_whom_it_was_meant_for():
    (recipient,) = redirected(parse_recipients("jane@example.org"), "me@example.org")

    assert (recipient.address, recipient.name) == ("me@example.org", "jane@example.org (trial)")


@pytest.mark.parametrize(
    "domain", ["i❤.example", "faß_.de", "ä" * 64 + ".de", "\uff41\uff20b.example", "-ä.de"]
)
def test_a_domain_that_nobody_can_have_is_named(domain):
    with pytest.raises(
        InvalidValueError, match=f"Invalid domain of a recipient {domain!r}: expected a domain that"
    ):
        parse_address(f"jane@{domain}")


def test_domains_are_allowed_in_whichever_form_they_are_written():
    for allowed in (["faß.de"], ["@FAẞ.de "], ["xn--fa-hia.de"]):
        choose_recipients(["info@faß.de", "info@xn--fa-hia.de"], allowed_domains=allowed)
    with pytest.raises(RecipientNotAllowedError, match="info@xn--fa-hia.de"):
        choose_recipients(["info@faß.de"], allowed_domains=["fass.de"])


def test_two_forms_of_one_domain_are_one_mailbox():
    (recipient,) = choose_recipients(["info@faß.de", "INFO@xn--fa-hia.de"])

    assert recipient.normal == "info@xn--fa-hia.de"


def test_a_domain_in_ascii_stays_as_it_is():
    assert parse_address("Jane@Example.ORG").address == "Jane@Example.ORG"
    assert parse_address("Jane@Example.ORG").normal == "jane@example.org"


def test_redirecting_reaches_the_domain_that_is_written():
    assert redirected(parse_recipients("a@example.org"), "me@faß.de")[0].address == "me@xn--fa-hia.de"
