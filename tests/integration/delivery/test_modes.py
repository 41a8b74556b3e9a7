from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.mail import draft

pytestmark = pytest.mark.usefixtures("revision")


def test_a_dry_run_writes_the_mail_and_sends_nothing(mail, server):
    result = mail(mode="dry_run")

    uri = result["held"]["jane@example.org"].removeprefix("dry run, written to ")
    message = message_from_bytes(Path(urlsplit(uri).path).read_bytes(), policy=policy.default)
    assert message["To"] == "jane@example.org"
    assert server.connections == 0
    assert mail()["sent"] == ["jane@example.org"]


def test_a_redirected_mail_goes_to_one_address_and_counts_for_nobody(mail, server):
    people = ["jane@example.org", "joe@example.org"]
    mail(to=people, redirect_all_to="me@example.org")
    assert server.recipients() == ["me@example.org"] * 2
    assert server.mails[0].message["To"] == '"jane@example.org (trial)" <me@example.org>'

    assert mail(to=people)["sent"] == people


def test_a_connection_can_redirect_everything(mail, server, connect_to):
    connect_to(server, redirect_all_to="me@example.org")
    mail()

    assert server.recipients() == ["me@example.org"]


def test_rows_get_their_own_report_and_see_nobody_else(mail, server, archive):
    reports = [
        {"manifest": archive.publish(draft(report=f"sales_{region}", title=f"Sales {region}")).uri}
        for region in ("north", "south")
    ]
    rows = [
        {"address": "n1@example.org", "name": "N One", "report": "sales_north"},
        {"address": "n2@example.org", "report": "sales_north"},
        {"address": "boss@example.org", "report": "sales_north"},
        {"address": "boss@example.org", "report": "sales_south"},
    ]
    result = mail(reports, to=rows)

    assert [(each.message["To"], each.message["Subject"]) for each in server.mails] == [
        ("N One <n1@example.org>", "Sales north"),
        ("n2@example.org", "Sales north"),
        ("boss@example.org", "Sales north"),
        ("boss@example.org", "Sales south"),
    ]
    assert result["sent"][-2:] == ["boss@example.org", "boss@example.org (sales_south)"]


def test_a_row_whose_report_is_not_there_is_an_error_before_anything_is_sent(mail, server):
    rows = [{"address": "n1@example.org"}, {"address": "n2@example.org", "report": "other"}]

    with pytest.raises(AirflowFailException, match="report of the recipient n2@example.org 'other'"):
        mail(to=rows)
    assert server.mails == []


def test_answers_unsubscribing_and_further_headers_are_in_the_head(mail, server):
    url = "https://example.org/unsubscribe?" + "id=" * 60
    mail(
        reply_to="Desk <desk@example.org>",
        list_unsubscribe=[url, "mailto:stop@example.org"],
        headers={"X-Team": "Größe", "Importance": "low"},
    )

    message = server.mails[0].message
    assert message["Reply-To"] == "Desk <desk@example.org>"
    assert message["List-Unsubscribe"] == f"<{url}>, <mailto:stop@example.org>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (message["X-Team"], message["Importance"]) == ("Größe", "low")
    assert message["Auto-Submitted"] == "auto-generated"
    assert len(message.keys()) == len({key.lower() for key in message})


@pytest.mark.parametrize(
    "arguments",
    [
        {"headers": {"Bcc": "evil@example.com"}},
        {"headers": {"X-A": "1\r\nBcc: evil@example.com"}},
        {"headers": "X-A: 1"},
        {"subject": "a\nBcc: evil@example.com"},
        {"list_unsubscribe": "http://example.org"},
        {"list_unsubscribe": "https://example.org/>, <mailto:evil@example.com"},
        {"reply_to": "nobody"},
        {"mode": "later"},
        {"on_refused": "ignore"},
        {"on_unknown": "guess"},
        {"on_correction": "always"},
        {"attachments": ["no-such-file.csv"]},
        {"attachments": [7]},
        {"to": "jane"},
        {"report": {"no": "manifest"}},
        {"to": ["jane@example.org", "joe@example.com"], "allowed_domains": ["example.com"]},
    ],
)
def test_a_bad_argument_is_an_error_before_anything_is_sent(mail, server, arguments):
    with pytest.raises(AirflowFailException, match="Invalid|Not allowed|No file"):
        mail(**arguments)
    assert server.connections == 0
