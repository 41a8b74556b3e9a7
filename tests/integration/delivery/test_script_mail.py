"""Scripts that mail by themselves, unmodified: each mail once for its day, and nothing of a script that failed."""

from __future__ import annotations

import json
import logging
import os
from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.exceptions import DeliveryPendingError, ScriptFailedError, SmtpUnavailableError
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException
from tests.mail import draft

DAY = date(2026, 3, 29)

ONE = """\
import smtplib
from email.message import EmailMessage

message = EmailMessage()
message["Subject"] = "Sales of the day"
message["From"] = "Reports <reports@example.org>"
message["To"] = "Ann <ann@example.org>"
message["Cc"] = "bo@example.org"
message["Bcc"] = "secret@example.org"
message.set_content("12 sold.\\n")
message.add_alternative("<p>12 <b>sold</b>.</p>", subtype="html")
message.add_attachment(b"a,b\\n1,2\\n", maintype="text", subtype="csv", filename="sales.csv")
with smtplib.SMTP("mail.does-not-exist.invalid", 587) as server:
    server.starttls()
    server.login("reports@example.org", "a password that nobody knows")
    server.send_message(message)
print("sent")
"""

CUSTOMERS = """\
import smtplib, os
with smtplib.SMTP(os.environ["SMTP_SERVER"], int(os.environ["SMTP_PORT"])) as server:
    for name in ("ann", "bo", "cy"):
        text = f"Subject: Invoice of {name}\\nTo: {name}@example.org\\nFrom: billing@example.org\\n\\nPlease pay.\\n"
        server.sendmail("billing@example.org", [f"{name}@example.org"], text)
"""


def sending(*mails, after=""):
    """Return a script that sends these mails: recipients with commas between them, subject, text."""
    return (
        "import smtplib, sys\n"
        "with smtplib.SMTP('localhost') as server:\n"
        f"    for to, subject, text in {mails!r}:\n"
        "        server.sendmail('me@example.org', to.split(','), f'Subject: {subject}\\nTo: {to}\\n\\n{text}\\n')\n"
        f"{after}\n"
    )


@pytest.fixture
def releases(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.getbasetemp() / "script-mail-releases"
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(folder))


@pytest.fixture
def context(make_context):
    """Return a function that makes the context of a try, whose XComs are its ``pushed``."""

    def make(*, try_number=1, day=DAY, run_id="scheduled"):
        found = make_context(
            task_id="run",
            try_number=try_number,
            run_id=run_id,
            logical_date=datetime(day.year, day.month, day.day, 8, tzinfo=timezone.utc),
        )
        found["pushed"] = {}
        found["ti"].xcom_push = lambda key, value: found["pushed"].update({key: value})
        return found

    return make


@pytest.fixture
def script(releases, server, archive, connect_to, context, make_context, monkeypatch, tmp_path):  # noqa: ARG001 - they set what it works with
    """Return a function that deploys and runs a script once, and returns what it pushed and returned."""
    connect_to(server)
    monkeypatch.setattr("airflow_provider_daybreak.delivery.sender.sleep", lambda _seconds: None)

    def run(text, *, try_number=1, day=DAY, env=None, files=None, command=("report.py",), run_id="scheduled",
            task=None, **options):  # fmt: skip
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        for name, content in {"report.py": text, **(files or {})}.items():
            (source / name).write_text(content)
            if name == ".env":
                (source / name).chmod(0o600)
        release = VenvDeployOperator(task_id="deploy", name="sales", source=source).execute(make_context())
        options = {"max_lateness": None, "archive": archive.uri, **options}
        operator = VenvRunOperator(
            task_id="run",
            release=release,
            command=list(command),
            mail=ScriptMail(**options),
            env=env,
            **(task or {}),
        )
        here = context(try_number=try_number, day=day, run_id=run_id)
        run.context = here
        run.operator = operator
        value = operator.execute(here)
        return {**here["pushed"], "value": value}

    return run


