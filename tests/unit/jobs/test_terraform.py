"""What Terraform knows of schedules, with its variables found out, as jobs."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import JobsUnreadableError
from airflow_provider_daybreak.jobs.job import Refusal
from airflow_provider_daybreak.jobs.kinds import kind_of
from airflow_provider_daybreak.jobs.terraform import read_state

LAMBDA = {
    "type": "aws_lambda_function",
    "name": "sales",
    "values": {
        "arn": "arn:aws:lambda:eu-west-1:1:function:sales", "function_name": "sales", "handler": "app.handler",
        "runtime": "python3.12", "timeout": 60, "environment": [{"variables": {"REGION": "north"}}],
    },
}  # fmt: skip


def scheduler(**changes):
    values = {
        "name": "report", "schedule": "0 9 * * 1", "time_zone": "Europe/Paris", "attempt_deadline": "320s", "paused": False,
        "http_target": [{"uri": "https://example.org/run", "http_method": "GET"}], "retry_config": [{"retry_count": 2}],
    }  # fmt: skip
    return {"type": "google_cloud_scheduler_job", "name": "report", "values": {**values, **changes}}


def state(*resources, modules=()):
    root = {"resources": list(resources), "child_modules": list(modules)}
    return json.dumps({"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": root}})


def read(*resources, **more):
    return list(read_state(state(*resources, **more), "/srv/state.json"))


def test_a_job_of_cloud_scheduler_calls_its_address_in_its_zone():
    [job] = read(scheduler())

    assert (job.when.expressions, job.when.zone, job.name) == (("0 9 * * 1",), "Europe/Paris", "report")
    assert job.command == "curl --fail --silent --show-error --request GET https://example.org/run"
    assert (job.timeout, job.retries) == (timedelta(seconds=320), 2)


def test_jobs_of_modules_in_modules_are_read_too():
    inner = {"resources": [scheduler(name="inner")]}
    found = read(scheduler(), modules=[{"resources": [], "child_modules": [inner]}])

    assert [job.name for job in found] == ["report", "inner"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"paused": True}, "paused"),
        ({"http_target": []}, "no address"),
        ({"schedule": "* * * * *"}, "times a day"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(changes, reason):
    [refusal] = read(scheduler(**changes))

    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason


def rule(**changes):
    values = {
        "name": "morning",
        "schedule_expression": "cron(0 7 ? * MON-FRI *)",
        "state": "ENABLED",
        **changes,
    }
    return {"type": "aws_cloudwatch_event_rule", "name": "morning", "values": values}


def target(arn=LAMBDA["values"]["arn"], **more):
    return {
        "type": "aws_cloudwatch_event_target",
        "name": "t",
        "values": {"rule": "morning", "arn": arn, **more},
    }


def test_a_function_is_called_by_the_rule_whose_target_it_is_with_its_event():
    [job] = read(LAMBDA, rule(), target(input='{"region": "south"}'))

    assert (job.when.expressions, job.when.zone, job.name) == (("0 7 * * MON-FRI",), "UTC", "sales")
    assert (
        job.command
        == """python -c 'from app import handler; handler({'"'"'region'"'"': '"'"'south'"'"'}, None)'"""
    )
    assert job.environment == {"REGION": "north"}
    assert job.timeout == timedelta(minutes=1)


def test_a_schedule_of_eventbridge_has_its_zone():
    said = {
        "name": "daily",
        "schedule_expression": "cron(0 9 * * ? *)",
        "schedule_expression_timezone": "Asia/Tokyo",
    }
    said["target"] = [{"arn": LAMBDA["values"]["arn"]}]
    [job] = read(LAMBDA, {"type": "aws_scheduler_schedule", "name": "daily", "values": said})

    assert (job.when.expressions, job.when.zone) == (("0 9 * * *",), "Asia/Tokyo")


@pytest.mark.parametrize(
    ("resources", "reason"),
    [
        ([rule()], "no function of this file"),
        ([rule(), target("arn:aws:states:x")], "no function of this file"),
        ([LAMBDA, rule(state="DISABLED"), target()], "disabled"),
        ([LAMBDA, rule(is_enabled=False), target()], "disabled"),
        ([LAMBDA, rule(schedule_expression="rate(1 day)"), target()], "no time of day"),
        ([LAMBDA, rule(), target(input="{")], "is no JSON"),
    ],
)
def test_a_rule_that_starts_no_function_at_a_time_is_refused(resources, reason):
    [refusal] = read(*resources)

    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason


def test_a_plan_is_read_as_a_state_is():
    text = state(scheduler()).replace('"values": {"root_module"', '"planned_values": {"root_module"')

    assert kind_of(text, Path("plan.json")) == "terraform"
    assert [job.name for job in read_state(text, "plan.json")] == ["report"]


def test_terraforms_own_language_is_left_to_terraform():
    with pytest.raises(JobsUnreadableError, match="terraform show -json"):
        kind_of('resource "google_cloud_scheduler_job" "x" {}', Path("main.tf"))


@pytest.mark.parametrize("values", [None, [], "x", {"schedule": None}, {"http_target": "x", "schedule": {}}])
def test_what_has_another_shape_breaks_nothing(values):
    found = read(
        {"type": "google_cloud_scheduler_job", "values": values},
        {"type": None},
        {"type": "aws_scheduler_schedule", "values": values},
    )

    assert all(isinstance(each, Refusal) for each in found)
