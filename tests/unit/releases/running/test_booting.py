"""What a run sets up in its Pythons before their scripts begin."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.releases.running.booting import first_on
from airflow_provider_daybreak.releases.running.run import Job, run

BOOTED = {"DAYBREAK_BOOTED": "1"}  # begins nothing of its own, and yet puts ours on the path


@pytest.fixture
def ran(deployed, folder):
    """Return a function that runs a script, with other files beside it, in Pythons that begin with ours."""

    def run_script(text, *, boot=BOOTED, env=None, command=("report.py",), **files):
        folder(**files)
        release = deployed(text).release
        return run(release, Job(command, env or {}, boot=boot), on_line=lambda *_: None)

    return run_script


def test_a_script_keeps_the_sitecustomize_of_its_own(ran):
    outcome = ran(
        "import sys; print(sys.from_own, sys.modules['sitecustomize'].__file__)",
        env={"PYTHONPATH": "."},
        sitecustomize_py="import sys; sys.from_own = 'hello'",
    )

    assert outcome.last_line.startswith("hello ")
    assert "boot" not in outcome.last_line


def test_a_script_sees_the_error_of_its_own_sitecustomize(ran):
    outcome = ran("print('goes on')", env={"PYTHONPATH": "."}, sitecustomize_py="1 / 0")

    assert outcome.last_line == "goes on"
    assert "ZeroDivisionError" in outcome.stderr


def test_a_script_without_one_starts_in_silence_and_with_the_path_it_would_have(ran):
    assert (
        ran("import sys; print(sys.path[1:])").stdout == ran("import sys; print(sys.path[1:])", boot={}).stdout
    )
    assert not ran("").stderr


def test_a_child_begins_with_ours_too(ran):
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import sys; print(sys.modules[\"sitecustomize\"])'])"

    assert "boot" in ran(child).last_line


def test_a_folder_that_no_python_would_find_is_refused():
    with pytest.raises(
        InvalidValueError, match="Invalid folder for PYTHONPATH .*a:b.*: expected a path without ':'"
    ):
        first_on(None, Path("/srv/a:b/boot"))


def test_without_anything_to_begin_no_python_finds_ours(ran):
    outcome = ran("import os, sys; print('PYTHONPATH' in os.environ, 'sitecustomize' in sys.modules)", boot={})

    assert outcome.last_line == "False False"
