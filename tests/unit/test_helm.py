"""The values for Airflow's chart and the pod template: keys that there are, settings that there are, and volumes that are mounted."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from airflow_provider_daybreak.get_provider_info import get_provider_info
from tests.kubernetes import check_fields

HELM = Path(__file__).parents[2] / "docs" / "helm"
VALUES = yaml.safe_load((HELM / "values.yaml").read_text())
POD = yaml.safe_load((HELM / "pod-template.yaml").read_text())
CHART_1_15 = {
    "airflowVersion": None, "config": None, "data": {"metadataSecretName"}, "env": None, "executor": None,
    "fernetKeySecretName": None, "images": {"airflow"}, "postgresql": {"enabled"}, "secret": None, "volumeMounts": None,
    "volumes": None,
}  # fmt: skip
"""Keys of the chart of version 1.15 that are used here, and what may stand below them; anything where None."""


def test_every_key_is_one_that_the_chart_has():
    assert VALUES.keys() <= CHART_1_15.keys()
    for key, below in CHART_1_15.items():
        assert below is None or VALUES[key].keys() <= below
    assert VALUES["images"]["airflow"].keys() <= {"repository", "tag", "digest", "pullPolicy"}
    assert all(each.keys() == {"envName", "secretName", "secretKey"} for each in VALUES["secret"])


def test_every_setting_of_ours_is_one_that_there_is():
    options = get_provider_info()["config"]["daybreak"]["options"]

    assert VALUES["config"]["daybreak"].keys() <= options.keys()
    named = [each["envName"] for each in VALUES["secret"] if each["envName"].startswith("AIRFLOW__DAYBREAK__")]
    assert [name.rpartition("__")[2].lower() for name in named] == ["release_key"]
    assert "release_key" in options


def test_every_volume_is_mounted_where_a_setting_looks_for_it():
    mounts = {each["name"]: each["mountPath"] for each in VALUES["volumeMounts"]}
    dotenv = json.loads(VALUES["config"]["secrets"]["backend_kwargs"])["path"]

    assert mounts.keys() == {each["name"] for each in VALUES["volumes"]}
    assert dotenv == f"{mounts['dotenv']}/.env"
    assert VALUES["config"]["daybreak"]["releases"].startswith(f"{mounts['work']}/")
    assert VALUES["env"][0]["value"].startswith(f"{mounts['uv-cache']}/")


def test_the_dotenv_is_mounted_as_the_backend_takes_it():
    [dotenv] = [each["secret"] for each in VALUES["volumes"] if each["name"] == "dotenv"]
    module, _, name = VALUES["config"]["secrets"]["backend"].rpartition(".")

    assert dotenv["defaultMode"] == 0o440
    assert hasattr(import_module(module), name)


def test_every_key_of_the_pod_template_is_one_of_the_api():
    pytest.importorskip("kubernetes")

    check_fields(POD, "V1Pod")


def test_the_pod_template_writes_in_its_own_folders_alone():
    [container] = POD["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    empty = [mounts[each["name"]] for each in POD["spec"]["volumes"] if "emptyDir" in each]

    assert container["name"] == "base"
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert sorted(empty) == ["/tmp", "/work"]
    for name in ("AIRFLOW_HOME", "AIRFLOW__DAYBREAK__RELEASES", "UV_CACHE_DIR"):
        assert env[name].startswith("/work/")
    assert json.loads(env["AIRFLOW__SECRETS__BACKEND_KWARGS"])["path"] == f"{mounts['dotenv']}/.env"
