from __future__ import annotations

import json
from datetime import timedelta

import pytest

from airflow_provider_daybreak.jobs.clouds import read_function, read_prefect, read_scheduler
from airflow_provider_daybreak.jobs.job import Refusal

GOOGLE = {
    "name": "projects/p/locations/l/jobs/sales",
    "schedule": "0 9 * * 1-5",
    "timeZone": "Europe/Paris",
    "attemptDeadline": "180s",
    "httpTarget": {"uri": "https://example.org/run?a=1", "httpMethod": "GET"},
    "retryConfig": {"retryCount": 3},
}


def test_an_address_that_cloud_scheduler_calls_is_called():
    [job] = read_scheduler(json.dumps([GOOGLE]), "jobs.json")

    assert (job.name, job.when.expressions, job.when.zone) == ("sales", ("0 9 * * 1-5",), "Europe/Paris")
    assert job.command == "curl --fail --silent --show-error --request GET 'https://example.org/run?a=1'"
    assert (job.timeout, job.retries) == (timedelta(minutes=3), 3)


@pytest.mark.parametrize(
    "changed", [{"httpTarget": {}, "pubsubTarget": {"topicName": "t"}}, {"schedule": "* * * * *"}]
)
def test_what_calls_no_address_or_has_no_time_is_refused(changed):
    [job] = read_scheduler(json.dumps({**GOOGLE, **changed}), "jobs.json")

    assert isinstance(job, Refusal)


def function(tmp_path, *, schedule="0 30 6 * * 1-5", **said):
    (tmp_path / "Sales").mkdir()
    binding = {"name": "timer", "type": "timerTrigger", "direction": "in", "schedule": schedule}
    text = json.dumps({"bindings": [binding], **said})
    [job] = read_function(text, str(tmp_path / "Sales" / "function.json"))
    return job


def test_a_timer_of_azure_calls_its_function(tmp_path):
    job = function(tmp_path)

    assert (job.name, job.when.expressions, job.when.zone) == ("Sales", ("30 6 * * 1-5",), "UTC")
    assert job.command == "python -c 'from Sales import main; main(None)'"
    assert job.folder == str(tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        {"schedule": "%TIME%"},
        {"schedule": "*/30 * * * * *"},
        {"scriptFile": "index.js"},
        {"entryPoint": "x; import os"},
    ],
)
def test_a_timer_that_is_none_of_python_s_is_refused(tmp_path, said):
    assert isinstance(function(tmp_path, **said), Refusal)


PREFECT = """
deployments:
  - name: sales
    entrypoint: flows/sales.py:report
    parameters: {region: north}
    schedules: [{cron: "0 9 * * *", timezone: Europe/Paris}, {cron: "0 17 * * *", timezone: Europe/Paris}]
  - {name: often, entrypoint: "a.py:b", schedule: {interval: 60}}
  - {name: both, entrypoint: "a.py:b", schedules: [{cron: "0 9 * * *"}, {cron: "0 9 * * *", timezone: Asia/Tokyo}]}
  - {name: odd, entrypoint: "a.b:c", schedule: {cron: "0 9 * * *"}}
  - {name: none, entrypoint: "a.py:b"}
"""


def test_a_flow_of_prefect_is_called_as_the_function_that_it_is():
    job, *others = read_prefect(PREFECT, "/srv/app/prefect.yaml")

    assert (job.when.expressions, job.when.zone) == (("0 9 * * *", "0 17 * * *"), "Europe/Paris")
    assert "from flows.sales import report; report(**{" in job.command
    assert job.folder == "/srv/app"
    assert [isinstance(each, Refusal) for each in others] == [True, True, True]


def test_an_interval_keeps_no_time_of_a_deployment_from_being_taken():
    text = "deployments:\n- {name: x, entrypoint: 'a.py:b', schedules: [{cron: '0 9 * * *'}, {interval: 60}, {cron: '* * * * *'}]}\n"
    found = list(read_prefect(text, "/srv/app/prefect.yaml"))

    assert [isinstance(each, Refusal) for each in found] == [True, True, False]
    assert found[2].when.expressions == ("0 9 * * *",)
