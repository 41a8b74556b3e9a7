from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from airflow_provider_daybreak.jobs.job import Fate, Refusal
from airflow_provider_daybreak.jobs.kubernetes import read_cronjobs


def cronjob(*, pod=None, container=None, inner=None, **spec):
    container = {"name": "c", "image": "example/sales:1.2", **(container or {})}
    pod = {"containers": [container], **(pod or {})}
    template = {"spec": {**(inner or {}), "template": {"spec": pod}}}
    spec = {"schedule": "0 7 * * *", "jobTemplate": template, **spec}
    return yaml.safe_dump(
        {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "sales"}, "spec": spec}
    )


def job_of(**said):
    [job] = read_cronjobs(cronjob(**said), "sales.yaml")
    return job


def test_a_cronjob_is_its_container_its_time_and_its_limits():
    job = job_of(
        timeZone="Europe/Berlin",
        concurrencyPolicy="Forbid",
        startingDeadlineSeconds=3600,
        inner={"backoffLimit": 2, "activeDeadlineSeconds": 600},
        container={
            "command": ["python"],
            "args": ["sales.py", "--day", 1],
            "env": [{"name": "REGION", "value": "north"}],
            "resources": {"limits": {"cpu": "500m", "memory": "512Mi"}},
        },
    )

    assert (job.name, job.when.expressions, job.when.zone) == ("sales", ("0 7 * * *",), "Europe/Berlin")
    assert job.container.image == "example/sales:1.2"
    assert job.container.command == ("python", "sales.py", "--day", "1")
    assert job.container.environment == {"REGION": "north"}
    assert job.container.options == {"cpus": 0.5, "mem_limit": "512m"}
    assert (job.timeout, job.deadline) == (timedelta(minutes=10), timedelta(hours=1))
    assert (job.retries, job.overlaps) == (2, False)
    assert job.notes == ()


def test_without_a_zone_it_is_utc_and_that_is_said():
    job = job_of()

    assert job.when.zone == "UTC"
    assert [note.what for note in job.notes] == ["timeZone"]


def test_a_zone_in_the_schedule_counts():
    assert job_of(schedule="CRON_TZ=Asia/Tokyo 0 7 * * *").when.zone == "Asia/Tokyo"


def test_what_comes_from_the_cluster_is_refused_by_name():
    job = job_of(
        timeZone="UTC",
        container={
            "env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}}],
            "envFrom": [{"configMapRef": {"name": "sales"}}],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        },
        pod={"initContainers": [{"name": "i"}], "serviceAccountName": "sales"},
    )

    assert [(note.fate, note.what) for note in job.notes] == [
        (Fate.REFUSED, "env DB"),
        (Fate.REFUSED, "envFrom"),
        (Fate.REFUSED, "volumeMounts"),
        (Fate.REFUSED, "initContainers"),
        (Fate.REFUSED, "serviceAccountName"),
    ]


def test_replacing_and_a_suspended_job_are_said():
    job = job_of(timeZone="UTC", concurrencyPolicy="Replace", suspend=True)

    assert not job.overlaps
    assert [note.what for note in job.notes] == ["concurrencyPolicy: Replace", "suspend: true"]


def test_a_pod_of_two_containers_is_refused():
    job = job_of(pod={"containers": [{"name": "a", "image": "a"}, {"name": "b", "image": "b"}]})

    assert isinstance(job, Refusal)
    assert job.reason == "Its pod has 2 containers: a task runs one. Write a task for each."


@pytest.mark.parametrize("schedule", ["*/5 * * * *", "@every 1h", "", "whenever"])
def test_a_schedule_that_is_none_is_refused(schedule):
    assert isinstance(job_of(schedule=schedule), Refusal)


def test_other_objects_are_left_alone():
    text = f"kind: Secret\n---\n{cronjob()}---\nkind: List\nitems:\n- kind: Service\n---\n[]\n---\njust text\n"

    assert [job.name for job in read_cronjobs(text, "all.yaml")] == ["sales"]


@pytest.mark.parametrize(
    "spec", ["", "spec: 3", "spec: {jobTemplate: []}", "spec: {schedule: [1]}", "metadata: x"]
)
def test_what_has_another_shape_is_refused_or_nothing(spec):
    assert all(isinstance(job, Refusal) for job in read_cronjobs(f"kind: CronJob\n{spec}\n", "x.yaml"))
