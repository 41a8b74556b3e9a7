"""Through a real Postfix that is stopped and killed in the middle: each mail once, and the ledger says the same."""

from __future__ import annotations

import os
from collections import Counter
from itertools import count

import pytest

from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.exceptions import (
    DeliveryIncompleteError,
    DeliveryPendingError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.integration.delivery.postfix import PROGRAM, Postfix
from tests.mail import MailServer

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a Postfix"),
    pytest.mark.skipif(not PROGRAM, reason="postfix is not installed: apt install postfix"),
]

PEOPLE = [f"p{number}@example.org" for number in range(300)]
CONNECTIONS = 4


@pytest.fixture
def behind():
    """Return the server that Postfix relays to."""
    with MailServer() as server:
        yield server


def test_nothing_is_lost_and_nothing_comes_twice_where_postfix_is_stopped_and_killed_in_the_middle(
    mail, archive, revision, connect_to, behind, make_context, monkeypatch
):
    assert revision
    with Postfix(behind.port) as postfix:
        connection = {"connection": {"login": None, "password": None, "port": postfix.port}}
        connect_to(postfix, disable_ssl=True, disable_tls=True, **connection)

        def stopped():
            postfix.stop()
            postfix.start()

        def killed():
            postfix.kill()
            postfix.start()

        happens, settled, settle = {100: stopped, 200: killed}, count(1), Ledger.settle

        def settle_and_more(self, key, generation, status, *rest):
            settle(self, key, generation, status, *rest)
            if status == "sent" and (event := happens.pop(next(settled), None)):
                event()  # while the other connections are in the middle of theirs

        monkeypatch.setattr(Ledger, "settle", settle_and_more)
        for number in range(1, 6):
            context = make_context(task_id="mail_report", try_number=number)
            try:
                mail(to=PEOPLE, connections=CONNECTIONS, context=context)
            except (DeliveryPendingError, SmtpUnavailableError):
                continue
            except AirflowFailException as failed:
                assert isinstance(failed.__cause__, DeliveryIncompleteError)  # noqa: PT017 - it may be, or not
            break
        assert not happens
        postfix.deliver()

    standings = {record.recipient: record.standing for record in deliveries(archive)}
    arrived = Counter(behind.recipients())
    assert sorted(standings) == sorted(PEOPLE)
    assert set(standings.values()) <= {"sent", "in_doubt"}
    assert set(arrived.values()) == {1}
    assert {person for person, standing in standings.items() if standing == "sent"} <= set(arrived)
    doubtful = [person for person, standing in standings.items() if standing == "in_doubt"]
    assert len(doubtful) <= 2 * CONNECTIONS
