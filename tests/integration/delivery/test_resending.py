"""What is sent again goes out once, beside nothing that is being sent, and leaves a ledger that says how it was."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from threading import Thread

import pytest

from airflow_provider_daybreak.delivery import ledger as ledger_module
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.claims import LIFETIME
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.exceptions import (
    DeliveryIncompleteError,
    DeliveryPendingError,
    NothingToResendError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowRescheduleException
from tests.mail import MailServer

pytestmark = pytest.mark.usefixtures("revision")

JANE = "jane@example.org"


@pytest.fixture
def resend(archive, connect_to, server, mail):  # noqa: ARG001 - mail waits for no pauses
    """Return a function that sends the day's report again."""
    connect_to(server)

    def run(*to, ident="1"):
        wanted = Resending("daily_report", date(2026, 3, 29), to, reason="mended", by="ann", id=ident)
        return DeliveryHook(archive=archive.uri).resend(wanted).summary

    return run


@pytest.fixture
def entry(archive, revision):
    """Return a function that says where Jane's mail of the day stands."""
    key = key_of("daily_report", revision.manifest.period_key, JANE)
    return lambda: ledger_of(archive, revision.manifest).entry(key)


@pytest.fixture
def begin(archive, revision, monkeypatch):
    """Return a function that takes the right to send Jane the day's mail, and does nothing with it."""

    def commit(**owner):
        facts = {
            "recipient": JANE,
            "report_date": "2026-03-29",
            "digest": revision.manifest.digest,
            "manifest": revision.uri,
            "date": datetime.now(timezone.utc).isoformat(),
        }
        key = key_of("daily_report", revision.manifest.period_key, JANE)
        with monkeypatch.context() as patched:
            claimed_by = {**ledger_module.identity(), **owner}
            patched.setattr(ledger_module, "identity", lambda: claimed_by)
            ledger = ledger_of(archive, revision.manifest)
            with ledger.held(key, 0):
                assert ledger.commit(key, 0, facts)

    return commit


def test_the_reports_of_an_archive_that_was_moved_are_found_where_it_is_now(archive, mail, connect_to, server):
    connect_to(server)
    mail()
    archive.root.rename(archive.root.with_name("restored"))
    wanted = Resending("daily_report", date(2026, 3, 29), [JANE], reason="lost", by="ann", id="1")

    summary = DeliveryHook(archive=archive.root.with_name("restored").as_uri()).resend(wanted).summary

    assert list(summary.sent) == [JANE]
    assert server.recipients().count(JANE) == 2


def test_what_a_task_is_sending_is_left_to_it(resend, begin, server):
    begin()

    with pytest.raises(NothingToResendError):
        resend()
    with pytest.raises(DeliveryPendingError, match="another task has been sending it since 20"):
        resend(JANE)
    assert server.mails == []


def test_what_is_in_doubt_is_sent_again(resend, begin, entry):
    begin(pid=2**22 + 1)  # over any pid_max: that process has ended

    assert list(resend().sent) == [JANE]
    assert entry().standing == "sent"


def test_a_task_that_comes_while_it_is_sent_again_sends_nothing(resend, mail, server, entry):
    server.replies[JANE] = "550 no such user"
    with pytest.raises(AirflowFailException):
        mail()
    server.replies.clear()
    server.pause = 1.5
    resending = Thread(target=resend)
    resending.start()
    assert server.taking.wait(10)

    assert entry().standing == "in_flight"
    with pytest.raises(AirflowRescheduleException) as again:
        mail()
    assert (
        timedelta(0)
        < again.value.reschedule_date - datetime.now(timezone.utc)
        < LIFETIME + timedelta(minutes=1)
    )
    resending.join()
    assert mail()["already_sent"] == [JANE]
    assert server.recipients() == [JANE]


def test_what_the_server_puts_off_stands_where_it_stood(resend, mail, server, entry):
    server.replies[JANE] = "550 no such user"
    with pytest.raises(AirflowFailException):
        mail()
    server.replies[JANE] = "451 later"

    with pytest.raises(DeliveryPendingError, match="451 later"):
        resend()
    assert entry().standing == "refused"
    server.replies.clear()
    assert list(resend().sent) == [JANE]


def test_what_was_never_tried_can_still_be_sent_by_a_task_when_the_server_is_away(
    resend, mail, server, entry, connect_to
):
    with MailServer() as gone:
        connect_to(gone)
    with pytest.raises(SmtpUnavailableError):
        resend(JANE)

    assert entry().standing == "deferred"
    connect_to(server)
    assert mail()["sent"] == [JANE]


def test_what_may_have_been_taken_again_is_in_doubt_for_tasks_too(resend, mail, server, entry, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("airflow_provider_daybreak.delivery.sender.Sender._settle", interrupt)
        with pytest.raises(KeyboardInterrupt):
            resend(JANE)

    assert len(server.mails) == 1
    assert entry().standing == "in_doubt"
    with pytest.raises(AirflowFailException, match="Maybe sent"):
        mail()
    assert len(server.mails) == 1


def test_a_refusal_is_said_and_the_day_can_go_on(resend, server, entry):
    server.replies[JANE] = "550 no such user"

    with pytest.raises(DeliveryIncompleteError, match="550 no such user"):
        resend(JANE)
    assert entry().reason == "resend:1, mended: 550 no such user"


def test_with_the_same_id_nobody_gets_a_second_mail(resend, mail, server):
    mail()

    assert list(resend(JANE).sent) == [JANE]
    assert list(resend(JANE).already_sent) == [JANE]
    assert list(resend(JANE, ident="2").sent) == [JANE]
    assert len(server.mails) == 3


def test_a_connection_that_redirects_everything_redirects_what_is_sent_again(
    resend, server, connect_to, entry, archive
):
    connect_to(server, redirect_all_to="me@example.org")

    resend(JANE)

    assert server.recipients() == ["me@example.org"]
    assert entry().standing == "new"
    assert [record.occasion for record in deliveries(archive)] == ["resend:1:trial:me@example.org"]
