"""The first hour in Airflow's UI: a backfill, a clear, what fails and what is copied, in a real browser."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from demo.airflow import free_port
from tests.mail import MailServer
from tests.system.conftest import leave
from tests.waiting import until

pytestmark = [pytest.mark.scheduler, pytest.mark.browser]

DAG_FILE = Path(__file__).parent / "dags" / "walk.py"
TODAY = date.today()  # noqa: DTZ011 - any recent day will do
MOST_PLACES = 9  # that Airflow shows below an error: its own six, and ours of the task


@pytest.fixture(scope="module")
def walk(stack):
    """Return what is asked of the Dag and of its runs."""
    for dag_id in ("walk", "walk_down", "walk_failing"):
        stack.airflow.wait_for_dag(dag_id)
    return Walk(stack)


class Walk:
    """The Dag of ``dags/walk.py``, its runs and its mails."""

    def __init__(self, stack):
        self.stack, self.airflow = stack, stack.airflow

    def run(self, dag_id="walk", **conf):
        """Trigger a run, and return its id and its state once it has ended."""
        run = self.airflow.trigger(dag_id, conf=conf)
        return run, self.ended(run, dag_id)

    def ended(self, run, dag_id="walk"):
        """Wait until a run has ended, and return its state."""
        until(lambda: self.airflow.runs(dag_id)[run] in ("success", "failed"))
        return self.airflow.runs(dag_id)[run]

    def address(self, run, task, dag_id="walk"):
        return f"{self.airflow.url}/dags/{dag_id}/runs/{run}/tasks/{task}"

    def mails(self, day):
        return self.stack.mails(f"walk of {day}")

    def tries(self, run, task, dag_id="walk"):
        """Return the errors that the log of each try of a task shows, as Airflow has them."""
        found = self.airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/tries")
        numbers = [one["try_number"] for one in found["task_instances"] if one["pid"]]  # others never began
        path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task}/logs/"
        return [
            [
                line
                for line in self.airflow.api("GET", f"{path}{number}", params={"full_content": True})["content"]
                if line.get("level") in ("error", "critical")
            ]
            for number in numbers
        ]


def fill_in(page, number, day, time):
    """Fill in a date and a time of the backfill's form."""
    page.get_by_test_id("datetime-input").nth(number).click()
    picker = page.locator("[data-scope=popover][data-part=content]:visible").last  # the other one is fading
    picker.get_by_placeholder("YYYY/MM/DD").fill(f"{day:%Y/%m/%d}")
    picker.get_by_placeholder("HH:mm").fill(time)
    page.get_by_role("heading", name="Run Backfill").click()


def clear(page, address):
    """Clear a task by its page."""
    page.goto(address)
    page.get_by_role("button", name="clear").first.click()
    page.get_by_text("Affected Tasks: 1").wait_for()
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    leave(page)


def test_a_backfilled_day_is_mailed_and_clearing_its_mail_sends_no_second(walk, page):
    day = TODAY - timedelta(days=2)
    page.goto(f"{walk.airflow.url}/dags/walk")
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Backfill", exact=True).first.click()
    fill_in(page, 0, day, "00:00")
    fill_in(page, 1, day, "23:59")
    page.get_by_role("button", name="Run Backfill").click()
    page.get_by_text("Backfill generated").wait_for()
    leave(page)
    [run] = [one for one in walk.airflow.runs("walk") if one.startswith(f"backfill__{day}")]
    assert walk.ended(run) == "success"
    assert len(walk.mails(day)) == 1

    clear(page, walk.address(run, "mail_report"))

    until(lambda: walk.airflow.runs("walk")[run] != "success")
    assert walk.ended(run) == "success"
    page.goto(walk.address(run, "mail_report"))
    page.get_by_text("already sent at").first.wait_for()
    assert len(walk.mails(day)) == 1


