from __future__ import annotations

import json

import pytest

from airflow_provider_daybreak.exceptions import JobsUnreadableError
from airflow_provider_daybreak.jobs.gitlab import read_schedules
from airflow_provider_daybreak.jobs.job import Fate, Refusal

PIPELINE = """
image: python:3.12
variables: {REGION: north}
before_script:
  - pip install -r requirements.txt
.shared: {script: [echo never]}
sales:
  rules: [{if: '$CI_PIPELINE_SOURCE == "schedule"'}]
  script:
    - python sales.py
    - python mail.py $CI_COMMIT_SHA
  artifacts: {paths: [out.csv]}
old: {only: [schedules], script: [python old.py]}
test: {only: [merge_requests], script: [pytest]}
build: {rules: [{if: '$CI_PIPELINE_SOURCE == "push"'}], script: [make]}
"""
SCHEDULE = {
    "id": 1, "description": "Daily", "cron": "30 6 * * 1-5", "cron_timezone": "Europe/Paris", "active": True,
    "variables": [{"key": "DAY", "value": "1"}],
}  # fmt: skip


def jobs_of(tmp_path, *schedules):
    (tmp_path / ".gitlab-ci.yml").write_text(PIPELINE)
    return list(read_schedules(json.dumps(list(schedules)), str(tmp_path / "schedules.json")))


def test_the_jobs_that_a_schedule_starts_are_taken(tmp_path):
    sales, old = jobs_of(tmp_path, SCHEDULE)

    assert [(job.name, job.command) for job in (sales, old)] == [
        ("sales", "python sales.py"),
        ("old", "python old.py"),
    ]
    assert (sales.when.expressions, sales.when.zone) == (("30 6 * * 1-5",), "Europe/Paris")
    assert sales.environment == {"REGION": "north", "DAY": "1"}
    assert sales.folder == str(tmp_path)


def test_what_gitlab_alone_has_is_told(tmp_path):
    job = jobs_of(tmp_path, SCHEDULE)[0]

    refused = [note.what for note in job.notes if note.fate is Fate.REFUSED]
    assert refused == ["python mail.py $CI_COMMIT_SHA", "artifacts"]
    assert "image: python:3.12" in [note.what for note in job.notes]


@pytest.mark.parametrize("changed", [{"active": False}, {"cron": "*/5 * * * *"}])
def test_a_schedule_that_can_t_be_meant_is_refused(tmp_path, changed):
    [job] = jobs_of(tmp_path, {**SCHEDULE, **changed})

    assert isinstance(job, Refusal)


def test_without_its_pipeline_it_says_what_to_do(tmp_path):
    with pytest.raises(JobsUnreadableError, match=r"Put the project's \.gitlab-ci\.yml into the same folder"):
        list(read_schedules(json.dumps([SCHEDULE]), str(tmp_path / "schedules.json")))