def test_an_unmodified_script_gets_its_mail_sent_with_the_real_credentials(script, server):
    result = script(ONE)

    assert result["value"] == "sent"
    assert sorted(server.recipients()) == ["ann@example.org", "bo@example.org", "secret@example.org"]
    assert set(server.credentials) == {("reports@example.org", "correct-horse-battery")}
    message = server.mails[0].message
    assert (message["Subject"], message["From"]) == ("Sales of the day", "Reports <reports@example.org>")
    assert (message["To"], message["Cc"], message["Bcc"]) == ("Ann <ann@example.org>", "bo@example.org", None)
    assert message.get_body(("plain",)).get_content() == "12 sold.\n"
    assert "<b>sold</b>" in message.get_body(("html",)).get_content()
    [attachment] = message.iter_attachments()
    assert (attachment.get_filename(), attachment.get_content()) == ("sales.csv", "a,b\n1,2\n")
    assert len(message.get_all("Date")) == len(message.get_all("Message-ID")) == 1
    assert result["mail"]["messages"] == 1
    assert len(result["mail"]["sent"]) == 3


def test_what_it_mailed_is_a_revision_of_its_parts(script, archive):
    result = script(ONE)

    revision = archive.open(result["mail"]["manifest"])
    manifest = revision.manifest
    assert (manifest.report, manifest.report_date, manifest.title) == ("sales", DAY, "Sales of the day")
    assert manifest.releases == {"sales": script.operator.release["release"]}
    assert revision.read("report.txt") == b"12 sold.\n"
    assert b"<b>sold</b>" in revision.read("report.html")
    assert revision.read("mails/0001/attachments/sales.csv") == b"a,b\n1,2\n"
    assert b"Subject: Sales of the day" in revision.read("mails/0001/message.eml")
    assert b"secret@example.org" not in revision.read("mails/0001/message.eml")
    assert json.loads(revision.read("mails.json"))["mails"][0]["recipients"] == [
        "ann@example.org",
        "bo@example.org",
        "secret@example.org",
    ]


def test_a_retry_a_clear_and_another_run_mail_nothing(script, server, archive):
    script(ONE)
    again = [script(ONE, try_number=2), script(ONE, try_number=3), script(ONE, run_id="manual")]

    assert len(server.mails) == 3
    assert all(len(result["mail"]["already_sent"]) == 3 and not result["mail"]["sent"] for result in again)
    assert {result["value"] for result in again} == {"sent"}
    assert [revision.number for revision in archive.revisions()] == [1]


def test_each_day_of_a_backfill_has_its_mail(script, server):
    for day in (22, 23, 24, 23):
        script(ONE, day=date(2026, 3, day), run_id=f"backfill-{day}")

    assert len(server.mails) == 9
    revisions = [mail.message["X-Daybreak-Revision"] for mail in server.mails]
    assert set(revisions) == {f"2026-03-{day} r0001" for day in (22, 23, 24)}


def test_each_customer_gets_a_mail_of_his_own_on_one_connection(script, server, archive):
    result = script(CUSTOMERS)
    script(CUSTOMERS, try_number=2)

    assert {mail.recipient: mail.message["Subject"] for mail in server.mails} == {
        f"{name}@example.org": f"Invoice of {name}" for name in ("ann", "bo", "cy")
    }
    assert len(server.mails) == 3
    assert server.connections == 1
    revision = archive.open(result["mail"]["manifest"])
    assert revision.manifest.title == "Invoice of ann and 2 more"
    assert b"2. Invoice of bo\n   to bo@example.org" in revision.read("report.txt")


def test_several_messages_to_one_mailbox_are_told_apart_in_any_order(script, server):
    mails = [
        ("ann@example.org", "Sales", "1"),
        ("ann@example.org", "Costs", "2"),
        ("bo@example.org", "Sales", "1"),
    ]

    result = script(sending(*mails))
    again = script(sending(*mails[::-1]), try_number=2)

    assert sorted((mail.recipient, mail.message["Subject"]) for mail in server.mails) == [
        ("ann@example.org", "Costs"),
        ("ann@example.org", "Sales"),
        ("bo@example.org", "Sales"),
    ]
    assert set(result["mail"]["sent"]) == {"ann@example.org", "ann@example.org (message 2)", "bo@example.org"}
    assert not again["mail"]["sent"]
    assert len({mail.message["Message-ID"] for mail in server.mails}) == 3


