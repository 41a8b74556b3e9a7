"""
What a sweep has tried: how many attacks of each kind there were, and how many got through.

A test with the mark ``attack("kills")`` is one attack, or as many as it says by the fixture ``tried``. ``make sweep`` runs all
that have the mark, each as often as it says by :func:`often`, ends with the table, and fails where a kind's goal is not reached.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

GOALS = {
    "kills": 2_000,
    "faults of a mail server": 300,
    "full disks": 250,
    "errors of a disk or a socket": 250,
    "faults of S3": 250,
    "ways out of a template": 150,
    "injections": 100,
    "lines of requirements": 60,
    "hostile archives": 60,
    "races": 100,
    "bytes that nobody would write": 1_000,
}
SWEEP = bool(os.environ.get("DAYBREAK_SWEEP"))
_PROPERTY = "attack: "
_tried, _failed = Counter(), Counter()
_of_test = Counter()  # what the running test has tried; the kind of its mark stands as ""


def often(usual, swept):
    """Return how often something is tried: as usual, or in a sweep."""
    return swept if SWEEP else usual


def count(number=1, kind=""):
    """Count what the running test tries, of the kind that its mark says unless it is said."""
    assert not kind or kind in GOALS
    _of_test[kind] += number


@pytest.fixture
def tried():
    """Return a function that counts what the test tries: ``tried(3)``, or of another kind ``tried(3, "full disks")``."""
    return count


def pytest_runtest_setup():
    _of_test.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):  # noqa: ARG001 - pytest gives arguments by their names
    report = yield
    mark = item.get_closest_marker("attack")
    if mark and report.when == "call" and not report.skipped:
        (kind,) = mark.args
        assert kind in GOALS, f"{item.nodeid}: no kind of attack is called {kind!r}"
        report.user_properties += [
            (_PROPERTY + (each or kind), number) for each, number in (_of_test or {"": 1}).items()
        ]
    return report


def pytest_runtest_logreport(report):
    """Count; where processes share the work, the one that gives it is told of all."""
    for name, number in report.user_properties if report.when == "call" else ():
        if name.startswith(_PROPERTY):
            kind = name.removeprefix(_PROPERTY)
            _tried[kind] += number
            _failed[kind] += report.failed


def pytest_sessionfinish(session, exitstatus):
    """A whole sweep that has tried too little of a kind has failed."""
    shares = hasattr(session.config, "workerinput")  # and reports to the process that gives the work
    whole = session.config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if SWEEP and whole and not shares and exitstatus == 0 and any(_tried[kind] < GOALS[kind] for kind in GOALS):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter):
    if not SWEEP or not _tried:
        return
    seed = os.environ.get("DAYBREAK_FUZZ_SEED", "daybreak")
    terminalreporter.section(f"attacks, by the seed {seed!r}")
    terminalreporter.write_line(f"{'kind':<32}{'tried':>10}{'goal':>10}{'got through':>14}")
    for kind, goal in GOALS.items():
        if _tried[kind]:
            terminalreporter.write_line(f"{kind:<32}{_tried[kind]:>10,}{goal:>10,}{_failed[kind]:>14,}")
