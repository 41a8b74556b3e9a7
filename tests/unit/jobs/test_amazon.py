from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_daybreak.jobs.amazon import read_template
from airflow_provider_daybreak.jobs.job import Fate, Refusal

SAM = """
AWSTemplateFormatVersion: '2010-09-09'
Globals: {Function: {Runtime: python3.12, Timeout: 300}}
Resources:
  Sales:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.handler
      Environment:
        Variables: {REGION: north, BUCKET: !Ref Bucket, URL: !Sub 'https://${Host}/'}
      Events:
        Morning:
          Type: ScheduleV2
          Properties: {ScheduleExpression: 'cron(0 9 ? * MON-FRI *)', ScheduleExpressionTimezone: Europe/Paris}
        Often: {Type: Schedule, Properties: {Schedule: rate(5 minutes)}}
        Web: {Type: Api, Properties: {Path: /}}
  Bucket: {Type: AWS::S3::Bucket}
  Node:
    Type: AWS::Serverless::Function
    Properties:
      Handler: index.handler
      Runtime: nodejs20.x
      Events: {A: {Type: Schedule, Properties: {Schedule: 'cron(0 9 * * ? *)'}}}
  Rule: {Type: AWS::Events::Rule, Properties: {ScheduleExpression: rate(1 day)}}
"""
SERVERLESS = """
service: sales
provider: {name: aws, runtime: python3.11, environment: {REGION: north}}
functions:
  report:
    handler: HANDLER
    events:
      - schedule: cron(0 6 * * ? *)
      - schedule: {rate: ['cron(0 7 * * ? *)'], timezone: Asia/Tokyo}
      - http: GET /
"""


def test_a_function_of_sam_is_called_as_its_template_says():
    jobs = list(read_template(SAM, "/srv/app/template.yaml"))
    [sales] = [job for job in jobs if not isinstance(job, Refusal)]

    assert (sales.when.expressions, sales.when.zone) == (("0 9 * * MON-FRI",), "Europe/Paris")
    assert sales.command == "python -c 'from app import handler; handler({}, None)'"
    assert (sales.folder, sales.timeout) == ("/srv/app/src", timedelta(minutes=5))
    assert sales.environment == {"REGION": "north"}
    refused = [note.what for note in sales.notes if note.fate is Fate.REFUSED]
    assert sorted(refused) == ["BUCKET: !Ref Bucket", "URL: !Sub https://${Host}/"]
    assert [job.place.text.split(" ")[0] for job in jobs if isinstance(job, Refusal)] == [
        "Sales:",
        "Node:",
        "Rule",
    ]


def test_a_function_of_serverless_is_called_at_each_of_its_times():
    jobs = list(read_template(SERVERLESS.replace("HANDLER", "jobs/report.main"), "/srv/app/serverless.yml"))

    assert [(job.when.expressions, job.when.zone) for job in jobs] == [
        (("0 6 * * *",), "UTC"),
        (("0 7 * * *",), "Asia/Tokyo"),
    ]
    assert jobs[0].command == "python -c 'from report import main; main({}, None)'"
    assert jobs[0].folder == "/srv/app/jobs"


@pytest.mark.parametrize("handler", ["", "app", "app.handler; import os", "a b.c", "app.1x"])
def test_a_handler_that_is_none_is_refused(handler):
    found = list(read_template(SERVERLESS.replace("HANDLER", f"'{handler}'"), "/srv/app/serverless.yml"))

    assert [isinstance(job, Refusal) for job in found] == [True, True]


RULES = """
Resources:
  Sales:
    Type: AWS::Lambda::Function
    Properties: {Handler: app.handler, Runtime: python3.12, Timeout: 60, Code: src/, Environment: {Variables: {REGION: north}}}
  Morning:
    Type: AWS::Events::Rule
    Properties:
      ScheduleExpression: cron(0 7 ? * MON-FRI *)
      Targets: [{Id: a, Arn: ARN, Input: '{"part": 1}'}]
  Daily:
    Type: AWS::Scheduler::Schedule
    Properties:
      ScheduleExpression: cron(0 9 * * ? *)
      ScheduleExpressionTimezone: Europe/Paris
      Target: {Arn: ARN}
  Off:
    Type: AWS::Events::Rule
    Properties: {ScheduleExpression: 'cron(0 7 * * ? *)', State: DISABLED, Targets: [{Arn: ARN}]}
  Other:
    Type: AWS::Events::Rule
    Properties: {ScheduleExpression: 'cron(0 7 * * ? *)', Targets: [{Arn: 'arn:aws:states:x'}]}
  Pattern:
    Type: AWS::Events::Rule
    Properties: {EventPattern: {source: [aws.s3]}}
"""


@pytest.mark.parametrize(
    "arn",
    ["!GetAtt Sales.Arn", "!GetAtt [Sales, Arn]", "{'Fn::GetAtt': [Sales, Arn]}", "{'Fn::GetAtt': Sales.Arn}"],
)
def test_a_rule_starts_the_function_that_it_names_in_any_of_the_ways_to_name_one(arn):
    found = list(read_template(RULES.replace("ARN", arn), "/srv/app/template.yaml"))
    morning, daily, off, other = found

    assert (morning.when.expressions, morning.when.zone, morning.place.line) == (("0 7 * * MON-FRI",), "UTC", 9)
    assert morning.command == """python -c 'from app import handler; handler({'"'"'part'"'"': 1}, None)'"""
    assert (morning.folder, morning.environment) == ("/srv/app/src", {"REGION": "north"})
    assert (daily.when.expressions, daily.when.zone) == (("0 9 * * *",), "Europe/Paris")
    assert [("disabled" in one.reason, "no function" in one.reason) for one in (off, other)] == [
        (True, False),
        (False, True),
    ]
