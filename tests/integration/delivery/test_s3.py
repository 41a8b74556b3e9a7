from __future__ import annotations

import pytest
from botocore.exceptions import BotoCoreError

from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.exceptions import DaybreakError, StorageNotAtomicError
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowRescheduleException
from tests.mail import draft


@pytest.fixture
def archive(uri):
    return archive_at(uri)


@pytest.fixture
def ledger(archive, revision):
    return Ledger(archive.deliveries("daily_report", revision.manifest.report_date))


@pytest.fixture
def revision(archive):
    return archive.publish(draft())


def test_a_mail_goes_out_once_with_a_ledger_on_s3(mail, server, revision):
    people = [f"p{number}@example.org" for number in range(20)]
    first = mail(to=people, attachments=["data/rows.csv"])
    again = mail(to=people)

    assert sorted(first["sent"]) == sorted(again["already_sent"]) == sorted(people)
    assert len(server.mails) == 20
    assert revision.uri.startswith("s3://")


def test_a_store_that_lets_two_create_a_file_is_refused_before_anything_is_sent(mail, server, revision, store):
    assert revision
    store.deaf = True

    with pytest.raises((AirflowFailException, StorageNotAtomicError)):
        mail()
    assert server.mails == []


def test_a_commit_whose_answer_was_lost_is_still_ours(ledger, store):
    store.lose = 1

    assert ledger.commit("k", 0, {"digest": "d"})


def test_one_of_two_gets_the_right_to_send(ledger):
    assert ledger.commit("k", 0, {"digest": "d"})
    assert not ledger.commit("k", 0, {"digest": "d"})


def retried(mail):
    """Return what a try says of the one recipient, be it an error."""
    try:
        return str(mail())
    except (OSError, BotoCoreError, DaybreakError, AirflowFailException) as error:
        return str(error)
    except AirflowRescheduleException as error:
        return f"jane@example.org is in flight, until {error.reschedule_date}"


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("puts", range(1, 8))
def test_a_store_that_fails_after_any_put_leads_to_no_second_mail(puts, applied, mail, server, revision, store):
    assert revision
    store.break_after(puts, applied=applied)
    retried(mail)
    store.mend()
    says = [retried(mail) for _ in range(3)][-1]

    assert "jane@example.org" in says
    assert len(server.mails) <= 1
    if "already_sent': ['jane@example.org']" in says:
        assert len(server.mails) == 1
