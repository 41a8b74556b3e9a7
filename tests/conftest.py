"""What all tests share: an Airflow home of their own, the context that a task gets, and what a machine must have."""

from __future__ import annotations

import ast
import atexit
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import psutil
import pytest

from tests.context import make_context
from tests.waiting import until

_home = tempfile.mkdtemp(prefix="daybreak-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home  # before anything imports Airflow
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMIUM_FLAGS = (
    "--no-sandbox",  # it refuses one as root, as which CI runs
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


PACKAGES = (Path(__file__).parent / "stand_ins" / "debian-packages.txt").read_text().split()
BRING_PACKAGES = f"sudo apt install {' '.join(PACKAGES)}"
FONTS = Path("/usr/share/fonts")
BRING_ENGINE = "sudo bash tests/stand_ins/engine.sh"


def _engine_answers():
    docker = shutil.which("docker")
    return docker is not None and not any(
        subprocess.run([docker, *words], capture_output=True, check=False).returncode
        for words in (("info",), ("compose", "version"))
    )


@cache
def _missing(marker):
    """Say what this machine lacks for tests with the marker, and what brings it; nothing when it lacks nothing."""
    programs = {"mail_readers": ("mutt", "ripmime", "spamassassin"), "strace": ("strace",)}.get(marker, ())
    lacks = [program for program in programs if shutil.which(program) is None]
    if marker == "browser":
        lacks += [] if CHROMIUM else ["Chromium"]
        lacks += [] if any(FONTS.rglob("*.[to]tf")) else ["fonts"]
    if marker == "pango" and not find_library("pango-1.0"):
        lacks.append("the library pango, which draws PDFs")
    if marker == "engine" and not _engine_answers():
        return "a Docker engine with Compose", BRING_ENGINE
    return (", ".join(lacks), BRING_PACKAGES) if lacks else None


MARKERS = ("browser", "engine", "mail_readers", "pango", "strace")


def pytest_report_header():
    """Say all that this machine lacks, once for each command that brings it."""
    by_command = {}
    for what, command in filter(None, map(_missing, MARKERS)):
        by_command.setdefault(command, []).append(what)
    return [
        f"lacks {', '.join(what)}: some tests are skipped. Bring it with: {command}"
        for command, what in by_command.items()
    ]


_ALONE = re.compile(r"mark\.(engine|scheduler)\b")


@cache
def _using_the_machine(path):
    """Return the tests of a file that use what a machine has one of, or None where all do."""
    text = path.read_text()
    tree = ast.parse(text)
    marks = [
        node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets) == "pytestmark"
    ]
    if any(_ALONE.search(ast.unparse(node.value)) for node in marks):
        return None
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(_ALONE.search(ast.unparse(each)) for each in node.decorator_list)
    }


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """
    Share the work between processes (``-n``) by files, since what the tests of one share is made once.

    All that use the engine or a scheduler run one after the other, whichever file they are in.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file, _, test = nodeid.partition("::")
            alone = _using_the_machine(config.rootpath / file)
            return "machine" if alone is None or test.partition("[")[0] in alone else file

    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable():
    """Let a process say what its test logged, though names of files that are no UTF-8 are no text for another one."""
    return _sayable((yield))


def _sayable(value):
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_sayable(key): _sayable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_sayable, value))
    return value


def pytest_runtest_setup(item):
    for marker in MARKERS:
        if item.get_closest_marker(marker) and (missing := _missing(marker)):
            pytest.skip(f"needs {missing[0]}")


def pytest_terminal_summary(terminalreporter):
    """Say once more what was not tested: the header is far above by now."""
    if terminalreporter.stats.get("skipped"):
        for line in pytest_report_header():
            terminalreporter.write_line(line, yellow=True)


def pytest_sessionfinish(session, exitstatus):
    """Where DAYBREAK_TEST_ALL is set, a test that could not run here has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a process that shares the work reports to the one that gives it
        return
    if os.environ.get("DAYBREAK_TEST_ALL") and exitstatus == 0 and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _left():
    """Return what still runs of what tests started, also in the background: each has this session's home from us."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if environment.get("AIRFLOW_HOME") != _home or process.status() == psutil.STATUS_ZOMBIE:
                continue
            command = " ".join(process.cmdline())
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):  # it has ended, or is none of ours
            continue
        if "multiprocessing." not in command:  # Python's own helpers of this process end with it
            found.append(f"{process.pid} {command} of {environment.get('PYTEST_CURRENT_TEST', '?')}")
    return found


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left():
    """Fail where a test, or what tests share, leaves a process behind."""
    yield
    with suppress(AssertionError):
        until(lambda: not _left(), seconds=10)  # what was told to end takes a moment
    time.sleep(0.1)  # one that was just starting another was gone, and the other not there yet
    assert not _left(), "processes were left behind"


@pytest.fixture
def browser():
    """Return a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def engine():
    """Return a client of the Docker engine."""
    import docker

    client = docker.APIClient(version="auto")
    yield client
    client.close()


@pytest.fixture
def volumes(engine):
    """Return a function that lists the volumes that were not there before the test."""
    before = {volume["Name"] for volume in engine.volumes()["Volumes"] or []}
    return lambda: {volume["Name"] for volume in engine.volumes()["Volumes"] or []} - before


@pytest.fixture(name="make_context")
def make_context_fixture():
    """Return a function that makes the context of one task's try, as ``execute`` gets it."""
    return make_context