def test_a_subject_that_changes_between_tries_does_not_send_again(script, server, caplog):
    script(sending(("ann@example.org", "3 errors at 09:00", "a")))
    with caplog.at_level(logging.WARNING):
        result = script(sending(("ann@example.org", "4 errors at 09:05", "b")), try_number=2)

    assert [mail.message["Subject"] for mail in server.mails] == ["3 errors at 09:00"]
    assert result["mail"]["already_sent"] == ["ann@example.org"]
    assert result["mail"]["revision"] == 2
    assert "other content: archived, not mailed" in caplog.text


def test_one_more_message_than_before_is_sent_alone(script, server):
    first = ("ann@example.org", "Sales", "1")
    script(sending(first))
    script(sending(("ann@example.org", "Costs", "2"), first), try_number=2)
    script(sending(("ann@example.org", "Costs", "2")), try_number=3)

    assert [mail.message["Subject"] for mail in server.mails] == ["Sales", "Costs"]


def test_a_correction_is_mailed_where_that_is_wanted_and_to_whom_it_concerns_alone(script, server):
    ann, bo = ("ann@example.org", "Sales", "1"), ("bo@example.org", "Sales", "2")
    script(sending(ann, bo))
    script(sending(ann, ("bo@example.org", "Sales", "3")), try_number=2, on_correction="send")

    assert server.recipients() == ["ann@example.org", "bo@example.org", "bo@example.org"]
    assert server.mails[2].message["In-Reply-To"] == server.mails[1].message["Message-ID"]


def test_nothing_is_sent_of_a_script_that_fails_and_a_draft_is_kept(script, server, archive, caplog):
    text = sending(("ann@example.org", "Sales", "1"), after="sys.exit(1)")

    with pytest.raises(ScriptFailedError, match="exit code 1") as error:
        script(text)

    assert "DAYBREAK_MAIL_RELAY" not in str(error.value)
    assert server.mails == []
    [revision] = archive.revisions()
    assert (revision.manifest.draft, revision.manifest.outcome) == (True, "failed_script")
    assert b"Subject: Sales" in revision.read("mails/0001/message.eml")
    assert "none is sent. They are kept as a draft" in caplog.text
    script(sending(("ann@example.org", "Sales", "1")), try_number=2)
    assert server.recipients() == ["ann@example.org"]


def test_a_script_that_mails_nothing_ends_as_skipped_and_says_so(script):
    with pytest.raises(AirflowSkipException, match="nothing was mailed: the script sent nothing by SMTP"):
        script("print('quiet')")

    assert script.context["pushed"]["mail"]["messages"] == 0
    assert script.context["pushed"]["return_value"] == "quiet"


def test_mail_that_was_refused_fails_the_task_though_the_script_does_not_mind(script, server):
    text = (
        "import smtplib\nwith smtplib.SMTP('x') as server:\n"
        "    try: server.sendmail('me@example.org', ['eve@evil.example'], 'Subject: x\\n\\ny')\n"
        "    except smtplib.SMTPException as error: print('never mind', error)\n"
        "    server.sendmail('me@example.org', ['ann@example.org'], 'Subject: x\\n\\ny')\n"
    )
    with pytest.raises(AirflowFailException, match=r"eve@evil.example \(550 5.7.1 .*not allowed"):
        script(text, allowed_domains=["example.org"])
    assert server.recipients() == ["ann@example.org"]

    warned = script(text, allowed_domains=["example.org"], on_refused="warn", run_id="other")

    assert list(warned["mail"]["refused"]) == ["eve@evil.example"]
    assert warned["mail"]["already_sent"] == ["ann@example.org"]


def test_all_of_it_refused_is_no_success(script):
    text = (
        "import smtplib\n"
        "try: smtplib.SMTP('x').sendmail('me@example.org', ['ann@example.org'], b'Subject: x\\n\\n' + b'x' * 5000)\n"
        "except smtplib.SMTPException as error: print(error.smtp_code)\n"
    )
    with pytest.raises(AirflowFailException, match="552 5.3.4"):
        script(text, max_bytes=1000)
    with pytest.raises(AirflowSkipException, match="552 5.3.4"):
        script(text, max_bytes=1000, on_refused="warn")
    assert script.context["pushed"]["return_value"] == "552"


