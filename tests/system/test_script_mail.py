"""An unmodified script's own mail, sent once for its day under a real scheduler."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from demo.airflow import free_port
from tests.mail import LOGIN, PASSWORD, Authority, MailServer
from tests.system.test_delivery import TODAY, Chain
from tests.waiting import until

pytestmark = pytest.mark.scheduler


def what_became(chain, run):
    return chain.airflow.api("GET", chain.path(run, "mail") + "/xcomEntries/mail")["value"]


def test_three_days_backfilled_and_cleared_are_three_mails_each_of_its_own_day(stack):
    chain = Chain(stack, "script_once")
    days = [TODAY - timedelta(days=back) for back in (4, 3, 2)]

    bounds = {"from_date": f"{days[0]}T00:00:00Z", "to_date": f"{days[-1]}T23:59:00Z"}
    stack.airflow.api("POST", "/backfills", json={"dag_id": chain.dag_id, **bounds})
    runs = [chain.run_of(day) for day in days]
    for run in runs:
        assert chain.ended(run) == "success"
        assert what_became(chain, run)["sent"] == ["you@example.org"]
    for run in runs:
        chain.clear(run)
        assert chain.ended(run) == "success"
        assert what_became(chain, run)["already_sent"] == ["you@example.org"]
        assert chain.result(run) == "mailed"

    sent = Counter(
        mail["Subject"] for mail in stack.mails("script_once of ")
    )  # the scheduler's own run mails too
    assert [sent[f"Sales of {day}"] for day in days] == [1, 1, 1]


def test_a_worker_killed_in_the_middle_of_the_script_sends_its_mail_once(stack, tmp_path):
    chain, file = Chain(stack, "script_killed"), tmp_path / "started"
    run = stack.airflow.trigger(chain.dag_id, conf={"report_date": TODAY.isoformat(), "file": str(file)})
    until(lambda: file.exists() and file.read_text())
    task = chain.task(run)["pid"]
    supervisor = int(Path(f"/proc/{task}/stat").read_text().rpartition(")")[2].split()[1])
    for process in (supervisor, task, int(file.read_text())):
        os.kill(process, signal.SIGKILL)

    assert chain.ended(run) == "success"

    assert chain.task(run)["try_number"] == 2
    assert [mail["Subject"] for mail in stack.mails("script_killed of ")] == [f"Sales of {TODAY}"]


@pytest.fixture
def connect(stack, tmp_path):
    """Return a function that makes ``smtp_failing`` the connection to a port, with a password."""
    authority = Authority(tmp_path)

    def connect_to(port, password):
        extra = {"from_email": LOGIN, "ca_file": str(authority.file)}
        connection = {"connection_id": "smtp_failing", "conn_type": "smtp", "host": "localhost", "port": port}
        connection |= {"login": LOGIN, "password": password, "extra": json.dumps(extra)}
        stack.airflow.api("DELETE", "/connections/smtp_failing")
        stack.airflow.api("POST", "/connections", json=connection)

    stack.airflow.api("POST", "/connections", json={"connection_id": "smtp_failing", "conn_type": "smtp"})
    yield authority, connect_to
    stack.airflow.api("DELETE", "/connections/smtp_failing")


def test_a_dead_server_and_a_wrong_password_fail_the_task_and_its_mail_goes_out_once_when_both_are_mended(
    stack, connect
):
    chain, (authority, connect_to) = Chain(stack, "script_failing"), connect
    connect_to(free_port(), PASSWORD)
    run = chain.start(TODAY)
    assert chain.ended(run).startswith("failed")
    assert "SmtpUnavailableError" in chain.ended(run)

    with MailServer(tls=authority.context(), auth=True) as server:
        connect_to(server.port, "wrong")
        chain.clear(run)
        assert chain.ended(run).startswith("failed")
        assert "Correct login and password of the connection" in stack.airflow.task_log(
            chain.dag_id, run, "mail", 2
        )
        assert server.mails == []
        connect_to(server.port, PASSWORD)
        for became in ("sent", "already_sent"):
            chain.clear(run)
            assert chain.ended(run) == "success"
            assert what_became(chain, run)[became] == ["you@example.org"]

        assert [mail.message["Subject"] for mail in server.mails] == [f"Sales of {TODAY}"]
    assert "the script is not run again" in stack.airflow.task_log(chain.dag_id, run, "mail", 3)