def test_a_mail_server_that_is_down_is_said_once_a_try_and_a_clear_mails_once_it_is_up(walk, page):
    extra = {"from_email": "reports@example.org", "default_recipients": ["you@example.org"]}
    extra |= {"disable_tls": True, "disable_ssl": True}
    connection = {"connection_id": "smtp_walk", "conn_type": "smtp", "host": "127.0.0.1"}
    connection |= {"port": free_port(), "extra": json.dumps(extra)}
    walk.airflow.api("POST", "/connections", json=connection)

    run, state = walk.run("walk_down")

    assert state == "failed"
    for errors in walk.tries(run, "mail_report", "walk_down"):
        [error] = errors
        [detail] = error["error_detail"]
        assert re.match(r"The mail server 127.0.0.1:\d+ is not available: ", detail["exc_value"])
        assert len(detail["frames"]) <= MOST_PLACES
    page.goto(walk.address(run, "mail_report", "walk_down"))
    page.get_by_text("is not available").first.wait_for()
    with MailServer() as server:
        walk.airflow.api("PATCH", "/connections/smtp_walk", json={**connection, "port": server.port})

        clear(page, walk.address(run, "mail_report", "walk_down"))

        until(lambda: walk.airflow.tasks("walk_down", run)["mail_report"] == "success")
        assert server.recipients() == ["you@example.org"]


def test_a_script_that_fails_says_so_first_and_what_no_retry_mends_is_not_tried_again(walk, page):
    run, state = walk.run("walk_failing")

    assert state == "failed"
    begun = {kind: walk.tries(run, kind, "walk_failing") for kind in ("value", "module")}
    assert len(begun["module"]) == 1
    said = {
        "value": "ValueError: no rows for the day",
        "module": "Its environment has no module 'no_such_module'",
    }
    for kind, tries in begun.items():
        for [error] in tries:
            [detail] = error["error_detail"]
            assert detail["exc_value"].startswith(f"'fails.py {kind}' ended with exit code 1. Its last lines:")
            assert said[kind] in detail["exc_value"]
            assert len(detail["frames"]) <= MOST_PLACES
    page.goto(walk.address(run, "module", "walk_failing"))
    page.get_by_text(said["module"]).first.wait_for()
    page.get_by_text("To run it by hand").first.wait_for()


@pytest.fixture
def copied(walk):
    """Return a function that copies the Dag's file with changes, waits until Airflow has read it, and returns how to ask that."""
    path = walk.stack.copies / "copied.py"

    def copy(dag_id, *changes):
        text = DAG_FILE.read_text().replace("Path(__file__)", f"Path({str(DAG_FILE)!r})")
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        path.write_text(text)

        def is_there():
            dags = walk.airflow.api("GET", "/dags", params={"dag_id_pattern": dag_id})["dags"]
            return any(dag["dag_id"] == dag_id and dag["fileloc"] == str(path) for dag in dags)

        until(is_there)
        walk.airflow.api("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
        return is_there

    yield copy
    path.unlink(missing_ok=True)


# The live Dag's own id comes last: Airflow takes its time to run the live file again.
CAPITALS = ('ITEM = "tea"', 'ITEM = "coffee"')
ID = ("dag_id=NAME", 'dag_id="walk_copy"')
NAME = ('NAME = "walk"', 'NAME = "walk_of_mine"')


@pytest.mark.parametrize(
    ("dag_id", "changes", "said"),
    [
        (
            "walk_copy",
            [CAPITALS, ID],
            "The report 'walk' belongs to the Dag 'walk', and 'walk_copy' would publish into it",
        ),
        ("walk_of_mine", [CAPITALS, NAME], ""),
        ("walk", [CAPITALS], "The Dag 'walk' stands in two files, and Airflow runs the one that it read last"),
    ],
    ids=["capitals and its id", "capitals and its name", "capitals alone"],
)
def test_a_copy_that_is_half_done_is_refused_and_the_live_report_stays_as_it_is(
    walk, page, copied, dag_id, changes, said
):
    day = TODAY - timedelta(days=4)
    _, state = walk.run(report_date=day.isoformat())
    assert state == "success"
    [live] = walk.stack.archive.revisions("walk", since=day, until=day)
    there = copied(dag_id, *changes)

    for _ in range(6):  # of two files Airflow runs the one that it read last, by turns
        until(there)
        run, state = walk.run(dag_id, report_date=day.isoformat())
        if state == "failed" or not said:
            break

    assert [one.uri for one in walk.stack.archive.revisions("walk", since=day, until=day)] == [live.uri]
    assert len(walk.mails(day)) == 1
    if not said:
        assert state == "success"
        assert len(walk.stack.mails(f"walk_of_mine of {day}")) == 1
        return
    assert state == "failed"
    [[error]] = walk.tries(run, "render_report", dag_id)
    assert error["error_detail"][0]["exc_value"].startswith(said)
    page.goto(walk.address(run, "render_report", dag_id))
    page.get_by_text(said).first.wait_for()
