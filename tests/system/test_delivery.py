"""Mailed once under a real scheduler, whatever is done to tasks, runs and processes."""

from __future__ import annotations

import json
import os
import re
import signal
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.mail import MailServer
from tests.system.conftest import leave
from tests.waiting import until

pytestmark = pytest.mark.scheduler

TODAY = date.today()  # noqa: DTZ011 - any recent day will do


class Chain:
    """A Dag of ``dags/delivery.py``, and what became of its mails."""

    def __init__(self, stack, dag_id):
        self.stack, self.airflow, self.dag_id = stack, stack.airflow, dag_id
        self.airflow.wait_for_dag(dag_id)

    def start(self, day):
        return self.airflow.trigger(self.dag_id, conf={"report_date": day.isoformat()})

    def ended(self, run):
        return self.stack.wait(run, dag_id=self.dag_id)

    def waits(self, run):
        """
        Wait until the mail waits for a person, and the scheduler has heard that its process ended.

        Airflow fails a task that was answered before: it takes that end for the one of the task's second process.
        """
        self.stack.wait_for_task(run, "mail", ("awaiting_input", "deferred"), dag_id=self.dag_id)
        heard = f"Received executor event with state success for task instance TaskInstanceKey(dag_id='{self.dag_id}', "
        heard += f"task_id='mail', run_id='{run}'"
        until(lambda: heard in re.sub(r"\s+", " ", self.airflow.log.read_text(errors="replace")))

    def turn(self):
        """Wait until the scheduler has taken a whole turn."""
        for _ in range(2):  # between the two it has
            last = self.heartbeat()
            until(lambda last=last: self.heartbeat() != last)

    def heartbeat(self):
        return self.airflow.api("GET", "/monitor/health")["scheduler"]["latest_scheduler_heartbeat"]

    def backfill(self, day, behavior):
        """Backfill a day; return its run."""
        bounds = {"from_date": f"{day}T00:00:00Z", "to_date": f"{day}T23:59:00Z"}
        body = {"dag_id": self.dag_id, **bounds, "reprocess_behavior": behavior}
        self.airflow.cancel_backfills(self.dag_id)  # the scheduler closes those that are done twice a minute
        self.airflow.api("POST", "/backfills", json=body)
        return self.run_of(day)

    def run_of(self, day):
        filters = {"logical_date_gte": f"{day}T00:00:00Z", "logical_date_lte": f"{day}T23:59:00Z"}
        [run] = self.airflow.runs(self.dag_id, **filters)
        return run

    def path(self, run, task=None):
        return f"/dags/{self.dag_id}/dagRuns/{run}" + (f"/taskInstances/{task}" if task else "")

    def task(self, run):
        return self.airflow.api("GET", self.path(run, "mail"))

    def result(self, run):
        return self.airflow.api("GET", self.path(run, "mail") + "/xcomEntries/return_value")["value"]

    def clear(self, run):
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run, "task_ids": ["mail"]}
        self.airflow.api("POST", f"/dags/{self.dag_id}/clearTaskInstances", json=body)

    def mails(self, day):
        return self.stack.mails(f"{self.dag_id} of {day}")


@pytest.fixture(scope="module")
def once(stack):
    return Chain(stack, "delivery_once")


@pytest.fixture(scope="module")
def delivered(once):
    """Return a day that was backfilled, and so mailed; the scheduler itself comes to none before yesterday."""
    day = TODAY - timedelta(days=2)
    run = once.backfill(day, "none")
    assert once.ended(run) == "success"
    assert once.result(run)["sent"] == ["you@example.org"]
    return day


def test_a_delivered_task_cleared_five_times_mails_nothing_more(once, delivered):
    run = once.run_of(delivered)
    for _ in range(5):
        once.clear(run)
        assert once.ended(run) == "success"
        assert once.result(run)["already_sent"] == ["you@example.org"]

    assert once.task(run)["try_number"] == 6
    assert len(once.mails(delivered)) == 1


@pytest.mark.parametrize("behavior", ["none", "failed", "completed"])
def test_a_backfill_over_a_delivered_day_mails_nothing_more(behavior, once, delivered):
    run = once.run_of(delivered)
    if behavior == "failed":
        once.airflow.api("PATCH", once.path(run), json={"state": "failed"})
    before = once.task(run)["try_number"]

    assert once.backfill(delivered, behavior) == run
    assert once.ended(run) == "success"

    assert (once.task(run)["try_number"] > before) == (behavior != "none")
    assert len(once.mails(delivered)) == 1


def test_a_run_that_is_deleted_and_made_anew_mails_nothing_more(once, delivered):
    once.turn()  # a scheduler that still holds a run which is deleted ends with an error
    once.airflow.api("DELETE", once.path(once.run_of(delivered)))

    run = once.backfill(delivered, "none")

    assert once.ended(run) == "success"
    assert once.task(run)["try_number"] == 1
    assert once.result(run)["already_sent"] == ["you@example.org"]
    assert len(once.mails(delivered)) == 1


