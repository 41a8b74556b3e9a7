from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_daybreak.jobs.jenkins import is_jenkinsfile, read_jenkinsfile
from airflow_provider_daybreak.jobs.job import Fate, Refusal

FILE = """
pipeline {
  agent any
  // cron('0 1 * * *')
  triggers { cron(WHEN) }
  stages {
    stage('Report') { steps {
      sh 'pip install -r requirements.txt'
      sh '''
python sales.py --all
      '''
      sh(script: "python mail.py")
      /* sh 'python never.py' */
    } }
  }
}
"""


def job_of(cron):
    [job] = read_jenkinsfile(FILE.replace("WHEN", cron), "/srv/sales/Jenkinsfile")
    return job


def test_its_commands_are_one_script():
    job = job_of("'0 9 * * 1-5'")

    assert (job.name, job.when.expressions, job.place.line) == ("sales", ("0 9 * * 1-5",), 5)
    assert job.command.split("\n") == ["python sales.py --all", "python mail.py"]
    assert is_jenkinsfile(FILE.replace("WHEN", "'H 9 * * *'"))


def test_a_zone_and_several_times_are_kept():
    job = job_of('"""TZ=Europe/Paris\n0 9 * * 1-5\n0 12 * * 6"""')

    assert (job.when.expressions, job.when.zone) == (("0 9 * * 1-5", "0 12 * * 6"), "Europe/Paris")


@pytest.mark.parametrize(
    ("cron", "minutes", "hours"),
    [
        ("H 9 * * *", range(60), [9]),
        ("H(0-29) 9 * * *", range(30), [9]),
        ("@daily", range(60), range(24)),
        ("H H(1-3) * * *", range(60), range(1, 4)),
        ("@midnight", range(60), range(3)),
    ],
)
def test_a_hash_is_a_number_that_stays_the_same(cron, minutes, hours):
    job = job_of(f"'{cron}'")
    minute, hour, *_ = job.when.expressions[0].split()

    assert int(minute) in minutes
    assert int(hour) in hours
    assert job_of(f"'{cron}'").when == job.when
    assert f"is {job.when.expressions[0]}" in job.notes[0].why


@pytest.mark.parametrize("cron", ["'H/5 * * * *'", "'* * * * *'", "'whenever'", "''"])
def test_a_time_that_can_t_be_meant_is_refused(cron):
    assert isinstance(job_of(cron), Refusal)


def test_a_time_that_is_none_keeps_no_other_from_being_taken():
    refusal, job = read_jenkinsfile(
        FILE.replace("WHEN", '"""0 9 * * *\nH/5 * * * *"""'), "/srv/sales/Jenkinsfile"
    )

    assert isinstance(refusal, Refusal)
    assert job.when.expressions == ("0 9 * * *",)


def test_variables_limits_and_locks_of_a_pipeline_are_kept_and_what_lies_at_jenkins_is_said():
    text = FILE.replace("WHEN", "'0 9 * * *'").replace(
        "  stages {",
        """  environment { REGION = 'north'; YEAR = "2026"
    TOKEN = credentials('token')
    WHERE = "${env.HOME}/x" }
  options { timeout(time: 2, unit: 'HOURS'); disableConcurrentBuilds() }
  stages {""",
        1,
    )
    [job] = read_jenkinsfile(text, "/srv/sales/Jenkinsfile")

    assert job.environment == {"REGION": "north", "YEAR": "2026"}
    assert (job.timeout, job.overlaps) == (timedelta(hours=2), False)
    refused = [note.what for note in job.notes if note.fate is Fate.REFUSED]
    assert refused == ["TOKEN = credentials('token')", 'WHERE = "${env.HOME}/x"']
