"""What somebody approves is what goes out: all of it as it was shown, and nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import openpyxl
import pytest
import time_machine

from airflow_provider_daybreak.archive import DraftFile
from airflow_provider_daybreak.delivery import approval
from airflow_provider_daybreak.delivery import ledger as ledger_module
from airflow_provider_daybreak.delivery.attachments import media_type_of
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.exceptions import NothingToResendError
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.mail import draft, result_of

pytestmark = pytest.mark.usefixtures("revision")

PEOPLE = ["jane@example.org", "joe@example.org"]


@pytest.fixture
def hold(mail, archive, make_context, monkeypatch):
    """Return a function that has a mail wait for an approval, and returns what was asked, and how to answer."""
    asked = {}
    monkeypatch.setattr(
        "airflow.sdk.execution_time.hitl.upsert_hitl_detail", lambda **facts: asked.update(facts)
    )

    def wait(to=("jane@example.org",), **arguments):
        context = make_context(task_id="mail_report")
        context["ti"].id = "0"
        with pytest.raises(BaseException) as parked:  # noqa: PT011 - its type depends on Airflow's version
            mail(to=to, mode="hold", context=context, **arguments)

        def answer(option=approval.APPROVE, **now):
            """:param now: what the operator's fields are by then."""
            fields = {"report": "daily_report", "to": to, "max_lateness": None, **arguments, **now}
            operator = ReportEmailOperator(task_id="mail_report", mode="hold", archive=archive.uri, **fields)
            event = {"chosen_options": [option], "responded_by_user": {"id": "1", "name": "Ann"}}
            kwargs = json.loads(json.dumps(parked.value.kwargs))
            method = getattr(operator, parked.value.method_name)
            return result_of(method, make_context(task_id="mail_report"), event=event, **kwargs)

        return SimpleNamespace(answer=answer, asked=dict(asked), kwargs=parked.value.kwargs)

    return wait


@pytest.fixture
def doubt(archive, revision, monkeypatch):
    """Return a function that leaves Jane's mail of the day in doubt: its task was killed as it sent."""

    def leave():
        manifest = revision.manifest
        key = key_of(manifest.report, manifest.period_key, "jane@example.org")
        with monkeypatch.context() as patched:
            gone = {**ledger_module.identity(), "pid": 2**22 + 1}  # over any pid_max
            patched.setattr(ledger_module, "identity", lambda: gone)
            assert ledger_of(archive, manifest).commit(key, 0, {"digest": manifest.digest})

    return leave


def test_a_held_mail_asks_and_is_sent_once_approved(hold, server):
    held = hold()
    assert held.asked["subject"] == "Send 'Almanac for 29 March 2026'?"
    assert held.asked["body"].endswith(
        "from Reports <reports@example.org>, with no attachment. It goes to 1:\n\n- jane@example.org"
    )
    assert server.mails == []

    assert held.answer()["sent"] == ["jane@example.org"]
    assert held.answer()["already_sent"] == ["jane@example.org"]
    assert len(server.mails) == 1


def test_a_rejected_mail_is_not_sent_and_says_who_rejected_it(hold, server):
    assert hold().answer(approval.REJECT)["held"] == {"jane@example.org": "rejected by Ann"}
    assert server.mails == []


def test_what_was_shown_is_sent_whatever_the_fields_have_become(hold, server, archive):
    held = hold(
        PEOPLE[:1],
        cc="bo@example.org",
        subject="As it was",
        attachments=["data/rows.csv"],
        reply_to="desk@example.org",
        headers={"X-Team": "data"},
        from_email="Desk <desk@example.org>",
        list_unsubscribe=["https://example.org/stop"],
        attachment_names="{stem}-as-shown{suffix}",
    )
    archive.publish(draft(text="Other\n"))

    held.answer(
        to=["evil@example.org"],
        cc="eve@example.org",
        subject="Other",
        attachments=["report.txt"],
        reply_to="evil@example.org",
        headers={"X-Team": "evil"},
        redirect_all_to="evil@example.org",
        from_email="evil@example.org",
        list_unsubscribe=["https://evil.example.org"],
        attachment_names="evil{suffix}",
    )

    assert server.recipients() == ["jane@example.org", "bo@example.org"]
    message = server.mails[0].message
    assert (message["Subject"], message["X-Team"], message["Reply-To"]) == (
        "As it was",
        "data",
        "desk@example.org",
    )
    assert [part.get_filename() for part in message.iter_attachments()] == ["rows-as-shown.csv"]
    assert message["X-Daybreak-Revision"] == "2026-03-29 r0001"
    assert (message["From"], server.senders[0]) == ("Desk <desk@example.org>", "desk@example.org")
    assert message["List-Unsubscribe"] == "<https://example.org/stop>"


