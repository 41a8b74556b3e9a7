"""What all tests share: an Airflow home of their own, the context that a task gets, and what a machine must have."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from datetime import datetime, timezone
from functools import cache
from types import SimpleNamespace

import pytest

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


@cache
def _missing(marker: str) -> str | None:
    """Say what this machine lacks for tests with the marker."""
    if marker == "browser" and CHROMIUM is None:
        return "needs Chromium (Debian: apt install chromium)"
    if marker == "engine":
        docker = shutil.which("docker")
        if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
            return "needs a Docker engine (Debian: apt install docker.io)"
    if marker == "mail_readers" and not all(map(shutil.which, ("mutt", "ripmime", "spamassassin"))):
        return "needs programs that read mails (Debian: apt install mutt ripmime spamassassin)"
    if marker == "strace" and shutil.which("strace") is None:
        return "needs strace (Debian: apt install strace)"
    return None


def pytest_runtest_setup(item):
    for marker in ("browser", "engine", "mail_readers", "strace"):
        reason = _missing(marker) if item.get_closest_marker(marker) else None
        if reason:
            pytest.skip(reason)


def pytest_sessionfinish(session, exitstatus):
    """Where DAYBREAK_TEST_ALL is set, a test that could not run here has failed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("DAYBREAK_TEST_ALL") and exitstatus == 0 and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


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


@pytest.fixture
def make_context():
    """Return a function that makes the context of one task's try, as ``execute`` gets it."""

    def make(
        *,
        dag_id="daily_report",
        task_id="render_report",
        run_id="scheduled__2026-03-29",
        logical_date=datetime(2026, 3, 29, 7, tzinfo=timezone.utc),
        dag_timezone="Europe/Berlin",
        try_number=1,
        map_index=-1,
        params=None,
    ):
        dag_run = SimpleNamespace(
            dag_id=dag_id,
            run_id=run_id,
            logical_date=logical_date,
            run_after=logical_date,
            data_interval_start=logical_date,
            data_interval_end=logical_date,
            partition_date=None,
        )
        ti = SimpleNamespace(
            dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index, try_number=try_number
        )
        dag = SimpleNamespace(dag_id=dag_id, timezone=SimpleNamespace(name=dag_timezone))
        from airflow_provider_daybreak.cli.local_run import outlet_events

        return {
            "ti": ti,
            "task": SimpleNamespace(task_id=task_id, outlets=[]),
            "dag_run": dag_run,
            "dag": dag,
            "params": params or {},
            "run_id": run_id,
            "outlet_events": outlet_events(),
        }

    return make
