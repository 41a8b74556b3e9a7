"""
What survives a crash: no duplicate, nothing called sent that was not, and nothing lost without a word.

A sample of the points that there are is tried, and more of them in a sweep.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from airflow_provider_daybreak.archive import Archive
from tests.attacks import often
from tests.integration.delivery.scripted import KINDS, TAKEN, ScriptedServer
from tests.mail import draft

POINTS = often(8, 200)
LINES = 4800  # that an attempt runs, or somewhat more
ATTEMPT = Path(__file__).with_name("attempt.py")
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]),
    "PYTHONDONTWRITEBYTECODE": "1",
}


@pytest.fixture
def folder(tmp_path):
    Archive(tmp_path / "reports").publish(draft())
    return tmp_path


@pytest.fixture
def server():
    with ScriptedServer() as server:
        yield server


def once(folder, server, number, *, prefix=(), connections=1):
    """Run one attempt as a process; return what it says, or None when it did not get so far."""
    arguments = [folder, str(server.port), str(number), ",".join(KINDS), str(connections)]
    command = [*prefix, sys.executable, ATTEMPT, "once", *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
    return json.loads(done.stdout) if done.stdout else None


def check(outcome, server, totals):
    """Compare what the ledger says with what the server took."""
    for recipient, standing in outcome["standings"].items():
        taken = server.taken[recipient]
        totals["duplicates"] += taken > 1
        totals["false_sent"] += standing == "sent" and taken != 1
        totals["refused_though_taken"] += standing == "refused" and taken != 0
        loose = standing in ("new", "deferred") and recipient.partition("-")[0] in TAKEN
        named = recipient in json.dumps(outcome["last"])
        totals["lost_silently"] += loose or (standing != "sent" and not named)
        totals["in_doubt"] += standing in ("in_doubt", "in_flight")
        totals["in_doubt_though_taken"] += standing == "in_doubt" and taken == 1
    totals["points"] += 1


def faults(totals):
    names = ("duplicates", "false_sent", "refused_though_taken", "lost_silently")
    return {name: totals[name] for name in names if totals[name]}


def test_without_a_crash_each_is_settled_and_the_silent_one_held(folder, server):
    outcome = once(folder, server, 1)
    for _ in range(5):
        outcome = once(folder, server, 1)

    stands = {address.partition("-")[0]: standing for address, standing in outcome["standings"].items()}
    assert stands == {
        **dict.fromkeys(TAKEN, "sent"),
        "no_such_user": "refused",
        "spam": "refused",
        "dropped_in_mail": stands["dropped_in_mail"],
        "silent": "in_doubt",
    }
    assert stands["dropped_in_mail"] in ("sent", "in_doubt")
    assert set(server.taken.values()) == {1}
    assert outcome["last"]["error"] == "DeliveryIncompleteError"


@pytest.mark.attack("kills")
@pytest.mark.parametrize("connections", [1, 4])
def test_killed_at_any_line(folder, server, connections, tried):
    step = max(1, LINES // (POINTS * 2))
    command = [
        *(sys.executable, ATTEMPT, "lines", folder, str(server.port)),
        *("1", str(step), "100000", str(connections)),
    ]
    totals = Counter()
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as sweep:
        for line in sweep.stdout:
            outcome = json.loads(line)
            check(outcome, server, totals)
    tried(totals["points"])
    print("lines:", dict(totals))

    assert sweep.returncode == 0
    assert totals["points"] >= POINTS
    assert faults(totals) == {}


SYSTEM_CALLS = (
    "openat",
    "mkdir",
    "write",
    "fsync",
    "link",
    "unlink",
    "rename",
    "close",
    "socket",
    "connect",
    "setsockopt",
    "sendto",
    "recvfrom",
    "getdents64",
    "newfstatat",
)
ERRORS = {
    "openat": "EIO",
    "mkdir": "ENOSPC",
    "write": "ENOSPC",
    "fsync": "EIO",
    "link": "ENOSPC",
    "unlink": "EIO",
    "rename": "ENOSPC",
    "socket": "EMFILE",
    "setsockopt": "ENOBUFS",
    "connect": "ECONNREFUSED",
    "sendto": "ECONNRESET",
    "recvfrom": "ECONNRESET",
    "getdents64": "EIO",
    "newfstatat": "EIO",
}


def calls_of_an_attempt(folder, server, connections):
    """Return, for each system call, the numbers that an attempt's have among those of their thread, as strace counts them."""
    trace = folder / "trace"
    once(
        folder,
        server,
        "traced",
        connections=connections,
        prefix=("strace", "-f", "-o", trace, "-e", "trace=access," + ",".join(SYSTEM_CALLS)),
    )
    counts, numbers, inside = Counter(), {}, False
    for line in trace.read_text().splitlines():
        match = re.match(r"(\d+) +(\w+)\(", line)
        if match is None:
            continue
        inside = (inside or "/start-of-the-attempt" in line) and "/end-of-the-attempt" not in line
        counts[match.groups()] += 1
        if inside and match[2] in SYSTEM_CALLS:
            numbers.setdefault(match[2], {})[counts[match.groups()]] = None
    return numbers


def sweep_of_calls(folder, server, action_of, connections):
    numbers = calls_of_an_attempt(folder, server, connections)
    points = [
        (call, number) for call, all_of_them in numbers.items() if action_of(call) for number in all_of_them
    ]
    totals = Counter()
    for call, number in points[:: max(1, len(points) // POINTS)]:
        name = f"{call}{number}"
        inject = f"inject={call}:{action_of(call)}:when={number}"
        traced = ("strace", "-f", "-o", "/dev/null", "-e", inject)
        first = once(folder, server, name, prefix=traced, connections=connections)
        totals["hit"] += first is None or "error" in first["last"]
        for _ in range(3):
            outcome = once(folder, server, name, connections=connections)
        check(outcome, server, totals)
        totals["ENOSPC"] += "ENOSPC" in inject
    return totals


@pytest.mark.attack("kills")
@pytest.mark.strace
@pytest.mark.parametrize("connections", [1, 4])
def test_killed_at_any_system_call(folder, server, tried, connections):
    totals = sweep_of_calls(folder, server, lambda _call: "signal=SIGKILL", connections)
    tried(totals["points"])
    print("system calls:", dict(totals))

    assert totals["points"] >= min(POINTS, 400)
    assert faults(totals) == {}


@pytest.mark.attack("errors of a disk or a socket")
@pytest.mark.strace
@pytest.mark.parametrize("connections", [1, 4])
def test_with_an_error_from_any_system_call(folder, server, tried, connections):
    def action_of(call):
        return f"error={ERRORS[call]}" if call in ERRORS else None

    totals = sweep_of_calls(folder, server, action_of, connections)
    tried(totals["ENOSPC"], "full disks")
    tried(totals["points"] - totals["ENOSPC"])
    print("errors:", dict(totals))

    assert totals["points"] >= min(POINTS, 400)
    assert faults(totals) == {}
