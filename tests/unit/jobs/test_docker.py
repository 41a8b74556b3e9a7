from __future__ import annotations

import shlex

import pytest

from airflow_provider_daybreak.jobs.docker import read
from airflow_provider_daybreak.jobs.job import Fate


def run_of(line):
    return read(tuple(shlex.split(line)), folder="/srv/app")


def test_options_that_the_operator_has_are_its_arguments():
    run = run_of(
        "docker run --network=host -u 1000 -w /app --memory 1g --cpus 1.5 --entrypoint python sales:1 x.py"
    )

    assert run.options == {
        "network_mode": "host",
        "user": "1000",
        "working_dir": "/app",
        "mem_limit": "1g",
        "cpus": 1.5,
        "entrypoint": "python",
    }
    assert (run.image, run.command, run.notes) == ("sales:1", ("x.py",), ())


def test_files_of_variables_are_found_from_the_folder():
    assert run_of("docker run --env-file sales.env --env-file=/etc/x.env sales").env_files == (
        "/srv/app/sales.env",
        "/etc/x.env",
    )


@pytest.mark.parametrize(
    "option",
    ["-v /a:/b", "--mount type=bind,src=/a,dst=/b", "--privileged", "-d", "-p 80:80", "--gpus all", "--cpus x"],
)
def test_what_the_operator_does_not_do_is_refused_by_name(option):
    [note] = run_of(f"docker run {option} sales").notes

    assert (note.fate, note.what) == (Fate.REFUSED, option)


def test_a_long_form_of_the_command_is_the_same():
    assert run_of("docker container run --rm sales").image == "sales"


@pytest.mark.parametrize(
    "line", ["docker exec app ls", "docker run", "docker run --rm", "docker compose run app"]
)
def test_what_runs_no_image_is_none_of_it(line):
    assert run_of(line) is None
