from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import JobsUnreadableError
from airflow_provider_daybreak.jobs.dagster import read_definitions
from airflow_provider_daybreak.jobs.job import Refusal

FILE = """
import dagster
from dagster import ScheduleDefinition, schedule

raise SystemExit("never run")
daily = ScheduleDefinition(job=sales_job, cron_schedule="0 9 * * 1-5", execution_timezone="Europe/Paris")
twice = dagster.ScheduleDefinition(job_name="other", cron_schedule=["0 9 * * *", "0 17 * * *"])

@schedule(cron_schedule="0 6 * * *", target=third)
def of_third(context): ...

computed = ScheduleDefinition(job=sales_job, cron_schedule=CRON)
nameless = ScheduleDefinition(cron_schedule="0 9 * * *")
"""


def test_schedules_are_read_from_the_tree_and_nothing_is_run():
    found = sorted(read_definitions(FILE, "/srv/app/defs.py"), key=lambda job: job.place.line)
    jobs = [job for job in found if not isinstance(job, Refusal)]

    assert [(job.name, job.when.expressions, job.when.zone) for job in jobs] == [
        ("sales_job", ("0 9 * * 1-5",), "Europe/Paris"),
        ("other", ("0 9 * * *", "0 17 * * *"), "UTC"),
        ("third", ("0 6 * * *",), "UTC"),
    ]
    assert jobs[0].command == "dagster job execute --python-file defs.py --job sales_job"
    assert len(found) == 5


def test_what_is_no_python_is_an_error_with_its_line():
    with pytest.raises(JobsUnreadableError, match="line 2: it is no Python"):
        list(read_definitions("import dagster\n(cron_schedule", "defs.py"))
