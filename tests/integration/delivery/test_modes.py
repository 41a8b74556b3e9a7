from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from airflow_provider_daybreak.operators import approval
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
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
        {"allowed_domains": ["example.com"]},
    ],
)
def test_a_bad_argument_is_an_error_before_anything_is_sent(mail, server, arguments):
    with pytest.raises(AirflowFailException, match="Invalid|Not allowed|No file"):
        mail(**arguments)
    assert server.connections == 0


@pytest.fixture
def held(mail, archive, make_context, monkeypatch):
    """Return a function that answers a mail that waits for an approval."""
    asked = {}
    monkeypatch.setattr(
        "airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **facts: asked.update(facts)
    )
    context = make_context(task_id="mail_report")
    context["ti"].id = "0"
    with pytest.raises(BaseException) as parked:  # noqa: PT011 - its type depends on Airflow's version
        mail(mode="hold", context=context)

    def answer(option, *, report="daily_report"):
        operator = ReportEmailOperator(
            task_id="mail_report",
            report=report,
            to="jane@example.org",
            mode="hold",
            archive=archive.uri,
            max_lateness=None,
        )
        event = {"chosen_options": [option], "responded_by_user": {"id": "1", "name": "Ann"}}
        method = getattr(operator, parked.value.method_name)
        return method(make_context(task_id="mail_report"), event=event, **parked.value.kwargs)

    return SimpleNamespace(answer=answer, asked=asked)


def test_a_held_mail_asks_and_is_sent_once_approved(held, server):
    assert held.asked["subject"] == "Send 'Almanac for 29 March 2026'?"
    assert held.asked["body"].endswith("with no attachment. It goes to 1:\n\n- jane@example.org")
    assert server.mails == []

    assert held.answer(approval.APPROVE)["sent"] == ["jane@example.org"]


def test_a_rejected_mail_is_not_sent_and_says_who_rejected_it(held, server):
    assert held.answer(approval.REJECT)["held"] == {"jane@example.org": "rejected by Ann"}
    assert server.mails == []


def test_an_approval_is_for_the_content_that_was_shown(held, server, archive):
    archive.publish(draft(text="Other\n"))

    with pytest.raises(AirflowFailException, match="is not what was approved"):
        held.answer(approval.APPROVE)
    assert server.mails == []


def test_a_held_mail_that_was_sent_before_asks_nobody(mail):
    mail()

    assert mail(mode="hold")["already_sent"] == ["jane@example.org"]
