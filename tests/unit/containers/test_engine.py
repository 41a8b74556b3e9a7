from __future__ import annotations

import socket

from airflow_provider_daybreak.containers.engine import cannot_execute, diagnose, unavailable


def test_an_engine_that_was_never_started_is_told_from_one_that_is_down(tmp_path):
    path = tmp_path / "docker.sock"

    assert "there is no such file: start the engine" in diagnose(f"unix://{path}")
    path.touch()
    assert diagnose(f"unix://{path}") == "that is no socket"
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
    assert "nobody answers there" in diagnose(f"unix://{path}")


def test_a_socket_may_be_named_with_two_slashes_or_three():
    assert diagnose("unix://var/run/gone.sock") == diagnose("unix:///var/run/gone.sock")


def test_the_error_names_every_address_and_the_next_step():
    error = unavailable(["unix:///gone.sock", "tcp://engine:2375"], "refused")

    assert str(error).startswith(
        "No container engine answers. Tried unix:///gone.sock (there is no such file: "
    )
    assert "tcp://engine:2375 (is it up, is the port right," in str(error)
    assert str(error).endswith("Then see what answers with: airflow daybreak check")


def test_a_command_that_can_not_run_is_told_from_other_refusals():
    refused = 'OCI runtime create failed: exec: "foo": executable file not found in $PATH: unknown'

    assert cannot_execute(refused) == "executable file not found in $PATH: unknown"
    assert cannot_execute("[FATAL tini (7)] exec foo failed: No such file") == "No such file"
    assert cannot_execute("Conflict. The container name is in use") is None
