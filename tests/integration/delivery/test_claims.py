"""A sender that stands still for longer than its claim lasts, as on a host that was suspended, sends nothing any more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from threading import Event

import pytest

from airflow_provider_daybreak.archive import Archive
from tests.integration.delivery.attempt import attempt, mailing, standings
from tests.integration.delivery.scripted import ScriptedServer, address
from tests.mail import Listener, draft
from tests.waiting import until

LASTS = timedelta(seconds=2)
ATTEMPT = """
import json, sys
from datetime import timedelta
from pathlib import Path
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.upkeep import Upkeep
from tests.integration.delivery.attempt import attempt, mailing
one = mailing(Path(sys.argv[1]), 1, ["good"])
one.ledger = Ledger(one.ledger.folder, upkeep=Upkeep(timedelta(seconds=float(sys.argv[3]))))
print(json.dumps(attempt(one, int(sys.argv[2]))))
"""


@pytest.fixture
def folder(tmp_path):
    Archive(tmp_path / "reports").publish(draft())
    return tmp_path


class HesitantServer:
    """Says ``354`` only when it is let, and counts the mails that are ended."""

    def __init__(self):
        self.asked, self.let = Event(), Event()
        self.ended = 0
        self.listener = Listener(self.serve)

    def serve(self, client):
        lines = client.makefile("rb")
        client.sendall(b"220 ready\r\n")
        for line in lines:
            if line.startswith(b"DATA"):
                self.asked.set()
                self.let.wait(120)
                client.sendall(b"354 go on\r\n")
                content = list(iter(lines.readline, b""))
                self.ended += b".\r\n" in content
                break
            client.sendall(b"250 ok\r\n")


@pytest.fixture
def hesitant():
    server = HesitantServer()
    yield server
    server.let.set()
    server.listener.close()


def begin(folder, port, lifetime):
    root = str(Path(__file__).parents[3])
    return subprocess.Popen(
        [sys.executable, "-c", ATTEMPT, folder, str(port), str(lifetime.total_seconds())],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
    )


def test_who_stood_still_does_not_end_the_mail_that_another_has_sent(folder, hesitant):
    first = begin(folder, hesitant.listener.port, LASTS)
    try:
        assert hesitant.asked.wait(60)
        first.send_signal(signal.SIGSTOP)
        second = mailing(folder, 1, ["good"], on_unknown="resend")
        until(lambda: standings(second)[address("good", 1)] == "in_doubt")
        with ScriptedServer() as server:
            assert attempt(second, server.port)["sent"].keys() == {address("good", 1)}
            assert server.taken[address("good", 1)] == 1
        first.send_signal(signal.SIGCONT)
        hesitant.let.set()
        became = json.loads(first.communicate(timeout=60)[0])
    finally:
        first.kill()
        first.wait(30)

    assert became["already_sent"].keys() == {address("good", 1)}
    assert hesitant.ended == 0
    assert standings(second)[address("good", 1)] == "sent"


def test_who_is_slow_and_alive_keeps_the_mail(folder, hesitant):
    """Beyond the lifetime of a claim that nobody renews, by the signs of life that it gives."""
    first = begin(folder, hesitant.listener.port, timedelta(seconds=20))
    try:
        assert hesitant.asked.wait(60)
        one = mailing(folder, 1, ["good"], on_unknown="resend")
        key = one.mails()[0].key
        alive = one.ledger.folder / key / "alive.0"
        until(alive.exists)
        os.utime(one.ledger.folder / key / "commit.0", (0, 0))

        assert one.ledger.entry(key).standing == "in_flight"
    finally:
        first.kill()
        first.wait(30)
