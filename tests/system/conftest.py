"""One private Airflow with a mail catcher, for all system tests."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_daybreak.archive import Archive
from demo.airflow import Airflow, free_port
from demo.setting import prepare
from tests.morning import Morning
from tests.waiting import SECONDS, until

PASSWORD = "a password of the tests"
DAGS = Path(__file__).parent / "dags"  # small ones, each of one test module


class Stack:
    """
    Airflow, the catcher and the archive, and the questions that tests ask of them.

    :param copies: folder of a bundle of Dags that is empty until a test writes into it.
    :param morning: thirty reports of somebody who answers for them, whose Dags are in the folder ``dags``.
    """

    def __init__(self, airflow, catcher, archive, copies, morning, dags):
        self.airflow = airflow
        self.catcher = catcher
        self.archive = archive
        self.copies = copies
        self.morning = morning
        self.dags = dags
        self.logged_in = None  # what a browser keeps of it

    def wait(self, run_id, *, dag_id="daily_report"):
        """Wait until the run has ended; return its state, with the log of each failed task when it failed."""
        return self.airflow.wait_for_run(dag_id, run_id, seconds=SECONDS)

    def wait_for_task(self, run_id, task_id, states, *, dag_id="daily_report"):
        def state():
            return self.airflow.tasks(dag_id, run_id).get(task_id)

        return until(
            lambda: (now := state()) in states and now,
            told=lambda: f"{task_id} is {state()}, not one of {states}",
        )

    def mails(self, text):
        """Return the raw mails whose decoded text part holds the text."""
        from email import message_from_bytes
        from email.policy import default

        parsed = [message_from_bytes(path.read_bytes(), policy=default) for path in self.catcher.messages()]
        return [mail for mail in parsed if text in mail.get_body(("plain",)).get_content()]


def leave(page):
    """Leave a page of Airflow's, which draws itself anew all the time that a test waits for something else."""
    page.goto("about:blank")


@pytest.fixture
def page(browser, stack):
    """Return a page of who is logged in to Airflow, before the first address."""
    context = browser.new_context(
        viewport={"width": 1300, "height": 900}, storage_state=stack.logged_in, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    if stack.logged_in is None:
        page.goto(stack.airflow.url)
        page.get_by_label("Username").fill("admin")
        page.locator("input[type=password]").fill(stack.airflow.password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        stack.logged_in = context.storage_state()
        leave(page)
    return page


@pytest.fixture(scope="session")
def stack(tmp_path_factory):
    home = tmp_path_factory.mktemp("system")
    catcher, env = prepare(home, PASSWORD)
    env |= {  # a task whose supervisor is gone is tried again soon
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",  # what tests wait for comes sooner
    }
    copies = home / "copies"
    copies.mkdir()
    morning = Morning(datetime.now(timezone.utc))
    morning.write_dags(home / "morning")
    dags = {"tests": DAGS, "copies": copies, "morning": home / "morning"}
    airflow = Airflow(home / "airflow", port=free_port(), env=env, dags=dags)
    try:
        airflow.start()
        airflow.wait_until_ready(seconds=SECONDS)
        airflow.wait_for_dag("daily_report", seconds=SECONDS)
        yield Stack(airflow, catcher, Archive(home / "reports"), copies, morning, home / "morning")
    finally:
        airflow.stop()
        catcher.stop()