def test_what_was_shown_as_encrypted_goes_out_encrypted(hold, server, archive, monkeypatch):
    msoffcrypto = pytest.importorskip("msoffcrypto")
    monkeypatch.setenv(
        "AIRFLOW_CONN_READERS", json.dumps({"conn_type": "generic", "password": "Kite-9-orchard!tin"})
    )
    book = BytesIO()
    openpyxl.Workbook().save(book)
    archive.publish(draft(files=[DraftFile("rows.xlsx", media_type_of("rows.xlsx"), book.getvalue())]))
    held = hold(attachments=["rows.xlsx"], encrypt="readers")

    held.answer(encrypt=None)

    [part] = server.mails[0].message.iter_attachments()
    assert "opens with the password of the connection `readers`" in held.asked["body"]
    assert msoffcrypto.OfficeFile(BytesIO(part.get_content())).is_encrypted()


def test_a_question_about_many_reports_tells_of_the_first_and_counts_the_others(hold, server, archive):
    reports = [archive.publish(draft(f"sales_{number}")).manifest.report for number in range(53)]
    rows = [{"address": f"{report}@example.org", "report": report} for report in reports]

    held = hold(rows, report=reports)

    assert held.asked["subject"] == "Send 53 reports?"
    told = [report for report in reports if f"Revision 1 of `{report}`" in held.asked["body"]]
    assert told == reports[:50]
    assert (
        f"And 3 more reports: all 53 mails stand in `{held.kwargs['proposal']['uri']}`." in held.asked["body"]
    )
    assert server.connections == 0
    assert held.answer()["sent"] == [row["address"] for row in rows]


def test_who_else_gets_it_and_what_has_no_room_is_shown(hold):
    body = hold(PEOPLE[:1], bcc="bo@example.org", attachments=["data/rows.csv"], max_bytes=20_000).asked["body"]

    assert body.endswith("- jane@example.org\n- bo@example.org (bcc)")
    assert "with `rows.csv`." in body


@pytest.mark.parametrize(
    ("extra", "what"),
    [
        ({"from_email": "Evil <evil@example.org>"}, r"head: \['From: Reports .*'\] then, and \['From: Evil "),
        ({"redirect_all_to": "evil@example.org"}, "recipients: .*evil@example.org"),
        ({"connection": {"login": "evil@example.org"}}, "connection: .*evil@example.org"),
        ({"ssl_context": "none", "allow_insecure": True}, "connection: .*starttls, not verified"),
        ({"allowed_domains": ["example.com"]}, "Not allowed to mail jane@example.org"),
        ({"default_recipients": ["eve@example.org"]}, None),
    ],
)
def test_a_connection_that_has_become_another_stops_what_was_approved(hold, server, connect_to, extra, what):
    held = hold()
    connect_to(server, **extra)

    if what is None:
        assert held.answer()["sent"] == ["jane@example.org"]
        return
    with pytest.raises(AirflowFailException, match=what):
        held.answer()
    assert server.connections == 0


def test_default_recipients_that_have_become_others_stop_what_was_approved(hold, server, connect_to):
    connect_to(server, default_recipients=["jane@example.org"])
    held = hold(())
    connect_to(server, default_recipients=PEOPLE)

    with pytest.raises(AirflowFailException, match="would not be what was approved"):
        held.answer()
    assert server.connections == 0


def test_a_server_that_takes_less_than_was_shown_gets_nothing(hold, server, archive):
    path = archive.root / "big.bin"
    path.write_bytes(os.urandom(200_000))
    with path.open("rb") as file:
        artifact = archive.store_artifact("big.bin", file).info()
    held = hold(attachments=[artifact])
    server.size_limit = 100_000

    with pytest.raises(AirflowFailException, match=r"attachments left out: \[\] then, and \['big.bin'\] now"):
        held.answer()
    assert server.mails == []


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes() + b" ")])
def test_what_was_shown_must_be_there_and_be_that(hold, server, damage):
    held = hold()
    damage(Path(urlsplit(held.kwargs["proposal"]["uri"]).path))

    with pytest.raises(AirflowFailException, match="Clear the task to ask again"):
        held.answer()
    assert server.connections == 0


