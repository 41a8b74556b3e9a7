"""Many at the same mail: one of them sends it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_daybreak.archive import Archive
from tests.attacks import often
from tests.integration.delivery.scripted import ScriptedServer, address
from tests.mail import draft

PROCESSES = 12
KEYS = often(60, 600)
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]),
}


def race(folder, port, connections):
    """Let all processes mail all keys, begun at once."""
    attempt = Path(__file__).with_name("attempt.py")
    command = [sys.executable, attempt, "race", folder, str(port), str(KEYS), str(connections)]
    racers = [
        subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for racer in racers:
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.close()
    for racer in racers:
        racer.stdout.read()
        assert racer.wait(300) == 0


@pytest.fixture
def folder(tmp_path):
    Archive(tmp_path / "reports").publish(draft())
    return tmp_path


@pytest.mark.attack("races")
@pytest.mark.parametrize("connections", [1, 4])
def test_of_twelve_processes_at_the_same_mails_each_mail_is_sent_once(folder, tried, connections):
    tried(KEYS)
    with ScriptedServer() as server:
        race(folder, server.port, connections)
        race(folder, server.port, connections)

        assert server.taken == Counter({address("good", number): 1 for number in range(KEYS)})