def test_what_is_too_late_is_archived_and_the_task_skipped(script, server, archive):
    with pytest.raises(AirflowSkipException, match="too late"):
        script(ONE, day=date(2020, 1, 1), max_lateness=timedelta(days=7))

    assert server.mails == []
    assert len(list(archive.revisions())) == 1


def test_capture_archives_and_sends_nothing_until_a_mail_task_does(
    script, server, archive, context, monkeypatch
):
    result = script(CUSTOMERS, mode="capture")
    assert server.mails == []
    assert result["mail"]["messages"] == 3

    mail = ReportEmailOperator(
        task_id="mail", report=result["mail"], archive=archive.uri, max_lateness=None
    ).execute(context())

    assert len(mail["sent"]) == 3
    assert len(server.mails) == 3
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT")
    script(CUSTOMERS, mode="capture", try_number=2)  # which needs no mail server


def test_a_week_that_begins_on_sunday_has_a_mail_of_its_own(script, server):
    for day in (DAY.replace(day=28), DAY):
        script(CUSTOMERS, day=day, task={"period": "week", "week_start": "sunday"})

    assert len(server.mails) == 2 * 3


@pytest.mark.parametrize("given", [{"to": "x@example.org"}, {"encrypt": "readers"}, {"encrypt": ""}])
def test_a_mail_task_takes_no_other_recipients_for_it_and_encrypts_nothing_of_it(
    script, archive, context, given
):
    result = script(CUSTOMERS, mode="capture")
    operator = ReportEmailOperator(task_id="mail", report=result["mail"], archive=archive.uri, **given)

    with pytest.raises(AirflowFailException, match="what a script mailed goes out as it wrote it"):
        operator.execute(context())


def test_a_report_beside_what_a_script_mailed_is_refused_and_not_left_out(script, archive, context, server):
    report = archive.publish(draft())
    results = [script(CUSTOMERS, mode="capture")["mail"], {"manifest": report.uri}]
    operator = ReportEmailOperator(task_id="mail", report=results, archive=archive.uri)

    with pytest.raises(AirflowFailException, match="mail the others by another task"):
        operator.execute(context())

    assert server.mails == []


def test_mail_that_waits_is_delivered_without_running_the_script_again(script, server, tmp_path):
    server.replies["bo@example.org"] = "451 not now"
    counter = tmp_path / "runs"
    counted = CUSTOMERS + f"open({str(counter)!r}, 'a').write('x')\nprint('done')\n"
    with pytest.raises(DeliveryPendingError, match="not yet to bo@example.org"):
        script(counted)
    server.replies.clear()

    result = script(counted, try_number=2)

    assert counter.read_text() == "x"
    assert result["value"] == "done"
    assert result["mail"]["sent"] == ["bo@example.org"]
    assert sorted(server.recipients()) == ["ann@example.org", "bo@example.org", "cy@example.org"]
    script(counted, try_number=3)
    assert counter.read_text() == "xx"
    assert len(server.mails) == 3


def test_a_new_release_runs_though_mail_of_the_old_one_waits(script, server):
    server.replies["ann@example.org"] = "451 not now"
    with pytest.raises(DeliveryPendingError, match="not yet to ann@example.org"):
        script(sending(("ann@example.org", "Wrong", "1")))
    server.replies.clear()

    script(sending(("ann@example.org", "Right", "1")), try_number=2)

    assert [mail.message["Subject"] for mail in server.mails] == ["Right"]


def test_a_trial_goes_to_one_address_and_counts_for_nobody(script, server):
    for try_number in (1, 2):
        with pytest.raises(
            AirflowSkipException, match="redirected: 3 went to me@example.org, and none to those"
        ):
            script(CUSTOMERS, redirect_all_to="me@example.org", try_number=try_number)
    assert server.recipients() == ["me@example.org"] * 3

    script(CUSTOMERS, try_number=3)

    assert len(server.mails) == 6


def test_a_dry_run_writes_each_mail(script, server, archive):
    with pytest.raises(AirflowSkipException, match="dry run, written to"):
        script(CUSTOMERS, mode="dry_run")

    assert server.mails == []
    assert len(list((archive.root / "_artifacts").rglob("*.eml"))) == 3
    held = script.context["pushed"]["mail"]["held"]
    assert set(held) == {"ann@example.org", "bo@example.org", "cy@example.org"}


