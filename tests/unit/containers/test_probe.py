from __future__ import annotations

import pytest

from airflow_provider_daybreak.containers.probe import command_of, pythons_of, variables_of

IMAGE = {"Config": {"Entrypoint": ["entry"], "Cmd": ["a", "b"], "Env": ["PATH=/bin", "EMPTY=", "A=b=c"]}}


@pytest.mark.parametrize(
    ("entrypoint", "command", "words"),
    [
        (None, None, ["entry", "a", "b"]),
        (None, "x 'y z'", ["entry", "x", "y z"]),
        (["own"], None, ["own"]),
        ("own -v", ["x"], ["own", "-v", "x"]),
    ],
)
def test_a_command_is_what_the_engine_would_execute(entrypoint, command, words):
    assert command_of(IMAGE, entrypoint, command) == words


def test_an_image_that_says_nothing_executes_nothing():
    assert command_of({}, None, None) == []
    assert variables_of({}) == {}


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        (["python3.12", "a.py"], ["python3.12", "python3", "python"]),
        (["/opt/venv/bin/python", "a.py"], ["/opt/venv/bin/python", "python3", "python"]),
        (["sh", "-c", "python x"], ["python3", "python"]),
        (["pythonize"], ["python3", "python"]),
        ([], ["python3", "python"]),
    ],
)
def test_the_commands_own_python_is_the_likeliest(command, programs):
    assert pythons_of(command) == programs


def test_variables_of_an_image_may_hold_an_equals_sign():
    assert variables_of(IMAGE) == {"PATH": "/bin", "EMPTY": "", "A": "b=c"}
