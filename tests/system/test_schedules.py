"""What Airflow's scheduler starts by itself, as the documents say."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.waiting import until

pytestmark = pytest.mark.scheduler


def test_a_backfill_is_followed_by_the_last_slot_that_is_due_unless_a_start_date_lies_ahead(stack):
    airflow, today = stack.airflow, datetime.now(timezone.utc).date()
    days = [str(today - timedelta(days=ago)) for ago in (4, 3)]

    for dag_id in ("schedules_at_once", "schedules_from_tomorrow"):
        airflow.wait_for_dag(dag_id)
        assert airflow.runs(dag_id) == {}
        airflow.backfill(dag_id, "--from-date", days[0], "--to-date", f"{days[1]}T23:59")
        # Which slot comes next is looked at when the file is read, which is twice a minute elsewhere.
        airflow.api("PUT", f"/parseDagFile/{airflow.api('GET', f'/dags/{dag_id}')['file_token']}")
    backfilled = [f"backfill__{day}T00:00:00+00:00" for day in days]
    until(lambda: len(airflow.runs("schedules_at_once")) == 3)

    assert list(airflow.runs("schedules_at_once")) == [*backfilled, f"scheduled__{today}T00:00:00+00:00"]
    for run in backfilled:
        assert stack.wait(run, dag_id="schedules_from_tomorrow") == "success"
    assert list(airflow.runs("schedules_from_tomorrow")) == backfilled
