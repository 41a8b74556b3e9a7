from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_daybreak.containers.spec import ContainerSpec, output_folders
from airflow_provider_daybreak.containers.tarball import Entry
from airflow_provider_daybreak.exceptions import ContainerOutputError


def test_each_folder_that_outputs_lie_in_is_one_volume():
    outputs = {"pdf": "/out/report.pdf", "data": "/out/data/a.csv", "log": "/work/logs/x.log"}

    assert output_folders(outputs) == ("/out", "/work/logs")


def test_a_folder_that_is_mounted_is_no_volume():
    assert output_folders({"a": "/data/x/a"}, mounts=["/data"]) == ()


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("report.pdf", "expected an absolute path, such as /out/report.pdf"),
        ("/out/../etc/passwd", "expected an absolute path, such as /out/report.pdf"),
        ("/report.pdf", "expected a path in a folder, such as /out/report.pdf"),
        ("/", "expected a path in a folder, such as /out/report.pdf"),
        ("/tmp/report.pdf", "that folder is in memory and gone when the container has ended. Write it to /out"),
    ],
)
def test_an_output_lies_where_it_can_be_taken_from(path, problem):
    with pytest.raises(ContainerOutputError) as raised:
        output_folders({"pdf": path}, tmpfs=["/tmp"])

    assert str(raised.value) == f"Cannot take output 'pdf' from {path!r}: {problem}."


def test_only_what_is_used_becomes_a_volume():
    assert ContainerSpec("image", "sha256:1").volumes == []
    assert ContainerSpec(
        "image", "sha256:1", inputs=[Entry.of("a", b"")], secrets={"b": ""}, result="/out/result.json"
    ).volumes == ["/in", "/run/secrets", "/out"]


def test_other_work_has_another_digest_and_a_secret_has_none():
    work = ContainerSpec(
        "image", "sha256:1", command=["a"], outputs={"x": "/out/x"}, asked="1", secrets={"token": "s3cret"}
    )

    assert replace(work, secrets={"token": "other"}).digest == work.digest
    for other in ({"image_id": "sha256:2"}, {"command": ["b"]}, {"outputs": {}}, {"asked": "2"}, {"user": "1"}):
        assert replace(work, **other).digest != work.digest
    assert "s3cret" not in repr(work)
