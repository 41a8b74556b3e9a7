"""Several connections to one server at once: each mail once, whatever becomes of one of them."""

from __future__ import annotations

import gc
import logging
import os
import re
import signal
import threading
from collections import Counter
from email.headerregistry import Address
from pathlib import Path
from threading import Thread

import pytest

from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import Mailing
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import Recipient
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.delivery.server import Server, Timeouts
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import InvalidValueError, SenderRefusedError, SmtpUnavailableError
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.integration.delivery.forked import forked
from tests.integration.delivery.scripted import KINDS, ScriptedServer, address
from tests.mail import Listener, draft
from tests.waiting import until


@pytest.fixture
def mail_to(tmp_path, revision, today):
    """Return a function that mails people over connections to a port, and returns what became of it."""

    def mail(port, people, connections=4, **timeouts):
        message = Message(
            Address(addr_spec="reports@example.org"),
            "Almanac",
            revision,
            recipients=[Recipient(each, kind="bcc") for each in people],
        )
        rules = Rules(max_lateness=None, pauses=(0, 0), connections=connections)
        one = Mailing(message, Ledger(tmp_path / "ledger"), rules=rules, run={}, now=today)
        server = Server("127.0.0.1", port, security="none", timeouts=Timeouts(**{"greeting": 20, **timeouts}))
        return one.send(lambda: Session.open(server))

    return mail


@pytest.fixture
def others():
    """Return the threads that were there before."""
    return set(threading.enumerate())


def test_each_mail_is_sent_once_over_as_many_connections_as_are_asked_for(mail_to, others):
    people = [address("good", number) for number in range(60)]
    with ScriptedServer(pause=0.005) as server:
        summary = mail_to(server.port, people)
        again = mail_to(server.port, people)

    assert sorted(summary.sent) == sorted(people) == sorted(again.already_sent)
    assert set(server.taken.values()) == {1}
    assert 1 < server.open["served"] <= 4
    assert [each.name for each in set(threading.enumerate()) - others if each.name.startswith("daybreak")] == []


def test_a_server_that_takes_fewer_connections_gets_all_mails_over_those(mail_to):
    people = [address("good", number) for number in range(40)]
    with ScriptedServer(pause=0.005, most=2) as server:
        summary = mail_to(server.port, people, connections=6)

    assert sorted(summary.sent) == sorted(people)
    assert server.taken == Counter(people)


def test_sender_and_recipient_are_told_in_one_go_where_the_server_takes_that(mail_to):
    people = [address("good", number) for number in range(10)]
    with ScriptedServer() as takes, ScriptedServer(pipelining=False) as does_not:
        mail_to(takes.port, people[:5])
        mail_to(does_not.port, people[5:])

    assert (takes.together, does_not.together) == (5, 0)
    assert takes.taken + does_not.taken == Counter(people)


def test_a_server_that_takes_no_connection_is_tried_again_later(mail_to):
    with ScriptedServer(most=0) as server, pytest.raises(SmtpUnavailableError, match="421 too many"):
        mail_to(server.port, [address("good", number) for number in range(9)])


@pytest.mark.parametrize("pipelining", [True, False])
def test_what_becomes_of_one_mail_is_the_same_over_several_connections(mail_to, pipelining):
    people = [address(kind, number) for number in range(6) for kind in KINDS]
    with ScriptedServer(pipelining=pipelining) as server:
        summaries = [mail_to(server.port, people) for _ in range(3)]

    last = summaries[-1]
    found = {kind: set() for kind in KINDS}
    for name, addresses in vars(last).items():
        for each in addresses:
            found[each.partition("-")[0]].add(name)
    assert max(server.taken.values()) == 1
    assert all(found[kind] == {"already_sent"} for kind in ("good", "greylisted", "closing", "full"))
    assert (found["spam"], found["no_such_user"], found["silent"]) == ({"refused"}, {"refused"}, {"unknown"})


