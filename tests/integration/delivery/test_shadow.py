"""A Dag in shadow mails nobody, by no way, and what it kept goes out by none later."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_daybreak.cli.shadowing.letters import captured_letters, each_once
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.delivery.shadow import Shadow, Shadows, event
from airflow_provider_daybreak.exceptions import DagInShadowError, NothingToResendError
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.notifications.failure import ReportFailureNotifier
from airflow_provider_daybreak.notifications.ping import PingNotifier
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator
from tests.mail import draft

DAY = date(2026, 3, 29)
NOW = datetime(2026, 3, 29, 12, tzinfo=timezone.utc)
MAILS = """\
import smtplib
with smtplib.SMTP("mail.does-not-exist.invalid") as server:
    server.sendmail("me@example.org", ["ann@example.org"], "Subject: Sales\\nTo: ann@example.org\\n\\n12 sold.\\n")
print("done")
"""


@pytest.fixture
def revision(archive):
    """Return a report that the Dag in shadow has made."""
    made = draft()
    return archive.publish(replace(made, run={**made.run, "dag_id": "daily_report"}))


@pytest.fixture
def shadows(archive, monkeypatch):
    """Return the shadows, with that of the Dag of the tests' runs begun."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive.uri)
    found = Shadows(archive.root)
    found.keep(Shadow("daily_report").begun(event("started", NOW, "ann")))
    return found


@pytest.fixture
def cut_over(shadows):
    """Return a function that lets the Dag mail from a day on."""

    def run(first):
        shadows.keep(shadows.of("daily_report").cut_over(first, event("cut over", NOW, "ann")))

    return run


def resending(*to):
    return Resending("daily_report", DAY, to, reason="wanted", by="ann", id="1")


@pytest.mark.usefixtures("shadows", "revision")
@pytest.mark.parametrize(
    "how", [{}, {"mode": "hold"}, {"redirect_all_to": "me@example.org"}, {"on_unknown": "resend"}]
)
def test_nothing_is_sent_whichever_way_it_was_to_go(mail, server, how):
    result = mail(**how)

    assert server.connections == 0
    assert "shadow: the Dag daily_report runs beside the job" in result["skipped"]


@pytest.mark.usefixtures("shadows", "revision")
def test_what_would_have_been_sent_is_kept_as_it_would_have_been(mail, archive):
    mail(to=["jane@example.org", "joe@example.org"])

    records = list(deliveries(archive, "daily_report"))
    assert [(record.recipient, record.standing) for record in records] == [
        ("jane@example.org", "held"),
        ("joe@example.org", "held"),
    ]
    for record in records:
        message = message_from_bytes(
            Path(urlsplit(record.facts["eml"]).path).read_bytes(), policy=policy.default
        )
        assert message["To"] == "jane@example.org, joe@example.org"
        assert message["Subject"] == "Almanac for 29 March 2026"


@pytest.mark.usefixtures("shadows")
def test_what_was_kept_is_what_is_compared_with_the_old_mail(mail, archive, revision):
    mail(to=["jane@example.org", "joe@example.org"])

    read = {str(each.facts["eml"]): Path(urlsplit(each.facts["eml"]).path) for each in deliveries(archive)}
    [letter] = each_once(captured_letters(archive, revision, lambda uri: read[uri].read_bytes()))
    assert letter.subject == "Almanac for 29 March 2026"
    assert letter.to == {"jane@example.org", "joe@example.org"}
    assert "Sunrise 06:59." in letter.text


@pytest.mark.usefixtures("shadows", "revision")
def test_nothing_is_resent_while_it_lasts(mail, server, archive):
    mail()

    with pytest.raises(DagInShadowError, match="airflow daybreak cutover"):
        DeliveryHook(archive=archive.uri).resend(resending())
    assert server.connections == 0


