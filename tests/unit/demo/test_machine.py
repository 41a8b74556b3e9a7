"""What the demo takes from a machine, and what it leaves there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from demo import chain
from demo.api import AirflowFailedError
from demo.machine import check_room, own_environment
from demo.ports import free_port, own_port
from demo.setting import write_commands

FOR_OTHERS = {
    "AIRFLOW_HOME": "/elsewhere",
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "_AIRFLOW_WWW_USER_CREATE": "true",
    "PYTHONPATH": "/elsewhere",
    "PYTHONWARNINGS": "error",
}


def test_what_a_shell_sets_for_another_airflow_does_not_reach_this_one(tmp_path):
    env = own_environment(
        {**FOR_OTHERS, "HOME": str(tmp_path), "no_proxy": "example.org", "https_proxy": "http://proxy"},
        tmp_path,
    )

    assert not FOR_OTHERS.keys() & env.keys()
    assert env["no_proxy"] == "example.org,localhost,127.0.0.1"
    assert env["NO_PROXY"] == "localhost,127.0.0.1"
    assert env["https_proxy"] == "http://proxy"


def test_its_commands_are_the_same_in_a_shell_that_is_set_for_another_airflow(tmp_path):
    write_commands(tmp_path / "bin", {"AIRFLOW_HOME": str(tmp_path)})
    command = (tmp_path / "bin" / "airflow").read_text().rpartition("exec ")[0]

    shown = subprocess.run(
        ["sh", "-c", f"{command}env"],
        env={**FOR_OTHERS, "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert f"AIRFLOW_HOME={tmp_path}\n" in shown
    assert not any(f"{name}=" in shown for name in FOR_OTHERS if name not in ("AIRFLOW_HOME", "PYTHONWARNINGS"))


def test_a_package_index_that_is_set_for_pip_is_meant_for_uv_too(tmp_path):
    assert own_environment({"PIP_INDEX_URL": "https://index"}, tmp_path)["UV_DEFAULT_INDEX"] == "https://index"
    both = {"PIP_INDEX_URL": "https://index", "UV_DEFAULT_INDEX": "https://other"}
    assert own_environment(both, tmp_path)["UV_DEFAULT_INDEX"] == "https://other"


def test_caches_go_into_the_demo_where_a_home_takes_none(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) == tmp_path)

    assert own_environment({"HOME": str(tmp_path / "absent")}, tmp_path).get("XDG_CACHE_HOME") is None
    assert own_environment({"HOME": "/absent"}, tmp_path)["XDG_CACHE_HOME"] == str(tmp_path / "cache")


def test_a_full_disk_is_refused_with_what_is_left(tmp_path, monkeypatch):
    check_room(tmp_path, 1)
    with pytest.raises(
        AirflowFailedError, match=rf"^'{tmp_path}' has \d+ MB left. Expected 999999999 MB or more"
    ):
        check_room(tmp_path, 999_999_999)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(AirflowFailedError, match="another folder as TMPDIR"):
        check_room(tmp_path / "absent", 999_999_999)


def test_a_port_that_another_demo_holds_is_told_by_its_folder_though_nobody_listens_there_yet():
    wanted = free_port()
    with own_port(wanted) as first, own_port(wanted) as second:
        assert first == (wanted, "")
        port, taken = second
        assert port != wanted
        assert taken == f"the demo in {Path.cwd()} (http://localhost:{wanted}, process {os.getpid()})"
    with own_port(wanted) as again:
        assert again == (wanted, "")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0"])
def test_a_port_is_taken_whichever_of_this_machines_addresses_has_it(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as taken:
        wanted = taken.getsockname()[1]
        with own_port(wanted) as (port, by):
            assert port != wanted
            assert by == "another program"


@pytest.mark.parametrize("name", ["what?", "a:b", "${NAME}", "$HOME"])
def test_a_folder_whose_name_means_something_to_airflow_is_refused(tmp_path, name):
    with pytest.raises(AirflowFailedError, match="Expected a name without"):
        chain._check_name(tmp_path / name)


@pytest.mark.parametrize("name", ["it's", "#1", "50%", "ümläut", "a & b", "x" * 150])
def test_a_folder_with_an_odd_name_is_taken(tmp_path, name):
    chain._check_name(tmp_path / name)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(28, "No space left on device", "/x/lock"),
            "Cannot write /x/lock: the disk is full. Make room",
        ),
        (OSError(30, "Read-only file system", "/x/lock"), "Cannot write /x/lock: Read-only file system."),
    ],
)
def test_a_disk_that_takes_nothing_is_a_sentence(tmp_path, error, said):
    assert chain._sentence(error, tmp_path).startswith(said)


def test_what_it_prints_reaches_any_locale_and_no_terminal():
    program = "import demo.chain as it; it.make_ready(); it.say('Starting …')"
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout[-11:]) == (0, "Starting ?\n")
    with Path("/dev/full").open("w") as closed:
        gone = subprocess.run(
            [sys.executable, "-c", program], stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert b"Traceback" not in gone.stderr
