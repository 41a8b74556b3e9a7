"""What can't be deployed here: each has its own error, and what was current still is."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import sys

import pytest

from airflow_provider_daybreak.exceptions import (
    DotenvUnreadableError,
    InterpreterError,
    InvalidValueError,
    LocksUnsupportedError,
    StorageError,
)
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.switch import current_id


@pytest.mark.parametrize(
    ("python", "problem"),
    [
        ("/no/such/python", "No such file or directory"),
        ("/etc/hostname", "Permission denied|Exec format error"),
        ("/bin/true", "it is no Python 3 that works"),
        ("three", "it is neither an absolute path nor a version"),
        ("3.99", "No interpreter found"),
    ],
)
def test_a_python_that_cannot_be_used(layout, deployed, python, problem):
    old = deployed("print(1)").release

    with pytest.raises(InterpreterError, match=problem):
        deployed("print(2)", python=python)

    assert current_id(layout) == old.id


def test_a_python_by_its_version(deployed):
    version = f"{sys.version_info.major}.{sys.version_info.minor}"

    assert deployed(python=version).release.manifest["interpreter"]["version"].startswith(version)


@pytest.mark.parametrize("change", [lambda _: {}, lambda known: {"stamp": known["stamp"]}, lambda _: None])
def test_what_was_remembered_of_an_interpreter_and_is_damaged_is_found_out_anew(layout, deployed, change):
    first = deployed().release
    memory = layout.state / "interpreters.json"
    memory.write_text(
        json.dumps({path: change(known) for path, known in json.loads(memory.read_text()).items()})
    )

    assert deployed().release.id == first.id


@pytest.mark.parametrize("keep", [0, -1, "5"])
def test_a_number_of_releases_to_keep_that_is_none(deployed, keep):
    with pytest.raises(InvalidValueError, match="Invalid keep .* expected a whole number of at least 1"):
        deployed(keep=keep)


def test_a_file_system_without_locks(layout, deployed, monkeypatch):
    def flock(*_):  # no such file system is at hand
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    old = deployed("print(1)").release
    monkeypatch.setattr(fcntl, "flock", flock)

    with pytest.raises(LocksUnsupportedError, match="has no locks .*No locks available.*release_store"):
        deployed("print(2)")

    assert current_id(layout) == old.id


def test_a_root_that_is_no_folder(tmp_path, folder):
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match=r"Not a directory.*\[daybreak\] releases names it"):
        deploy(Layout(tmp_path / "file", "daily"), Plan(folder(report_py="")))


def test_a_dotenv_that_is_a_link(layout, deployed, folder, tmp_path):
    (tmp_path / "elsewhere").write_text("A=1\n")
    (folder(report_py="") / ".env").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(
        DotenvUnreadableError, match="it is a symbolic link. Name the file that it leads to in env_file"
    ):
        deployed()

    assert current_id(layout) is None


def test_a_root_with_spaces_colons_and_letters_of_the_world(tmp_path, folder):
    layout = Layout(tmp_path / "Ünï côde: mit Leerzeichen", "daily")

    assert deploy(layout, Plan(folder(report_py="print(1)"))).changed
