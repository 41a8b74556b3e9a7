from __future__ import annotations

import pytest

from airflow_provider_daybreak.containers.identity import Identity
from airflow_provider_daybreak.containers.isolation import Isolation
from airflow_provider_daybreak.containers.job import ContainerJob
from airflow_provider_daybreak.containers.pod_manifest import bytes_of, labels_of, named, secret_of, spec_of
from airflow_provider_daybreak.exceptions import InvalidValueError

TEMPLATE = {"metadata": {"namespace": "n"}, "spec": {"containers": [{"name": "base", "image": "x"}]}}
IDENTITY = Identity("file:///reports", "dag" * 40, "run", "task", -1)


def spec(**what):
    return spec_of(TEMPLATE, ContainerJob(image="x", **what), container="base", files_image="f", inputs=())


@pytest.mark.parametrize(
    ("size", "count"), [("512m", 512 << 20), ("2g", 2 << 30), ("1.5k", 1536), (10, 10), ("7b", 7), (None, None)]
)
def test_a_size_is_what_engines_take_it_for_not_milli(size, count):
    assert bytes_of("mem_limit", size) == count


def test_a_size_that_is_none_is_refused_with_an_example():
    with pytest.raises(
        InvalidValueError, match="Invalid mem_limit '1 GB of it': expected bytes, or text such as 512m"
    ):
        bytes_of("mem_limit", "1 GB of it")


def test_a_pod_without_files_has_the_scripts_container_alone():
    assert [each["name"] for each in spec().manifest["spec"]["containers"]] == ["base"]
    assert spec().manifest["spec"]["initContainers"] == []


def test_an_output_in_a_mount_of_the_template_is_taken_from_there():
    mounted = {"name": "base", "image": "x", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    template = {"spec": {"containers": [mounted], "volumes": [{"name": "data", "emptyDir": {}}]}}
    job = ContainerJob(image="x", outputs={"a": "/data/sub/a"})

    pod = spec_of(template, job, container="base", files_image="f", inputs=()).manifest["spec"]

    assert {"name": "data", "mountPath": "/data"} in pod["containers"][-1]["volumeMounts"]
    assert [volume["name"] for volume in pod["volumes"]] == ["daybreak-tmp-0", "data"]


def test_what_tells_whose_a_pod_is_fits_into_labels():
    made = named(spec(), "name", IDENTITY, 2)

    assert all(len(value) <= 63 for value in labels_of(IDENTITY).values())
    assert IDENTITY.made(made["metadata"]["annotations"])


def test_the_value_of_a_secret_does_not_tell_one_work_from_another():
    one, other = (spec(private_environment={"A": value}, secrets={"b": value}) for value in ("x", "y"))

    assert one.digest == other.digest != spec().digest


def test_a_secret_belongs_to_its_pod_alone():
    private = spec(private_environment={"A": "x"}, secrets={"b": "y"})
    secret = secret_of(private, "pod", "uid")

    assert secret["stringData"] == {"env.A": "x", "b": "y"}
    assert secret["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "pod", "uid": "uid"}
    ]
    pod = named(private, "pod", IDENTITY, 1)["spec"]
    assert [volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume] == ["pod"]
    assert {"secretKeyRef": {"name": "pod", "key": "env.A"}} in [
        each.get("valueFrom") for each in pod["containers"][0]["env"]
    ]


@pytest.mark.parametrize("options", ["size=1m", "rw,nosuid,size=1m", "size=1m,mode=1777"])
def test_a_folder_in_memory_is_as_large_as_its_options_say(options):
    pod = spec(isolation=Isolation(tmpfs={"/cache": options})).manifest["spec"]

    assert pod["volumes"] == [
        {"name": "daybreak-tmp-0", "emptyDir": {"medium": "Memory", "sizeLimit": str(1 << 20)}}
    ]