@pytest.mark.parametrize("connections", [1, 3])
def test_many_reports_go_out_over_as_few_connections_as_are_asked_for(mail, server, archive, connections):
    reports = [archive.publish(draft(f"sales_{number}")).manifest.report for number in range(12)]
    rows = [{"address": f"p{number}@example.org", "report": each} for number, each in enumerate(reports)]
    server.replies["p5@example.org"] = "550 no such user"

    with pytest.raises(AirflowFailException, match="550 no such user"):
        mail(reports, rows, connections=connections)
    mail(reports, [row for row in rows if row["address"] != "p5@example.org"], connections=connections)

    assert Counter(server.recipients()) == Counter(row["address"] for row in rows if "p5" not in row["address"])
    assert server.connections <= connections


def test_reports_that_a_server_takes_over_fewer_connections_are_all_mailed(mail, archive, connect_to):
    reports = [archive.publish(draft(f"sales_{number}")).manifest.report for number in range(20)]
    rows = [{"address": address("good", number), "report": each} for number, each in enumerate(reports)]
    with ScriptedServer(pause=0.005, most=2) as server:
        connect_to(server, disable_tls=True, disable_ssl=True, allow_insecure=True, connection={"login": ""})
        result = mail(reports, rows, connections=5)

    assert result["sent"] == [row["address"] for row in rows]
    assert server.taken == Counter(row["address"] for row in rows)


def test_six_hundred_reports_take_the_memory_of_a_hundred(mail, archive, monkeypatch, caplog):
    monkeypatch.setattr(os, "fsync", lambda _file: None)  # nothing here outlasts a loss of power
    caplog.set_level(logging.ERROR, "mail.log")
    reports = [archive.publish(draft(f"sales_{number}")).manifest.report for number in range(600)]

    def most_memory(count, domain):
        """Return the most kilobytes that mailing so many takes, and how many were mailed."""
        logging.disable()  # what a test captures stays in memory
        gc.collect()
        gc.freeze()  # or what the other tests left keeps garbage from being collected
        rows = [{"address": f"{report}@{domain}", "report": report} for report in reports[:count]]
        sent = len(mail(reports[:count], rows, connections=2)["sent"])
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]), sent

    few, many = (
        forked(lambda count=count, domain=domain: most_memory(count, domain))
        for count, domain in ((100, "example.org"), (600, "example.com"))
    )

    assert (few[1], many[1]) == (100, 600)
    assert many[0] - few[0] < 500 * 6, "kB: of each report its row and what became of it alone are kept"


@pytest.mark.parametrize("pipelining", [b"250-PIPELINING\r\n", b""])
@pytest.mark.parametrize("then", [b"503 no sender\r\n", b"421 and go\r\n", b""])
def test_a_sender_that_is_refused_ends_all_connections(mail_to, pipelining, then):
    says = {b"EHLO": pipelining + b"250 ok\r\n", b"MAIL": b"550 not from you\r\n", b"RCPT": then}

    def refuse(client):
        with client, client.makefile("rb") as lines:
            client.sendall(b"220 hi\r\n")
            for line in lines:
                client.sendall(says.get(line[:4].upper(), b"250 ok\r\n"))

    server = Listener(refuse)

    with pytest.raises(SenderRefusedError, match="550 not from you"):
        mail_to(server.port, [address("good", number) for number in range(40)])
    server.close()


def test_a_task_that_is_to_end_waits_for_no_connection(mail_to, others):
    class EndedError(BaseException):
        pass

    def end(*_):
        raise EndedError

    def end_once_four_are_taken(server):
        until(lambda: sum(server.taken.values()) == 4)
        os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, end)
    people = [address("good", number) for number in range(8)]
    try:
        with ScriptedServer(pause=300) as server:
            Thread(target=end_once_four_are_taken, args=(server,), daemon=True).start()
            with pytest.raises(EndedError):
                mail_to(server.port, people)
    finally:
        signal.signal(signal.SIGALRM, before)

    with ScriptedServer() as server:
        summary = mail_to(server.port, people)
    assert (len(summary.unknown), len(summary.sent)) == (4, 4)
    assert [each.name for each in set(threading.enumerate()) - others if each.name.startswith("daybreak")] == []


@pytest.mark.parametrize("connections", [0, -1, 51, 1.5, "4", True, None])
def test_a_number_of_connections_is_one_that_can_be(connections):
    with pytest.raises(InvalidValueError, match="connections"):
        Rules(connections=connections)
