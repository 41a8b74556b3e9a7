"""
How processes share the tests (``-n``).

A file stays in one process, since what its tests share is made once, and so do all files that share one Airflow. Who takes longest
begins first, by ``lengths.json``, which ``DAYBREAK_LENGTHS=1 make test`` writes anew.
"""

from __future__ import annotations

import ast
import json
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = Path(__file__).with_name("lengths.json")
LONG = 5  # seconds, below which it matters to nobody when a group begins
SHARED = {"tests/system": "stack", "tests/integration/web": "server"}
"""Fixture of a folder that is an Airflow, made once for a session."""
HALVED = {"stack": "test_s"}
"""Airflow that so many files share that those from that name on have a second one, in another process."""
_taken = Counter()  # seconds by group


@cache
def group_of(file):
    """Return the group of a file of tests by its path from the root: itself, unless its tests share an Airflow."""
    if (shared := SHARED.get(str(Path(file).parent))) is None:
        return file
    functions = [
        node for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, ast.FunctionDef)
    ]
    if any(shared == each.arg for function in functions for each in function.args.args) and not any(
        function.name == shared for function in functions
    ):
        return f"{shared} 2" if shared in HALVED and Path(file).name >= HALVED[shared] else shared
    return file


def lengths():
    """Return the seconds of each group that is long."""
    return json.loads(FILE.read_text())


def _file(nodeid):
    return nodeid.partition("::")[0]


def pytest_collection_modifyitems(config, items):
    """Let the longest begin first, where processes share the tests."""
    if hasattr(config, "workerinput"):
        seconds = lengths()
        items.sort(key=lambda item: -seconds.get(group_of(_file(item.nodeid)), 0))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    """Stop an Airflow after the last of the tests that share it: it would run beside all others until the end."""
    group = group_of(_file(item.nodeid))
    if nextitem is None or group == group_of(_file(nextitem.nodeid)):
        return
    if name := SHARED.get(str(Path(_file(item.nodeid)).parent)):
        for fixture in item.session._fixturemanager.getfixturedefs(name, item) or ():
            fixture.finish(item._request)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(_file(nodeid))

    config.option.loadscopereorder = False  # by how many tests they have, which says little
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_runtest_logreport(report):
    _taken[group_of(_file(report.nodeid))] += report.duration


def pytest_terminal_summary(terminalreporter, config):
    """Say which groups took longest, where processes share the tests: none of them can be shared."""
    if config.getoption("dist", "no") != "loadscope":
        return
    longest = {group: round(seconds) for group, seconds in _taken.most_common() if seconds > LONG}
    if os.environ.get("DAYBREAK_LENGTHS"):
        FILE.write_text(json.dumps(longest, indent=1) + "\n")
    terminalreporter.section("longest groups of tests")
    for group, seconds in list(longest.items())[:20]:
        terminalreporter.write_line(f"{seconds:>6} s  {group}")
