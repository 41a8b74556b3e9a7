"""
What survives a crash of a task whose script mails by itself: no duplicate, no loss, nothing of a script that failed.

A sample of the lines that there are is tried, and more of them in a sweep.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks import often
from tests.integration.delivery.scripted import TAKEN, ScriptedServer

POINTS = often(8, 100)
LINES = 11_500  # that an attempt runs, or somewhat more
ATTEMPT = Path(__file__).with_name("script_attempt.py")


@pytest.fixture
def sweep(tmp_path):
    """Return a function that yields the outcome of each point, with the server's counts."""

    def run(server, code):
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": server.port,
            "extra": {"disable_tls": True, "disable_ssl": True, "from_email": "me@example.org", "timeout": 20},
        }
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]),
            "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection),
        }
        step = max(1, LINES // POINTS)
        arguments = [tmp_path / "archive", 1, step, 100_000, code]
        command = [sys.executable, ATTEMPT, *map(str, arguments)]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                yield json.loads(line)
        assert process.returncode == 0

    return run


@pytest.mark.attack("kills")
def test_killed_at_any_line(sweep, tried):
    totals = Counter()
    with ScriptedServer() as server:
        for outcome in sweep(server, 0):
            told = json.dumps(outcome["last"])
            stands = Counter(map(tuple, outcome["standings"]))
            for recipient, expected in outcome["expected"].items():
                taken, sent = server.taken[recipient], stands[recipient, "sent"]
                kind = recipient.partition("-")[0]
                in_doubt = stands[recipient, "in_doubt"] + stands[recipient, "in_flight"]
                totals["duplicates"] += taken > expected
                totals["false_sent"] += sent > taken
                totals["lost"] += kind in TAKEN and sent + in_doubt < expected
                totals["silent"] += bool(sent < expected and recipient not in told)
                totals["in_doubt"] += in_doubt
            totals["points"] += 1
            totals["killed"] += outcome["killed"]
            totals["runs_of_retries"] += outcome["runs"]
    tried(totals["points"])
    print("script:", dict(totals))

    assert totals["points"] >= POINTS // 2
    assert {name: totals[name] for name in ("duplicates", "false_sent", "lost", "silent") if totals[name]} == {}


@pytest.mark.attack("kills")
def test_nothing_is_sent_of_a_script_that_fails_wherever_its_task_is_killed(sweep, tried):
    totals = Counter()
    with ScriptedServer() as server:
        for outcome in sweep(server, 3):
            totals["points"] += 1
            totals["wrong"] += outcome["last"]["error"] != "ScriptFailedError"
    tried(totals["points"])
    print("failing script:", dict(totals))

    assert totals["points"] >= 1
    assert totals["wrong"] == 0
    assert server.taken == {}
