"""Jobs of Cloud Scheduler and functions of Lambda as Terraform knows them: ``terraform show -json``, with all variables found out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.jobs.amazon import read_resources
from airflow_provider_daybreak.jobs.clouds import scheduler_job
from airflow_provider_daybreak.jobs.documents import Fields, documents, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.jobs.job import Job, Refusal


def is_state(document: Fields) -> bool:
    """Say whether a document is a state or a plan of Terraform."""
    return "terraform_version" in document and any(key in document for key in ("values", "planned_values"))


def read_state(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield each job of Cloud Scheduler, and each function that a rule or a schedule of EventBridge starts.

    :raises JobsUnreadableError: it is no JSON.
    """
    for document in documents(text, path):
        values = document.fields("values") or document.fields("planned_values")
        found = list(_resources(values.fields("root_module")))
        for resource in found:
            if text_of(resource.get("type")) == "google_cloud_scheduler_job":
                yield scheduler_job(_scheduler(resource.fields("values")), path)
        yield from read_resources(Fields({"Resources": _amazons(found)}), path)


def _resources(module: Fields) -> Iterator[Fields]:
    """Yield the resources of a module, and those of the modules in it."""
    for each in _list(module.get("resources")):
        yield each
    for each in _list(module.get("child_modules")):
        yield from _resources(each)


def _list(said: Any) -> list[Fields]:
    return [each for each in said if isinstance(each, Fields)] if isinstance(said, list) else []


def _first(said: Any) -> Fields:
    """Return a block that stands once: Terraform has each block in a list."""
    return next(iter(_list(said)), Fields())


def _scheduler(said: Fields) -> Fields:
    """Return a job of Cloud Scheduler as its own command line describes it."""
    target, retry = _first(said.get("http_target")), _first(said.get("retry_config"))
    return Fields(
        {
            "name": said.get("name"),
            "schedule": said.get("schedule"),
            "timeZone": said.get("time_zone"),
            "state": "PAUSED" if said.get("paused") is True else "ENABLED",
            "attemptDeadline": said.get("attempt_deadline"),
            "httpTarget": Fields({"uri": target.get("uri"), "httpMethod": target.get("http_method")}),
            "retryConfig": Fields({"retryCount": retry.get("retry_count")}),
        }
    )


def _amazons(found: list[Fields]) -> Fields:
    """Return rules, schedules and functions as a template of CloudFormation has them: one that starts another names it."""
    functions = {
        text_of(each.fields("values").get("arn")): f"function{number}"
        for number, each in enumerate(found)
        if text_of(each.get("type")) == "aws_lambda_function"
    }
    made = Fields()
    for number, each in enumerate(found):
        kind, said = text_of(each.get("type")), each.fields("values")
        if kind == "aws_lambda_function":
            variables = _first(said.get("environment")).fields("variables")
            properties = {
                "FunctionName": said.get("function_name"),
                "Handler": said.get("handler"),
                "Runtime": said.get("runtime"),
                "Timeout": said.get("timeout"),
                "Environment": Fields({"Variables": variables}),
            }
            made[f"function{number}"] = _resource("AWS::Lambda::Function", properties)
        elif kind == "aws_cloudwatch_event_rule" and said.get("schedule_expression"):
            targets = [
                target.fields("values")
                for target in found
                if text_of(target.get("type")) == "aws_cloudwatch_event_target"
                and target.fields("values").get("rule") == said.get("name")
            ]
            off = said.get("is_enabled") is False or said.get("state") == "DISABLED"
            properties = {
                "ScheduleExpression": said.get("schedule_expression"),
                "State": "DISABLED" if off else "ENABLED",
                "Targets": [_target(target, functions) for target in targets] or [Fields()],
            }
            made[text_of(said.get("name"))] = _resource("AWS::Events::Rule", properties)
        elif kind == "aws_scheduler_schedule":
            properties = {
                "ScheduleExpression": said.get("schedule_expression"),
                "ScheduleExpressionTimezone": said.get("schedule_expression_timezone"),
                "State": said.get("state"),
                "Target": _target(_first(said.get("target")), functions),
            }
            made[text_of(said.get("name"))] = _resource("AWS::Scheduler::Schedule", properties)
    return made


def _target(said: Fields, functions: dict[str, str]) -> Fields:
    name = functions.get(text_of(said.get("arn")), "")
    return Fields({"Arn": f"{name}.Arn", "Input": said.get("input")})


def _resource(kind: str, properties: dict[str, Any]) -> Fields:
    return Fields({"Type": kind, "Properties": Fields(properties)})
