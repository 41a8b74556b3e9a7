from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import SimpleNamespace

import pytest
from airflow.executors.local_executor import LocalExecutor

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.context.hosts import check_shared, remote_executors
from airflow_provider_daybreak.exceptions import ArchiveNotSharedError, InvalidValueError

ECS = "airflow.providers.amazon.aws.executors.ecs.ecs_executor.AwsEcsExecutor"


class OurLocalExecutor(LocalExecutor):
    """One that somebody wrote for tasks on this host."""


@pytest.mark.parametrize(
    ("option", "remote"),
    [
        ("LocalExecutor", ()),
        ("quick:LocalExecutor", ()),
        (f"{__name__}.OurLocalExecutor", ()),
        ("CeleryExecutor", ("CeleryExecutor",)),
        ("LocalExecutor, KubernetesExecutor", ("KubernetesExecutor",)),
        ("LocalExecutor;team1=CeleryExecutor", ("CeleryExecutor",)),
        (f"LocalExecutor;team1=cloud:{ECS}", (ECS,)),
        (
            "edge:airflow.providers.edge3.executors.EdgeExecutor",
            ("airflow.providers.edge3.executors.EdgeExecutor",),
        ),
        ("nowhere.to.be.Found", ("nowhere.to.be.Found",)),
    ],
)
def test_an_executor_that_does_not_call_itself_local_runs_tasks_elsewhere(monkeypatch, option, remote):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", option)

    assert remote_executors() == remote


def test_a_pod_of_kubernetes_is_elsewhere_whatever_its_configuration_says(monkeypatch):
    monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")

    assert remote_executors()


def test_a_container_that_was_made_for_a_task_is_elsewhere_whatever_its_configuration_says(monkeypatch):
    spec = ModuleSpec("airflow.sdk.execution_time.execute_workload", loader=None)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=spec))

    assert remote_executors()


def test_a_local_archive_is_refused_where_tasks_run_on_several_hosts(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    with pytest.raises(ArchiveNotSharedError) as caught:
        check_shared(Archive(tmp_path))

    assert f"The archive {tmp_path.as_uri()} is a folder of this host" in str(caught.value)
    assert "CeleryExecutor" in str(caught.value)
    assert "[daybreak] archive_is_shared = True" in str(caught.value)


def test_a_local_archive_is_taken_where_all_tasks_run_on_one_host(tmp_path):
    check_shared(Archive(tmp_path))


def test_a_mount_that_all_workers_share_is_taken_once_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE_IS_SHARED", "True")

    check_shared(Archive(tmp_path))


def test_object_storage_is_shared_by_all(monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")

    check_shared(archive_at("s3://aws_default@reports/daybreak"))


def test_whether_a_mount_is_shared_is_yes_or_no(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE_IS_SHARED", "perhaps")

    with pytest.raises(
        InvalidValueError, match=r"\[daybreak\] archive_is_shared 'perhaps': expected True or False"
    ):
        check_shared(Archive(tmp_path))