def test_a_task_killed_with_its_supervisor_while_the_server_takes_the_mail_sends_no_second(stack):
    with MailServer() as server:
        extra = {"from_email": "reports@example.org", "default_recipients": ["you@example.org"]}
        extra |= {"disable_tls": True, "disable_ssl": True}
        connection = {"connection_id": "smtp_paused", "conn_type": "smtp", "host": "127.0.0.1"}
        connection |= {"port": server.port, "extra": json.dumps(extra)}
        stack.airflow.api("POST", "/connections", json=connection)
        chain = Chain(stack, "delivery_killed")
        server.pause = 600
        run = chain.start(TODAY)
        assert server.taking.wait(120)
        task = chain.task(run)["pid"]
        supervisor = int(Path(f"/proc/{task}/stat").read_text().rpartition(")")[2].split()[1])
        for process in (supervisor, task):
            os.kill(process, signal.SIGKILL)
        server.pause = 0

        assert chain.ended(run).startswith("failed")

        log = stack.airflow.task_log(chain.dag_id, run, "mail", try_number=2)
        assert "Maybe sent: you@example.org (interrupted while sending" in log
        assert server.recipients() == ["you@example.org"]


@pytest.fixture(scope="module")
def held(stack):
    return Chain(stack, "delivery_held")


def test_a_held_mail_that_is_rejected_is_not_sent(held):
    run = held.start(TODAY)
    held.waits(run)

    held.airflow.api("PATCH", held.path(run, "mail") + "/-1/hitlDetails", json={"chosen_options": ["Reject"]})

    assert held.ended(run) == "success"
    assert held.result(run)["held"] == {"you@example.org": "rejected by admin"}
    assert held.mails(TODAY) == []


@pytest.mark.browser
def test_a_held_mail_is_shown_to_a_person_and_sent_once_that_one_approves(held, page):
    day = TODAY - timedelta(days=1)
    run = held.start(day)
    held.waits(run)

    page.goto(f"{held.airflow.url}/dags/{held.dag_id}/runs/{run}/tasks/mail/required_actions")
    page.get_by_text(f"Send 'delivery_held of {day}'?").wait_for()
    assert page.get_by_text("Revision 1 of delivery_held").is_visible()
    assert page.get_by_text("you@example.org").is_visible()
    report = page.get_by_role("link", name="Open delivery_held").evaluate("link => link.href")
    assert held.mails(day) == []
    with page.expect_response("**/hitlDetails"):
        page.get_by_role("button", name="Approve").click()
    leave(page)

    assert held.ended(run) == "success"
    assert held.result(run)["sent"] == ["you@example.org"]
    held.clear(run)
    assert held.ended(run) == "success"
    assert held.result(run)["already_sent"] == ["you@example.org"]
    assert len(held.mails(day)) == 1
    page.goto(report)
    page.get_by_role("heading", name=f"delivery_held of {day}").wait_for()


@pytest.mark.browser
def test_a_held_mail_is_approved_on_the_reports_own_day_and_sent_once(held, page):
    day = TODAY - timedelta(days=2)
    run = held.start(day)
    held.waits(run)

    page.goto(f"{held.airflow.url}/daybreak/day/{held.dag_id}/{day}")
    page.get_by_role("heading", name=f"Send 'delivery_held of {day}'?").wait_for()
    assert held.mails(day) == []
    page.get_by_role("button", name="Approve: mail it").click()
    page.get_by_text("Approved. The Dag's mail task sends it now.").wait_for()

    assert held.ended(run) == "success"
    assert held.result(run)["sent"] == ["you@example.org"]
    assert len(held.mails(day)) == 1
    page.reload()
    page.get_by_role("cell", name="sent", exact=True).wait_for()
    assert page.get_by_role("button", name="Approve: mail it").count() == 0


def test_a_mail_in_flight_on_another_host_is_looked_at_again_without_using_up_a_retry(once):
    day = TODAY - timedelta(days=4)
    run = once.start(day)
    assert once.ended(run) == "success"
    [folder] = once.stack.archive.deliveries("delivery_once", day).glob("?" * 64)
    commit = json.loads((folder / "commit.0").read_text())
    commit |= {"owner": {**commit["owner"], "machine": "another"}, "lifetime": 45}
    (folder / "outcome.0.json").unlink()
    (folder / "commit.0").write_text(json.dumps(commit))

    once.clear(run)
    once.stack.wait_for_task(run, "mail", ("up_for_reschedule",), dag_id=once.dag_id)

    assert once.ended(run).startswith("failed")
    assert once.task(run)["try_number"] == 2
    log = once.stack.airflow.task_log(once.dag_id, run, "mail", try_number=2)
    assert "Wait until" in log
    assert "Maybe sent: you@example.org (interrupted while sending" in log
    assert len(once.mails(day)) == 1
