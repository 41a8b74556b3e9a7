from __future__ import annotations

from datetime import timedelta

from airflow_provider_daybreak.jobs.github import read_workflow
from airflow_provider_daybreak.jobs.job import Fate, Refusal

WORKFLOW = """
name: Daily sales
on:
  schedule:
    - cron: '30 6 * * 1-5'
    - cron: '0 12 * * 6'
env: {REGION: north}
jobs:
  report:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    defaults: {run: {working-directory: reports}}
    steps:
      - uses: actions/checkout@v4
      - run: |
          # what it needs
          pip install -r requirements.txt
          python sales.py --out out.csv
          python mail.py
        env: {SMTP_PASSWORD: "${{ secrets.SMTP_PASSWORD }}", PORT: 587}
      - uses: example/action-send-mail@v3
      - if: failure()
        run: echo ${{ github.run_id }}
"""


def jobs_of(text=WORKFLOW):
    return list(read_workflow(text, ".github/workflows/sales.yml"))


def test_the_steps_of_a_job_are_lines_of_a_shell():
    [job] = jobs_of()

    assert job.name == "sales"
    assert job.when.expressions == ("30 6 * * 1-5", "0 12 * * 6")
    assert job.when.zone == "UTC"
    assert job.command == "python sales.py --out out.csv\npython mail.py"
    assert job.environment == {"REGION": "north", "PORT": "587"}
    assert (job.folder, job.timeout) == ("reports", timedelta(minutes=20))
    assert job.comments == ("Daily sales",)


def test_what_github_alone_has_is_refused_by_name():
    [job] = jobs_of()

    assert [note.what for note in job.notes if note.fate is Fate.REFUSED] == [
        "SMTP_PASSWORD: ${{ secrets.SMTP_PASSWORD }}",
        "uses: example/action-send-mail@v3",
        "echo ${{ github.run_id }}",
    ]
    assert "pip install -r requirements.txt" in [note.what for note in job.notes if note.fate is Fate.ADAPTED]


def test_each_job_has_its_name():
    text = "on: {schedule: [{cron: '0 6 * * *'}]}\njobs:\n  a: {steps: [{run: python a.py}]}\n  b: {steps: [{run: python b.py}]}\n"

    assert [job.name for job in jobs_of(text)] == ["sales_a", "sales_b"]


def test_what_is_more_than_commands_is_refused():
    text = (
        "on: {schedule: [{cron: '0 6 * * *'}]}\njobs:\n"
        "  a: {uses: ./other.yml}\n  b: {strategy: {matrix: {x: [1]}}, steps: [{run: ls}]}\n  c: {steps: [{uses: x/y@v1}]}\n"
    )

    assert [job.reason.split(":")[0] for job in jobs_of(text)] == [
        "It calls the workflow './other.yml'",
        "It has a strategy, and so runs several times at once",
        "None of its steps runs a command",
    ]


def test_a_time_that_is_none_is_refused():
    [job] = jobs_of("on: {schedule: [{cron: '*/5 * * * *'}]}\njobs: {a: {steps: [{run: ls}]}}\n")

    assert isinstance(job, Refusal)


def test_a_workflow_without_a_schedule_has_no_jobs():
    assert jobs_of("on: push\njobs: {a: {steps: [{run: ls}]}}\n") == []


def test_a_time_that_is_none_keeps_no_other_from_being_taken():
    job, refusal = jobs_of(
        "on: {schedule: [{cron: '0 6 * * *', timezone: Europe/Paris}, {cron: '*/5 * * * *'}]}\njobs: {a: {steps: [{run: python a.py}]}}\n"
    )

    assert (job.when.expressions, job.when.zone) == (("0 6 * * *",), "Europe/Paris")
    assert "*/5" in refusal.reason
