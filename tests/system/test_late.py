"""A deadline of a Dag, as Airflow's scheduler sees it and a triggerer tells of it."""

from __future__ import annotations

from datetime import date

import pytest

from tests.waiting import until

pytestmark = pytest.mark.scheduler

DAY = date(2026, 3, 29)


def test_the_owner_of_a_report_that_is_late_is_told_once_while_its_run_is_at_work(stack, tmp_path):
    stack.airflow.wait_for_dag("late_report")
    done = tmp_path / "done"
    run = stack.airflow.trigger("late_report", conf={"report_date": str(DAY), "until": str(done)})

    until(lambda: stack.mails(run), seconds=240)
    [mail] = stack.mails(run)
    text = mail.get_content()
    assert mail["To"] == "owner@example.org"
    assert f"late_report, {DAY}: not there" in text
    assert "Nobody has got it." in text
    assert stack.airflow.runs("late_report")[run] == "running"
    done.touch()
    assert stack.wait(run, dag_id="late_report") == "success"
    assert len(stack.mails(run)) == 1
