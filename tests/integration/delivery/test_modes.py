from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
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


def test_each_recipient_unsubscribes_by_an_address_of_its_own(mail, server):
    mail(
        to=[{"address": "ann@example.org", "token": "1 &2"}, {"address": "b+o@example.org", "token": 3}],
        list_unsubscribe="https://example.org/stop?who={address}&token={token}",
    )

    ann, bo = (received.message for received in server.mails)
    assert ann["List-Unsubscribe"] == "<https://example.org/stop?who=ann%40example.org&token=1%20%262>"
    assert bo["List-Unsubscribe"] == "<https://example.org/stop?who=b%2Bo%40example.org&token=3>"
    assert ann["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_task_mails_from_an_address_of_its_own_also_when_it_is_sent_again(mail, server, archive):
    mail(from_email="Sales <sales@example.org>")
    wanted = Resending("daily_report", draft().report_date, ["jane@example.org"], "lost", "me", "1")
    DeliveryHook(archive=archive.uri).resend(wanted)

    assert [received.message["From"] for received in server.mails] == ["Sales <sales@example.org>"] * 2
    assert server.senders == ["sales@example.org"] * 2


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ({"rows.csv": "Almanac {report_date:%d.%m.%Y}.csv"}, ["Almanac 29.03.2026.csv", "daylight.png"]),
        ("{stem}-{report_date}{suffix}", ["rows-2026-03-29.csv", "daylight-2026-03-29.png"]),
        ({"rows.csv": "{report} r{revision}.csv"}, ["daily_report r1.csv", "daylight.png"]),
    ],
)
def test_attachments_are_called_as_they_are_to_be_also_when_sent_again(mail, server, archive, names, found):
    mail(attachments=["data/rows.csv", "charts/daylight.png"], attachment_names=names)
    wanted = Resending("daily_report", draft().report_date, ["jane@example.org"], "lost", "me", "1")
    DeliveryHook(archive=archive.uri).resend(wanted)

    for received in server.mails:
        assert [part.get_filename() for part in received.message.iter_attachments()] == found
    assert len(server.mails) == 2


def test_the_name_of_an_attachment_whose_task_was_skipped_is_no_mistake(mail, server):
    mail(attachments=["data/rows.csv", None], attachment_names={"almanac.pdf": "a.pdf", "rows.csv": "r.csv"})

    [received] = server.mails
    assert [part.get_filename() for part in received.message.iter_attachments()] == ["r.csv"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"headers": {"Bcc": "evil@example.com"}},
        {"headers": {"X-A": "1\r\nBcc: evil@example.com"}},
        {"headers": "X-A: 1"},
        {"subject": "a\nBcc: evil@example.com"},
        {"list_unsubscribe": "http://example.org"},
        {"list_unsubscribe": "https://example.org/{token}"},
        {"list_unsubscribe": "https://example.org/{address"},
        {"from_email": "nobody"},
        {"from_email": "jané@example.org"},
        {"attachment_names": ["a.csv"], "attachments": ["data/rows.csv"]},
        {"attachment_names": "{stem.__class__}", "attachments": ["data/rows.csv"]},
        {"attachment_names": "{when}.csv", "attachments": ["data/rows.csv"]},
        {"attachment_names": "{stem:>9}.csv", "attachments": ["data/rows.csv"]},
        {"attachment_names": "../{name}", "attachments": ["data/rows.csv"]},
        {"attachment_names": {"rows.csvv": "sales.csv"}, "attachments": ["data/rows.csv"]},
        {"attachment_names": "same", "attachments": ["data/rows.csv", "charts/daylight.png"]},
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