def test_who_refuses_for_good_is_named_after_the_others_got_theirs(script, server):
    server.replies["ann@example.org"] = "550 no such user"

    with pytest.raises(AirflowFailException, match=r"ann@example.org \(550 no such user"):
        script(CUSTOMERS)

    assert sorted(server.recipients()) == ["bo@example.org", "cy@example.org"]


def test_the_real_password_does_not_reach_the_script_by_its_variables(script):
    text = sending(("ann@example.org", "x", "y"), after="import os, json; print(json.dumps(dict(os.environ)))")
    dotenv = (
        "SMTP_SERVER=smtp.real.example\nSMTP_PORT=465\nEMAIL_PASSWORD='correct horse'\nEMAIL_SENDER=a@x.org\n"
    )

    seen = json.loads(
        script(text, files={".env": dotenv}, env={"MY_HOST": "x"}, variables={"MY_HOST": "host"})["value"]
    )

    assert seen["SMTP_SERVER"] == seen["EMAIL_HOST"] == seen["MY_HOST"] == "127.0.0.1"
    assert seen["SMTP_PORT"] != seen["EMAIL_PORT"]
    assert seen["EMAIL_SENDER"] == "a@x.org"
    assert "correct horse" not in json.dumps(seen)


@pytest.mark.parametrize(
    "options",
    [
        {"report": "No Slug"},
        {"on_correction": "maybe"},
        {"redirect_all_to": "nobody"},
        {"allowed_domains": "example.org"},
        {"archive": "nowhere"},
    ],
)
def test_what_cannot_be_used_shows_before_the_script_runs(script, options, tmp_path):
    with pytest.raises(AirflowFailException, match="Invalid"):
        script(f"open({str(tmp_path / 'ran')!r}, 'w')", **options)

    assert not (tmp_path / "ran").exists()


def test_a_wrong_connection_shows_before_the_script_runs(script, monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps({"conn_type": "smtp", "host": "localhost"}))

    with pytest.raises(AirflowFailException, match="from_email"):
        script(f"open({str(tmp_path / 'ran')!r}, 'w')")

    assert not (tmp_path / "ran").exists()


def test_a_wrong_password_and_a_dead_server_fail_the_task(script, server, connect_to, archive):
    connect_to(server, connection={"password": "wrong"})
    with pytest.raises(AirflowFailException, match="Cannot log in to the mail server"):
        script(ONE)
    connect_to(server, connection={"port": 1})
    with pytest.raises(SmtpUnavailableError):
        script(ONE, try_number=2)
    assert len(list(archive.revisions())) == 1

    connect_to(server)
    assert script(ONE, try_number=3)["value"] == "sent"
    assert len(server.mails) == 3


def test_each_is_resent_as_it_was(script, server, archive):
    from airflow_provider_daybreak.delivery.resending import Resending
    from airflow_provider_daybreak.hooks.delivery import DeliveryHook

    script(sending(("ann@example.org", "Sales", "1"), ("ann@example.org", "Costs", "2")))
    hook = DeliveryHook(archive=archive.uri)

    hook.resend(Resending("sales", DAY, ["ann@example.org"], reason="lost", by="me", id="1"))

    first, again = server.mails[:2], server.mails[2:]
    for mails in (first, again):
        mails.sort(key=lambda mail: mail.message["Subject"])
    assert [mail.message["Subject"] for mail in again] == ["Costs", "Sales"]
    assert [mail.message.get_content() for mail in again] == [mail.message.get_content() for mail in first]


def test_what_was_held_is_sent_when_somebody_says_so(script, server, archive):
    from airflow_provider_daybreak.delivery.resending import Resending
    from airflow_provider_daybreak.hooks.delivery import DeliveryHook

    with pytest.raises(AirflowSkipException):
        script(CUSTOMERS, day=date(2020, 1, 1), max_lateness=timedelta(days=7))
    DeliveryHook(archive=archive.uri).resend(
        Resending("sales", date(2020, 1, 1), [], reason="late, but wanted", by="me", id="1")
    )

    assert sorted(mail.message["Subject"] for mail in server.mails) == [
        f"Invoice of {n}" for n in ("ann", "bo", "cy")
    ]


