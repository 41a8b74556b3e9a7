from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import ReleaseNotFoundError, ScriptNotStartedError
from airflow_provider_daybreak.releases.files import discard
from airflow_provider_daybreak.releases.lease import is_leased
from airflow_provider_daybreak.releases.run import Job, Running, files_like, run
from tests.waiting import is_running


def is_gone(process):
    """Return whether a process that was killed is gone, once the kernel has got round to it."""
    deadline = time.monotonic() + 5
    while is_running(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(process)


@pytest.fixture
def finished(deployed):
    """Return a function that deploys a script and runs it, and returns how it ended and each line it wrote."""

    def run_script(text, *arguments, env=None, **options):
        release = deployed(text).release
        lines = []
        job = Job(("report.py", *arguments), env or {})
        return run(release, job, on_line=lambda *line: lines.append(line), **options), lines

    return run_script


def test_a_script_runs_from_its_release_with_its_python(finished, layout):
    outcome, _ = finished("import sys; print(sys.prefix, __file__)")

    prefix, script = outcome.last_line.split()
    assert Path(prefix).parent == layout.environments
    assert Path(script).parent == (layout.home / layout.current.readlink() / "src")


def test_both_streams_come_apart_and_live(finished):
    outcome, lines = finished(
        "import sys, time\nprint('one')\nprint('two', file=sys.stderr)\nprint('three', end='')\n"
    )

    assert [text for name, text in lines if name == "stdout"] == ["one", "three"]
    assert [text for name, text in lines if name == "stderr"] == ["two"]
    assert (outcome.stdout, outcome.stderr, outcome.last_line) == ("one\nthree", "two", "three")


def test_nothing_of_the_worker_reaches_the_script(finished, monkeypatch):
    for key in (
        "AIRFLOW__CORE__FERNET_KEY",
        "PYTHONPATH",
        "PIP_INDEX_URL",
        "AWS_SECRET_ACCESS_KEY",
        "UV_INDEX",
    ):
        monkeypatch.setenv(key, "leaked")

    outcome, _ = finished("import os; print(os.environ)")

    assert "leaked" not in outcome.stdout


def test_the_script_sees_what_dotenv_and_the_task_set(finished, folder):
    folder(report_py="")
    path = folder() / ".env"
    path.write_text("A=dotenv\nB=dotenv\n")
    path.chmod(0o600)

    outcome, _ = finished("import os; print(os.environ['A'], os.environ['B'])", env={"B": "task"})

    assert outcome.last_line == "dotenv task"


def test_files_beside_the_script_are_found_and_new_ones_are_kept_out_of_the_release(
    finished, folder, layout, tmp_path
):
    folder(names_txt="Ada", lib__data_txt="")
    text = "print(open('names.txt').read()); open('out.csv', 'w').write('1'); import os; print(os.getcwd())"

    outcome, _ = finished(text, folder=tmp_path)

    assert outcome.stdout.startswith("Ada\n")
    assert not (layout.current / "src" / "out.csv").exists()
    assert list(files_like(tmp_path, "*.csv")) == ["out.csv"]


def test_the_output_directory_is_looked_at_before_the_working_directory(finished, tmp_path):
    text = "import os; d=os.environ['DAYBREAK_OUTPUT_DIR']; open(d+'/a.csv','w'); open('b.csv','w')"

    finished(text, folder=tmp_path)

    assert list(files_like(tmp_path, "*.csv")) == ["a.csv"]


def test_a_link_is_no_output(finished, tmp_path):
    finished(
        "import os; os.symlink('/etc/passwd', os.environ['DAYBREAK_OUTPUT_DIR'] + '/a.csv')", folder=tmp_path
    )

    assert files_like(tmp_path, "*.csv") == {}


def test_a_project_imports_its_own_packages_from_src(deployed, folder, caplog):
    project = folder(**{"pyproject.toml": "[project]\nname='names'\nversion='1'\n"})
    (project / "src" / "names").mkdir(parents=True)
    (project / "src" / "names" / "__init__.py").write_text("people = 'Ada'\n")
    release = deployed("import names; print(names.people)\n").release

    finished = run(release, Job(("report.py",)), on_line=lambda *_: None)

    assert finished.last_line == "Ada"
    by_hand = subprocess.run(finished.by_hand, shell=True, capture_output=True, text=True, check=True)
    assert by_hand.stdout == "Ada\n"
    assert "neither in the source nor installed" not in caplog.text


def test_an_exit_code_and_a_signal_are_told_apart(finished):
    assert finished("raise SystemExit(7)")[0].ending == "exit code 7"
    assert finished("import os; os.kill(os.getpid(), 9)")[0].ending == "signal SIGKILL"


def test_the_command_to_run_it_by_hand_runs_it(finished):
    outcome, _ = finished("import sys; print('by hand', sys.argv[1:])", "a b")

    again = subprocess.run(outcome.by_hand, shell=True, capture_output=True, text=True, check=True)

    assert again.stdout == "by hand ['a b']\n"


@pytest.mark.parametrize("command", [("nothing.py",), ("../../state/x.py",), ("no-such-program",), ()])
def test_a_command_that_is_not_there_is_an_error(deployed, command):
    with pytest.raises(ScriptNotStartedError, match="Cannot start"):
        run(deployed().release, Job(command), on_line=print)


def test_a_release_that_was_pruned_is_an_error(deployed, layout):
    release = deployed().release
    discard(release.path, layout.trash)

    with pytest.raises(ReleaseNotFoundError):
        run(release, Job(("report.py",)), on_line=print)


def test_a_background_process_does_not_outlive_the_script(finished):
    started = time.monotonic()

    outcome, _ = finished(
        "import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)"
    )

    assert time.monotonic() - started < 10
    assert is_gone(int(outcome.last_line))


def test_a_kill_reaches_the_whole_group_even_when_it_is_ignored(deployed):
    running = Running()
    text = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    lines = []

    def kill_when_up(_, line):
        lines.append(line)
        if line == "up":
            threading.Thread(target=running.kill).start()

    outcome = run(deployed(text).release, Job(("report.py",)), on_line=kill_when_up, running=running)

    assert outcome.ending == "signal SIGKILL"
    assert is_gone(next(int(line) for line in lines if line.isdigit()))


def test_a_lease_lasts_as_long_as_the_script_though_its_parent_dies(deployed, layout):
    release = deployed("import time; print('up', flush=True); time.sleep(60)").release
    program = (
        "import sys; from pathlib import Path\n"
        "from airflow_provider_daybreak.releases.layout import Layout\n"
        "from airflow_provider_daybreak.releases.release import get_release\n"
        "from airflow_provider_daybreak.releases.run import *\n"
        f"release = get_release(Layout(Path({str(layout.root)!r}), 'daily_report'))\n"
        "running = Running()\n"
        "run(release, Job(('report.py',)), running=running,\n"
        "    on_line=lambda *_: print(running._group, flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    script = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    try:
        assert is_leased(release.path)
    finally:
        os.killpg(script, 9)
    deadline = time.monotonic() + 5
    while is_leased(release.path) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_leased(release.path)
