from __future__ import annotations

import re
from pathlib import Path

import pytest
from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG

from airflow_provider_daybreak.exceptions import EngineUnavailableError, InvalidValueError
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.version_compat import AirflowSkipException

DOCUMENT = Path(__file__).parents[3] / "docs" / "containers.md"
EXAMPLES = re.findall(r"```python\n(.+?)```", DOCUMENT.read_text(), re.DOTALL)
GONE = "unix:///nowhere/docker.sock"


def test_it_is_a_docker_operator():
    assert issubclass(ScriptDockerOperator, DockerOperator)


@pytest.mark.parametrize(
    ("argument", "alternative"),
    [
        ("retrieve_output", "result='/out/result.json' for a value"),
        ("mount_tmp_dir", "inputs={…} and outputs={…} move files"),
        ("xcom_all", "outputs={…} moves what is written"),
    ],
)
def test_what_could_harm_the_worker_is_refused_with_the_alternative(argument, alternative):
    with pytest.raises(InvalidValueError, match=f"Invalid {argument} True: expected .*{alternative}"):
        ScriptDockerOperator(task_id="t", image="x", **{argument: True})


def test_an_engine_that_is_away_is_an_error_with_the_address_and_the_next_step(make_context, caplog):
    operator = ScriptDockerOperator(task_id="t", image="x", docker_url=GONE)

    with pytest.raises(
        EngineUnavailableError, match="Tried unix:///nowhere/docker.sock .there is no such file"
    ):
        operator.execute(make_context())

    assert [
        record for record in caplog.records if record.levelname == "ERROR"
    ] == []  # Airflow logs the sentence


def test_an_engine_that_is_away_skips_the_task_where_that_is_asked_for(make_context):
    operator = ScriptDockerOperator(task_id="t", image="x", docker_url=GONE, skip_if_unavailable=True)

    with pytest.raises(AirflowSkipException, match="No container engine answers"):
        operator.execute(make_context())


def test_a_secret_is_in_no_field_of_the_task(make_context):
    from airflow.serialization.serialized_objects import DagSerialization

    with DAG("secretive", schedule=None) as dag:
        operator = ScriptDockerOperator(
            task_id="t",
            image="x",
            secrets={"token": "{{ 'canary' * 2 }}"},
            private_environment={"TOKEN": "canary"},
        )
    operator.render_template_fields(make_context())

    assert operator._secrets(make_context()) == {"token": "canarycanary"}
    assert "canary" not in str(DagSerialization.to_dict(dag))
    assert not any("canary" in str(getattr(operator, field)) for field in operator.template_fields)


@pytest.mark.parametrize(("environment", "home"), [({}, "/tmp"), ({"HOME": "/srv"}, "/srv")])
def test_the_home_that_an_env_file_names_is_the_containers(tmp_path, monkeypatch, environment, home):
    monkeypatch.setenv("HOME", "/home/worker")
    (tmp_path / ".env").write_text("DATA=${HOME}/data\n")
    (tmp_path / ".env").chmod(0o600)
    operator = ScriptDockerOperator(
        task_id="t", image="x", env_file=str(tmp_path / ".env"), environment=environment
    )

    assert operator._variables_of_file() == {"DATA": f"{home}/data"}


def test_what_a_container_is_given_in_private_is_masked_in_logs(tmp_path, monkeypatch, make_context):
    masked = []
    monkeypatch.setattr("airflow.sdk.log.mask_secret", masked.append)
    (tmp_path / ".env").write_text("PASSWORD=canary-of-a-file\nDEBUG=true\n")
    (tmp_path / ".env").chmod(0o600)
    for env_file in (str(tmp_path / ".env"), "LINE=canary-of-line-1\nREGION=south"):
        operator = ScriptDockerOperator(
            task_id="t",
            image="x",
            command="true",
            env_file=env_file,
            private_environment={"TOKEN": "canary-in-private"},
        )
        operator._job(make_context())

    assert set(masked) == {"canary-of-a-file", "canary-of-line-1", "canary-in-private"}


@pytest.mark.parametrize("rendered", [False, True])
def test_mounts_are_taken_as_mounts_and_as_their_arguments(make_context, rendered):
    from docker.types import Mount

    with DAG("mounting", schedule=None):
        operator = ScriptDockerOperator(
            task_id="t",
            image="x",
            mounts=[
                Mount(target="/data", source="data-{{ 1 + 1 }}"),
                {"target": "/more", "source": "more", "type": "volume", "read_only": True},
            ],
        )
    if rendered:
        operator.render_template_fields(make_context())

    host = operator._host()

    assert [(mount["Target"], mount["ReadOnly"]) for mount in host["mounts"]] == [
        ("/data", False),
        ("/more", True),
    ]
    assert host["mounts"][0]["Source"] == ("data-2" if rendered else "data-{{ 1 + 1 }}")


def test_killing_a_task_that_runs_nothing_does_nothing():
    ScriptDockerOperator(task_id="t", image="x").on_kill()


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_documentations_examples_make_tasks(example):
    with DAG("documented", schedule=None) as dag:
        exec(compile(example, "containers.md", "exec"), {})

    assert all(isinstance(task, ScriptDockerOperator) for task in dag.tasks)
    assert dag.tasks
