"""How a container that fails is reported."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import ContainerFailedError, ContainerLogTooLargeError
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException

pytestmark = pytest.mark.engine


def test_a_failure_says_the_exit_code_and_the_last_lines_on_stderr(run, volumes):
    with pytest.raises(ContainerFailedError) as raised:
        run("echo working; echo 'no such table: sales' >&2; exit 3", outputs={"x": "/out/x"})

    assert "of image 'python:3.12-slim' failed: exit code 3.\nThe last it wrote:\nno such table: sales" in str(
        raised.value
    )
    assert volumes() == set()


def test_a_container_that_needs_too_much_memory_is_told_its_limit(run):
    with pytest.raises(ContainerFailedError, match="than its limit of 32 MiB. Raise mem_limit"):
        run(command=["python", "-c", "x = bytearray(10**8)"], mem_limit="32m")


def test_a_container_that_forks_without_end_is_held_and_ended(run, volumes):
    script = "import os, time\nwhile os.fork():\n    pass\ntime.sleep(600)"

    with pytest.raises(ContainerFailedError, match="Resource temporarily unavailable"):
        run(command=["python", "-c", script], pids_limit=20)
    assert volumes() == set()


def test_a_command_that_is_not_in_the_image_is_named(run):
    with pytest.raises(
        AirflowFailException, match="cannot execute .'no-such-program'.: No such file or directory"
    ):
        run(command=["no-such-program"])


def test_a_command_that_its_shell_does_not_find_is_named(run):
    with pytest.raises(ContainerFailedError, match="exit code 127: its shell did not find a command"):
        run("no-such-program")


def test_a_container_that_writes_without_end_is_stopped(run):
    with pytest.raises(AirflowFailException) as raised:
        run("yes", log_limit=1 << 14)

    assert isinstance(raised.value.__cause__, ContainerLogTooLargeError)


def test_an_exit_code_can_mean_skip(run):
    with pytest.raises(AirflowSkipException, match="ended with exit code 99"):
        run("exit 99", skip_on_exit_code=99)


def test_a_warning_on_stderr_is_no_result(run):
    assert run("echo result; echo 'a late warning' >&2")["last_line"] == "result"