@pytest.mark.usefixtures("revision")
def test_after_the_cutover_a_day_of_the_old_jobs_goes_out_by_no_accident(
    mail, server, archive, cut_over, make_context
):
    mail()
    cut_over(DAY + timedelta(days=1))

    assert "was the old job's to mail" in mail()["skipped"]
    later_try = make_context(task_id="mail_report", run_id="backfill", try_number=3)
    assert "was the old job's to mail" in mail(context=later_try)["skipped"]
    with pytest.raises(NothingToResendError):
        DeliveryHook(archive=archive.uri).resend(resending())
    assert server.connections == 0

    assert DeliveryHook(archive=archive.uri).resend(resending("jane@example.org")).summary.sent


@pytest.mark.usefixtures("revision")
def test_a_day_that_came_due_after_the_cutover_is_mailed_once(mail, server, cut_over):
    mail()
    cut_over(DAY)

    assert mail()["sent"] == ["jane@example.org"]
    assert mail()["already_sent"] == ["jane@example.org"]
    assert server.recipients() == ["jane@example.org"]


@pytest.mark.usefixtures("revision")
def test_an_approval_that_was_asked_for_before_sends_nothing_in_shadow(
    archive, connect_to, server, make_context, monkeypatch
):
    from airflow_provider_daybreak.delivery.request import MailRequest
    from airflow_provider_daybreak.delivery.rules import Rules

    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive.uri)
    connect_to(server)
    hook, context = DeliveryHook(), make_context()
    request = MailRequest("daily_report", to=["jane@example.org"])
    question = hook.question(request, rules=Rules(max_lateness=None), context=context)
    Shadows(archive.root).keep(Shadow("daily_report"))

    assert hook.send_approved(question.proposal, by="ann", context=context).summary.held
    assert server.connections == 0


@pytest.fixture
def run_script(shadows, tmp_path, tmp_path_factory, monkeypatch, make_context):  # noqa: ARG001 - the Dag is in shadow
    """Return a function that runs a script with its mail sent directly, as far as it knows."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path_factory.getbasetemp() / "shadow-releases"))

    def run(text):
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / "report.py").write_text(text)
        deploy = VenvDeployOperator(task_id="deploy", name="sales", source=tmp_path / "src")
        release = deploy.execute(make_context(task_id="deploy"))
        task = VenvRunOperator(task_id="run", release=release, command=["report.py"])
        return task.execute(make_context(task_id="run"))

    return run


def test_a_script_that_mails_directly_is_kept_from_it_and_goes_on(run_script, archive):
    assert run_script(MAILS) == "done"

    revision = archive.latest("sales", DAY)
    assert b"12 sold." in revision.read("mails/0001/message.eml")


def test_a_script_that_mails_nothing_ends_in_shadow_as_it_does_without(run_script, archive):
    assert run_script("print('nothing to tell')\n") == "nothing to tell"
    assert archive.latest("sales", DAY) is None


@pytest.mark.usefixtures("shadows")
def test_nobody_is_told_of_a_failure_and_nothing_is_pinged(
    connect_to, server, make_context, caplog, monkeypatch
):
    connect_to(server)
    caplog.set_level("INFO")
    monkeypatch.setattr("airflow_provider_daybreak.notifications.ping.urlopen", None)

    ReportFailureNotifier(to="owner@example.org").notify(make_context())
    PingNotifier(url="https://hc.example.org/ping/1").notify(make_context())

    assert server.connections == 0
    assert "Not pinged: shadow" in caplog.text


def test_a_callback_of_a_dag_that_says_no_date_is_told_once_it_is_live(
    connect_to, server, cut_over, make_context, archive
):
    connect_to(server)
    context = {"dag": make_context()["dag"], "run_id": "r", "reason": "task_failure"}
    ReportFailureNotifier(to="owner@example.org", archive=archive.uri).notify(context)
    assert server.recipients() == []

    cut_over(DAY)
    ReportFailureNotifier(to="owner@example.org", archive=archive.uri).notify(context)
    assert server.recipients() == ["owner@example.org"]
