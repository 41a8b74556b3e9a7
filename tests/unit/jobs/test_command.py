"""Wrappers of a shell, which are read one level deep; lines.txt has all that needs no file."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.jobs.command import understand
from airflow_provider_daybreak.jobs.job import Job, Place, When


@pytest.fixture
def wrapped(tmp_path):
    """Return a function that writes a wrapper, and returns what a line that runs it comes to."""

    def write(text, line="{}"):
        (tmp_path / "run.sh").write_text(text)
        command = line.format(tmp_path / "run.sh")
        return understand(Job(Place("crontab", 1, command), When(("0 9 * * *",)), command=command))

    return write


@pytest.mark.parametrize(
    "here",
    [
        '"$(dirname "$0")"',
        "$(dirname $0)",
        '"$(dirname "${BASH_SOURCE[0]}")"',
        '"$(dirname -- "$0")"',
        "${0%/*}",
    ],
)
def test_a_wrapper_is_what_it_is_around(wrapped, tmp_path, here):
    task = wrapped(
        f"#!/bin/bash\n# sales\nset -euo pipefail\ncd {here}\nsource venv/bin/activate\nexport REGION=north\npython sales.py --all >> sales.log 2>&1\n"
    )

    assert (task.command, task.folder, task.venv) == (
        ("sales.py", "--all"),
        str(tmp_path),
        str(tmp_path / "venv"),
    )
    assert task.environment == {"REGION": "north"}
    assert task.notes[0].what == str(tmp_path / "run.sh")


@pytest.mark.parametrize(
    "text",
    [
        'python sales.py "$1"\n',
        "python one.py\npython two.py\n",
        "if true; then python x.py; fi\n",
        "./other.sh\n",
        "echo 'never closed\n",
        "",
        "# nothing\n",
        "./run.sh\n",
    ],
)
def test_what_is_more_than_one_command_runs_as_it_is(wrapped, text):
    assert wrapped(text).command == ("run.sh",)


def test_a_wrapper_that_is_given_arguments_runs_as_it_is(wrapped):
    assert wrapped("python sales.py\n", "{} --all").command == ("run.sh", "--all")


@pytest.mark.parametrize("given", ['"$@"', '"$*"', '"${@}"', '${1+"$@"}'])
def test_a_wrapper_that_hands_its_arguments_on_is_what_it_is_around(wrapped, given):
    assert wrapped(f"python sales.py --all {given}\n").command == ("sales.py", "--all")
    assert wrapped(f"python sales.py {given}\n", "{} --day 'a b'").command == ("sales.py", "--day", "a b")


def test_a_wrapper_that_a_shell_is_given_is_one_too(wrapped):
    assert wrapped("python sales.py\n", "bash {}").command == ("sales.py",)


def test_a_wrapper_that_goes_to_its_own_folder_needs_all_of_it(wrapped):
    assert wrapped('cd "$(dirname "$0")"\npython one.py\npython two.py\n').alone is False
    assert wrapped("echo one\necho two\n").alone is True


def test_a_wrapper_that_is_no_text_runs_as_it_is(wrapped, tmp_path):
    wrapped("x")
    (tmp_path / "run.sh").write_bytes(b"\xff\xfe")

    command = str(tmp_path / "run.sh")
    assert understand(Job(Place("crontab", 1, command), When(("0 9 * * *",)), command=command)).command == (
        "run.sh",
    )
