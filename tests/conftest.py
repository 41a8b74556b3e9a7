"""What all tests share: an Airflow home of their own, the context that a task gets, and what a machine must have."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import psutil
import pytest

from airflow_provider_daybreak.releases.files import remove_tree
from tests.context import make_context
from tests.waiting import until

pytest_plugins = ["tests.attacks", "tests.sharing"]

_home = tempfile.mkdtemp(prefix="daybreak-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home  # before anything imports Airflow
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
# By default all of a machine share one.
os.environ["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"] = f"{_home}/dag_bundles"
# A file that changes is read at once, whatever this is.
os.environ["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "600"

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
UNSHARED = ("unshare", "--pid", "--mount", "--mount-proc", "--uts", "--fork", "--kill-child")
"""How a program is started as on a machine of its own."""
FAKETIME = f"/usr/lib/{sysconfig.get_config_var('MULTIARCH')}/faketime/libfaketime.so.1"
BRING_ENGINE = "sudo bash tests/stand_ins/engine.sh"
_NAMELESS = re.compile(r"[0-9a-f]{64}")  # of a volume: its name is its id


def _engine_answers():
    docker = shutil.which("docker")
    return docker is not None and not any(
        subprocess.run([docker, *words], capture_output=True, check=False).returncode
        for words in (("info",), ("compose", "version"))
    )


@cache
def _missing(marker):
    """Say what this machine lacks for tests with the marker, and what brings it; nothing when it lacks nothing."""
    programs = {
        "mail_readers": ("mutt", "ripmime", "spamassassin"),
        "proxy": ("nginx",),
        "strace": ("strace",),
    }.get(marker, ())
    lacks = [program for program in programs if shutil.which(program) is None]
    if marker == "browser":
        lacks += [] if CHROMIUM else ["Chromium"]
        lacks += [] if any(FONTS.rglob("*.[to]tf")) else ["fonts"]
    if marker == "pango" and not find_library("pango-1.0"):
        lacks.append("the library pango, which draws PDFs")
    if marker == "workers":
        lacks += [] if shutil.which("redis-server") else ["Redis"]
        lacks += [] if any(Path("/usr/lib/postgresql").glob("*/bin/postgres")) else ["PostgreSQL"]
        if not lacks and subprocess.run([*UNSHARED, "true"], capture_output=True, check=False).returncode:
            return "namespaces of its own for a process, which root may make", "sudo make test"
    if marker == "cron":
        lacks += [] if shutil.which("cron") else ["cron"]
        lacks += [] if Path(FAKETIME).exists() else ["faketime"]
        if not lacks and subprocess.run([*UNSHARED, "true"], capture_output=True, check=False).returncode:
            return "namespaces of its own for a process, which root may make", "sudo make test"
    if marker == "engine" and not _engine_answers():
        return "a Docker engine with Compose", BRING_ENGINE
    return (", ".join(lacks), BRING_PACKAGES) if lacks else None


MARKERS = ("browser", "engine", "mail_readers", "pango", "proxy", "strace", "workers", "cron")


def pytest_report_header():
    """Say all that this machine lacks, once for each command that brings it."""
    by_command = {}
    for what, command in filter(None, map(_missing, MARKERS)):
        by_command.setdefault(command, []).append(what)
    return [
        f"lacks {', '.join(what)}: some tests are skipped. Bring it with: {command}"
        for command, what in by_command.items()
    ]


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
        until(lambda: not _left(), seconds=60)  # what was told to end takes a moment
    time.sleep(0.1)  # one that was just starting another was gone, and the other not there yet
    assert not _left(), "processes were left behind"


@pytest.fixture(autouse=True)
def _stores_of_this_test_alone():
    """Let Airflow forget which store it met by which connection: another test's connection of that name leads elsewhere."""
    yield
    if store := sys.modules.get("airflow.sdk.io.store"):
        store._STORE_CACHE.clear()


@pytest.fixture(scope="module")
def chromium():
    """Return a headless Chromium; a module's own, since other modules' asyncio finds its loop running while it is there."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(CHROMIUM_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def browser(chromium):
    """Return a headless Chromium, whose pages are closed after the test."""
    yield chromium
    for context in chromium.contexts:
        context.close()


@pytest.fixture(scope="session")
def engine():
    """Return a client of the Docker engine."""
    import docker

    client = docker.APIClient(version="auto")
    yield client
    client.close()


@pytest.fixture
def volumes(engine):
    """Return a function that lists the volumes without a name that were not there before, and that no container has."""

    def without_container():
        found = engine.volumes(filters={"dangling": True})["Volumes"] or []
        return {volume["Name"] for volume in found if _NAMELESS.fullmatch(volume["Name"])}

    before = without_container()

    def left():
        remaining, deadline = without_container() - before, time.monotonic() + 60
        while (
            remaining and time.monotonic() < deadline
        ):  # others' are so for a moment, before they have one and after
            time.sleep(0.2)
            remaining &= without_container()
        return remaining

    return left


@pytest.fixture
def public():
    """Yield a folder that every user may pass; pytest's own is for its user only, and made so anew by each pytest."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-public-"))
    folder.chmod(0o755)
    yield folder
    remove_tree(folder)


@pytest.fixture(name="make_context")
def make_context_fixture():
    """Return a function that makes the context of one task's try, as ``execute`` gets it."""
    return make_context
