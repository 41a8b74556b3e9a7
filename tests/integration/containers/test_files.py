"""Files in and out by archive copy."""

from __future__ import annotations

import hashlib

import pytest

from airflow_provider_daybreak.exceptions import ContainerInputError, ContainerOutputError, InvalidValueError
from airflow_provider_daybreak.operators.docker import CopyLimits, File, ScriptDockerOperator
from airflow_provider_daybreak.version_compat import AirflowFailException

pytestmark = pytest.mark.engine


def test_files_go_in_and_come_out_into_the_archive(run, content, tmp_path):
    (tmp_path / "figures.csv").write_text("1,2\n")

    result = run(
        "cat /in/title.txt /in/data/figures.csv > /out/report.txt; echo done",
        inputs={"title.txt": "Today\n", "data/figures.csv": File(tmp_path / "figures.csv")},
        outputs={"report": "/out/report.txt"},
    )

    assert result["exit_code"] == 0
    assert result["last_line"] == "done"
    output = result["outputs"]["report"]
    assert content(output) == b"Today\n1,2\n"
    assert output["bytes"] == 10
    assert output["sha256"] == hashlib.sha256(b"Today\n1,2\n").hexdigest()
    assert output["uri"].endswith("/report.txt")


def test_a_folder_comes_out_file_by_file(run, content):
    result = run("mkdir -p /out/d/e; echo 1 >/out/d/1; echo 2 >/out/d/e/2", outputs={"d": "/out/d"})

    assert {name: content(output) for name, output in result["outputs"].items()} == {
        "d/1": b"1\n",
        "d/e/2": b"2\n",
    }


def test_a_value_comes_out_of_a_json_file(run):
    result = run("""echo '{"rows": [1, 2]}' > /out/result.json""", result="/out/result.json")

    assert result["result"] == {"rows": [1, 2]}
    assert result["outputs"] == {}


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("true", "the container ended well, and wrote no such file"),
        ("echo '{' > /out/result.json", "it is no JSON"),
        ("head -c 60000 /dev/zero > /out/result.json", "more than 49152 bytes in all"),
        ("ln -s /etc/passwd /out/result.json", "is a symbolic link to '/etc/passwd'"),
    ],
)
def test_a_result_that_is_none_is_an_error(run, script, problem):
    with pytest.raises(
        ContainerOutputError, match=f"Cannot take output 'result' from '/out/result.json': .*{problem}"
    ):
        run(script, result="/out/result.json")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("true", "the container ended well, and wrote no such file"),
        (
            "ln -s /etc/passwd /out/x",
            "'x' is a symbolic link to '/etc/passwd', and only regular files are taken",
        ),
        ("mkfifo /out/x", "'x' is a device or a pipe, and only regular files are taken"),
        ("mkdir /out/x", "the folder holds no file"),
        (
            "mkdir /out/x; ln -s ../../../etc/passwd /out/x/y",
            "'x/y' is a symbolic link to '../../../etc/passwd'",
        ),
        ("mkdir /out/x; echo 1 >/out/x/a; ln /out/x/a /out/x/b", "'x/b' is a hard link to 'x/a'"),
        ("mkdir /out/x; for n in 1 2 3 4 5 6; do echo $n >/out/x/$n; done", "more than 5 files in all"),
        ("head -c 2000 /dev/zero > /out/x", "it would make more than 1000 bytes in all"),
        ("truncate -s 8G /out/x", "it would make more than 1000 bytes in all"),
        ("mkdir /out/x; touch '/out/x/a\nb'", "is not a path without control characters"),
    ],
)
def test_an_output_that_may_not_come_out_is_an_error(run, volumes, script, problem):
    with pytest.raises(ContainerOutputError) as raised:
        run(script, outputs={"it": "/out/x"}, copy_limits=CopyLimits(files=5, bytes=1000))

    assert str(raised.value).startswith("Cannot take output 'it' from '/out/x': ")
    assert problem in str(raised.value)
    assert volumes() == set()


def test_an_input_that_is_missing_is_an_error_before_a_container_is_made(run, tmp_path):
    with pytest.raises(AirflowFailException) as raised:
        run("true", inputs={"a": File(tmp_path / "gone")})

    assert isinstance(raised.value.__cause__, ContainerInputError)


def test_what_a_parameter_says_is_never_the_path_of_a_file(make_context, dag_id, tmp_path):
    (tmp_path / "secret").write_text("of the worker")
    context = make_context(
        dag_id=dag_id, task_id="work", run_id="run", params={"text": (tmp_path / "secret").as_uri()}
    )
    operator = ScriptDockerOperator(
        task_id="work", image="python:3.12-slim", command="true", inputs={"a": "{{ params.text }}"}
    )
    operator.render_template_fields(context)

    with pytest.raises(AirflowFailException, match="expected File"):
        operator.execute(context)

    with pytest.raises(InvalidValueError, match="expected File"):
        ScriptDockerOperator(task_id="work", image="python:3.12-slim", inputs={"a": "file:///etc/passwd"})


def test_the_path_of_a_file_may_be_a_template(make_context, dag_id, tmp_path, archive):
    (tmp_path / "2026-03-29.csv").write_text("1,2")
    context = make_context(dag_id=dag_id, task_id="work", run_id="run", params={"day": "2026-03-29"})
    operator = ScriptDockerOperator(
        task_id="work",
        image="python:3.12-slim",
        command=["cat", "/in/a"],
        archive=archive,
        inputs={"a": File(f"{tmp_path}/{{{{ params.day }}}}.csv")},
    )
    operator.render_template_fields(context)

    assert operator.execute(context)["last_line"] == "1,2"


def test_an_input_that_was_tampered_with_does_not_go_in(run, tmp_path, volumes):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a").write_text("changed")
    artifact = {"uri": (tmp_path / "archive" / "a").as_uri(), "sha256": "0" * 64, "bytes": 7}

    with pytest.raises(AirflowFailException, match="it is not the file that was archived"):
        run("true", inputs={"a": artifact})

    assert volumes() == set()


def test_what_the_engine_does_not_follow_to_its_end_is_read_when_the_container_has_ended(run, monkeypatch):
    from airflow_provider_daybreak.containers.container import Container

    frames = Container._frames
    monkeypatch.setattr(
        Container, "_frames", lambda self, *, follow: iter(()) if follow else frames(self, follow=follow)
    )

    assert run("printf 'a\\nlast'")["last_line"] == "last"
