"""What setting up ``.venv`` does on machines that are not as it wants them, and that it says so in a sentence."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.waiting import until

ROOT = Path(__file__).parents[3]
FAKE = """\
#!/bin/bash
case "$*" in
  --version) echo Python {version};;
  *version_info*) exit {unfit};;
  *) exec {real} "$@";;
esac
"""


@pytest.fixture
def checkout(tmp_path):
    """A folder with what is set up from, and a package index that nobody reaches."""
    folder = tmp_path / 'it\'s "ümläut" #1 50% 5$'
    (folder / "demo").mkdir(parents=True)
    shutil.copy(ROOT / "demo" / "set_up.sh", folder / "demo")
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    return folder


def set_up(checkout, *arguments, **env):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    away = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        ["bash", checkout / "demo" / "set_up.sh", *arguments],
        env=outside | away | env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def python(folder, version="3.8.18", unfit=1):
    """Write a program that says it is a Python of that version."""
    folder.mkdir(exist_ok=True)
    path = folder / "python3"
    path.write_text(FAKE.format(version=version, unfit=unfit, real=sys.executable))
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.9.18", "3.15.0"])
def test_a_python_that_does_not_fit_is_named_with_those_that_do(checkout, tmp_path, version):
    done = set_up(checkout, python(tmp_path / "bin", version))

    assert done.returncode == 1
    said = f"is Python {version}. Daybreak needs Python 3.10 to 3.14. Install one, or name it: make PYTHON=python3.12 …\n"
    assert done.stderr.endswith(said)
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_not_there_is_said(checkout):
    assert set_up(checkout, "python9").stderr.startswith(
        "'python9' is no program here. Daybreak needs Python 3.10"
    )


@pytest.mark.parametrize(
    ("name", "bad"),
    [("a:b", "':'"), ("a $HOM", "a variable of the shell"), ("a ${b", "a variable of the shell")],
)
def test_a_folder_whose_name_means_another_is_refused_before_anything_is_made(checkout, name, bad):
    folder = checkout.rename(checkout.with_name(name))

    done = set_up(folder, sys.executable)

    assert done.stderr.startswith(f"This folder is '{folder}'. Expected a name without {bad}")
    assert not (folder / ".venv").exists()


def test_an_index_out_of_reach_is_two_sentences_and_the_next_call_begins_where_this_one_ended(checkout):
    done = set_up(checkout, sys.executable)

    assert done.returncode == 1
    assert done.stdout == "Setting up .venv (once, a few minutes at most) …\n"
    [what, where, log] = done.stderr.splitlines()
    assert what.startswith("Cannot bring the installer uv: ERROR: ")
    assert "UV_DEFAULT_INDEX" in where
    assert "Retrying" in (checkout / log.rpartition(": ")[2]).read_text()
    made = (checkout / ".venv" / "bin" / "python").lstat().st_mtime_ns

    set_up(checkout, sys.executable)

    assert (checkout / ".venv" / "bin" / "python").lstat().st_mtime_ns == made
    moved = checkout.rename(checkout.with_name("moved"))
    set_up(moved, sys.executable)
    assert (moved / ".venv" / "folder").read_text() == str(moved), (
        "its programs begin with the old folder's name"
    )


def test_what_is_set_up_costs_no_further_look(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / ".venv" / "bin" / "python").symlink_to("/bin/true")
    (checkout / ".venv" / "folder").write_text(str(checkout))
    (checkout / ".venv" / "made").touch()
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        os.utime(checkout / name, (0, 0))

    done = set_up(checkout, "python9")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_ctrl_c_ends_it_without_a_word_about_it(checkout, tmp_path):
    slow = python(tmp_path / "bin", "3.12.1", unfit=0)
    began = tmp_path / "began"
    slow.write_text(slow.read_text().replace("  *) exec", f"  *venv*) touch '{began}'; sleep 60;;\n  *) exec"))
    running = subprocess.Popen(
        ["bash", checkout / "demo" / "set_up.sh", slow],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(began.exists)
    time.sleep(0.1)

    os.killpg(running.pid, signal.SIGINT)

    assert running.wait(30) == 130
    assert running.stderr.read() == ""


def test_a_folder_that_may_not_be_written_is_said(public):
    (public / "demo").mkdir()
    shutil.copy(ROOT / "demo" / "set_up.sh", public / "demo")
    as_nobody = ("setpriv", "--reuid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    public.chmod(0o555)

    done = subprocess.run(
        [*as_nobody, "bash", public / "demo" / "set_up.sh"], capture_output=True, text=True, check=False
    )

    public.chmod(0o755)
    said = f"Cannot write in '{public}', where .venv/ and .demo/ go. Expected a checkout of your own"
    assert done.stderr.startswith(said)