def test_what_is_in_doubt_is_asked_about_before_it_is_sent_again(hold, doubt, server):
    doubt()
    held = hold(on_unknown="resend")

    assert server.connections == 0
    assert held.asked["body"].endswith("- jane@example.org (may have got it already)")
    assert held.answer()["sent"] == ["jane@example.org"]


def test_what_came_in_doubt_after_it_was_asked_about_is_not_sent_again(hold, doubt, server):
    held = hold(on_unknown="resend")
    doubt()

    assert "in doubt since it was asked about" in held.answer()["held"]["jane@example.org"]
    assert server.mails == []
    assert hold(on_unknown="resend").answer()["sent"] == ["jane@example.org"]


def test_an_archive_that_holds_another_report_in_its_place_stops_what_was_approved(
    hold, server, archive, revision
):
    held = hold()
    other = archive.publish(draft(text="Other\n", title="Evil"))
    for file in other.folder.rglob("*"):
        if file.is_file() and file.name != "manifest.json":
            (revision.folder / file.relative_to(other.folder)).write_bytes(file.read_bytes())
    forged = replace(other.manifest, revision=revision.number)
    (revision.folder / "manifest.json").write_bytes(forged.to_json())

    with pytest.raises(AirflowFailException, match="would not be what was approved: digest"):
        held.answer()
    assert server.connections == 0


def test_a_correction_that_nobody_was_asked_about_is_not_sent_by_an_approval(
    hold, server, mail, archive, revision
):
    archive.publish(draft(text="Other\n"))
    held = hold(PEOPLE[:1], on_correction="send")
    mail({"manifest": revision.uri}, PEOPLE[:1])  # of another task, which asks nobody

    result = held.answer()

    assert (result["sent"], result["held"]) == ([], {"jane@example.org": "not part of what was approved"})
    assert len(server.mails) == 1


def test_an_approval_is_in_time_when_it_was_asked_for_in_time(hold):
    assert hold().answer(max_lateness=timedelta(0))["sent"] == ["jane@example.org"]


def test_who_approved_it_is_in_the_ledger(hold, archive):
    hold().answer()

    (record,) = deliveries(archive)
    assert record.facts["run"]["approved_by"] == "Ann"


def test_what_waits_or_was_rejected_says_so_and_is_resent_only_by_name(hold, archive, server):
    held = hold(PEOPLE)

    def resend(*to):
        wanted = Resending("daily_report", date(2026, 3, 29), to, reason="mended", by="bo", id="1")
        return DeliveryHook(archive=archive.uri).resend(wanted).summary

    assert [record.standing for record in deliveries(archive)] == ["waiting", "waiting"]
    with pytest.raises(NothingToResendError):
        resend()
    held.answer(approval.REJECT)
    assert [record.standing for record in deliveries(archive)] == ["rejected", "rejected"]
    with pytest.raises(NothingToResendError):
        resend()
    assert server.mails == []
    assert list(resend("jane@example.org").sent) == ["jane@example.org"]


def test_what_waits_says_so_though_the_clock_was_set_back_since_it_came_in_doubt(hold, doubt, archive):
    doubt()

    with time_machine.travel(datetime.now(timezone.utc) - timedelta(hours=3)):
        held = hold(on_unknown="resend")
    assert [record.standing for record in deliveries(archive)] == ["waiting"]

    held.answer()
    assert [record.standing for record in deliveries(archive)] == ["sent"]


def test_a_held_mail_that_was_sent_before_asks_nobody(mail):
    mail()

    assert mail(mode="hold")["already_sent"] == ["jane@example.org"]


def test_rows_that_carry_more_than_json_knows_can_wait_too(hold, server):
    rows = [{"address": "jane@example.org", "since": Path("x"), "regions": ("north",)}]

    assert hold(rows).answer()["sent"] == ["jane@example.org"]
    assert server.recipients() == ["jane@example.org"]