def test_threads_children_and_one_that_never_says_quit_all_count(script, server):
    text = """
import os, smtplib, subprocess, sys
from threading import Thread
def send(name):
    server = smtplib.SMTP("nowhere.invalid")
    server.sendmail("me@example.org", [f"{name}@example.org"], f"Subject: x\\n\\n{name}")
    kept.append(server)
kept = []
threads = [Thread(target=send, args=(f"thread{number}",)) for number in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
if os.fork() == 0:
    send("fork")
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "child.py"], check=True)
"""
    child = "import smtplib\nsmtplib.SMTP('x').sendmail('me@example.org', ['child@example.org'], 'Subject: x\\n\\ny')\n"

    script(text, files={"child.py": child})

    names = ["child", "fork", *(f"thread{number}" for number in range(5))]
    assert sorted(server.recipients()) == [f"{name}@example.org" for name in names]


def test_a_sitecustomize_of_the_source_is_still_there(script, server):
    text = "import builtins\nassert builtins.mine == 1\n" + ONE

    script(text, files={"sitecustomize.py": "import builtins\nbuiltins.mine = 1\n"}, env={"PYTHONPATH": "."})

    assert len(server.mails) == 3


def test_it_is_sent_once_somebody_approved_just_that(script, server, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "airflow_provider_daybreak.operators.script_mail.ask",
        lambda _operator, _context, **question: (
            asked.update(question) or (_ for _ in ()).throw(InterruptedError)
        ),
    )
    with pytest.raises(InterruptedError):
        script(CUSTOMERS + "print('done')", mode="hold")
    assert "- bo@example.org: Invoice of bo" in asked["body"]
    assert server.mails == []

    value = script.operator.execute_answered(
        script.context,
        {"chosen_options": ["Approve"], "responded_by_user": {"name": "jo"}},
        manifest=asked["manifest"],
        ended=asked["ended"],
        proposal=asked["proposal"],
    )

    assert value == "done"
    assert len(server.mails) == 3


def test_a_rejected_one_ends_as_skipped(script, server, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "airflow_provider_daybreak.operators.script_mail.ask",
        lambda _operator, _context, **question: (
            asked.update(question) or (_ for _ in ()).throw(InterruptedError)
        ),
    )
    with pytest.raises(InterruptedError):
        script(CUSTOMERS, mode="hold")

    with pytest.raises(AirflowSkipException, match="rejected by jo"):
        script.operator.execute_answered(
            script.context,
            {"chosen_options": ["Reject"], "responded_by_user": {"name": "jo"}},
            manifest=asked["manifest"],
            ended=asked["ended"],
            proposal=asked["proposal"],
        )

    assert server.mails == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as another user")
@pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="needs a Python that every user may run")
def test_a_script_run_as_another_user_is_led_to_the_relay_too(
    server, archive, connect_to, context, make_context, monkeypatch, public
):
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(public / "releases"))
    (public / "report.py").write_text(ONE)
    deploy = VenvDeployOperator(
        task_id="deploy", name="sales", source=public / "report.py", python="/usr/bin/python3"
    )
    release = deploy.execute(make_context())
    mail = ScriptMail(archive=archive.uri, max_lateness=None)
    run = VenvRunOperator(task_id="run", release=release, command=["report.py"], run_as="nobody", mail=mail)

    assert run.execute(context()) == "sent"

    assert len(server.mails) == 3


@pytest.mark.usefixtures("releases")
def test_once_is_all_that_has_to_be_said(server, connect_to, context, make_context, monkeypatch, tmp_path):
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    (tmp_path / "report.py").write_text(ONE)
    release = VenvDeployOperator(task_id="deploy", name="sales", source=tmp_path / "report.py").execute(
        make_context()
    )
    today = datetime.now(timezone.utc).date()

    for mail in ("capture", "once", "once"):
        VenvRunOperator(task_id="run", release=release, command=["report.py"], mail=mail).execute(
            context(day=today)
        )
        assert len(server.mails) == (0 if mail == "capture" else 3)


@pytest.mark.parametrize("mail", ["twice", None, 3])
def test_a_value_of_mail_that_stands_for_nothing_is_refused(mail):
    with pytest.raises(AirflowFailException, match="expected direct, once, capture or a ScriptMail"):
        VenvRunOperator(task_id="run", release="sales", command=["x"], mail=mail).execute({})
