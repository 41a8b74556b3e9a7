from __future__ import annotations

import pytest

from airflow_provider_daybreak.containers.exit_status import ExitStatus

FOR_MEMORY = "for using more memory than its limit of 64 MiB. Raise mem_limit, or let it work on less at a time"


def inspected(exit_code, *, oom=False, memory=0, error=""):
    return {
        "State": {"ExitCode": exit_code, "OOMKilled": oom, "Error": error},
        "HostConfig": {"Memory": memory},
    }


@pytest.mark.parametrize(
    ("engine_says", "sentence"),
    [
        (inspected(3), "exit code 3"),
        (inspected(143), "SIGTERM ended it (exit code 143)"),
        (inspected(137), "SIGKILL ended it (exit code 137)"),
        (
            inspected(137, oom=True, memory=64 * 2**20),
            f"it was killed {FOR_MEMORY}",
        ),
        (
            inspected(1, oom=True, memory=64 * 2**20),
            f"exit code 1, after a kill {FOR_MEMORY}",
        ),
        (inspected(127), "exit code 127: its shell did not find a command"),
        (inspected(126), "exit code 126: a command of it is there, but can't be executed"),
        (inspected(128, error="no such device"), "exit code 128, and the engine says: no such device"),
        (inspected(255), "exit code 255"),
    ],
)
def test_how_a_container_ended_is_said_in_words(engine_says, sentence):
    assert str(ExitStatus.of(engine_says)) == sentence
