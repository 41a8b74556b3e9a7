from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import ReleaseNotFoundError, ScriptNotStartedError
from airflow_provider_daybreak.releases.files import discard
from airflow_provider_daybreak.releases.lease import is_leased
from airflow_provider_daybreak.releases.running.process import Running
from airflow_provider_daybreak.releases.running.run import Job, run
from tests.waiting import is_running, until


def is_gone(process):
    """Return whether a process that was killed is gone, once the kernel has got round to it."""
    deadline = time.monotonic() + 60
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


def test_a_script_runs_in_a_copy_of_its_release_with_its_python(finished, layout):
    outcome, _ = finished("import os, sys; print(sys.prefix, __file__, sys.path[0], os.getcwd())")

    prefix, script, first, working = outcome.last_line.split()
    assert Path(prefix).parent == layout.environments
    assert Path(script).parent == Path(first) == Path(working)
    assert Path(working).parent.parent == layout.runs
    assert not list(layout.runs.iterdir())


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


@pytest.fixture
def secret(folder):
    """Write a ``.env`` with a secret."""
    path = folder(report_py="") / ".env"
    path.write_text("EMAIL_PASSWORD=correct-horse-battery\nMAIL_TO=ana@example.com\n")
    path.chmod(0o600)


@pytest.mark.parametrize("before", [64 * 1024 - n for n in (-1, 0, 1, 10, 20, 21, 22)])
@pytest.mark.usefixtures("secret")
def test_no_part_of_a_secret_is_shown_where_a_long_line_is_cut(finished, before):
    text = (
        "import os, sys\n"
        f"line = '.' * {before} + os.environ['EMAIL_PASSWORD'] + '.' * 90_000\n"
        "print(line)\nprint(line, file=sys.stderr)\nsys.exit(1)\n"
    )

    outcome, lines = finished(text)

    for name in ("stdout", "stderr"):
        shown = "".join(line for stream, line in lines if stream == name)
        assert shown.replace(".", "") == "***"
    assert outcome.stderr.replace(".", "").replace("\n", "") == "***"
    assert outcome.stdout.replace(".", "") == "***\n"


@pytest.mark.usefixtures("secret")
def test_no_part_of_a_secret_is_shown_where_the_kept_output_begins(finished):
    text = """
import os, sys
for stream in (sys.stdout, sys.stderr):
    stream.write(os.environ["EMAIL_PASSWORD"] + "." * (4 * 1024**2 - 10) + "\\n")
print("done")
"""
    outcome, lines = finished(text)

    assert "battery" not in repr(outcome) + outcome.last_line + outcome.stderr + "".join(map(str, lines))
    assert outcome.last_line == "done"


def test_half_a_letter_at_a_cut_stays_a_letter(finished):
    _, lines = finished("print('ü' * 200_000)")

    assert "".join(line for _, line in lines) == "ü" * 200_000


@pytest.mark.parametrize("separator", ["\u2028", "\x0b", "\x0c", "\x1c", "\x85"])
def test_only_ends_of_lines_end_the_last_line(finished, separator):
    outcome, _ = finished(f"print('log'); print('a' + chr({ord(separator)}) + 'b')")

    assert outcome.last_line == f"a{separator}b"


def test_a_progress_bar_leaves_its_end(finished):
    outcome, _ = finished("print('10 %\\r50 %\\r100 %\\r')")

    assert outcome.last_line == "100 %"


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


LEAVES = """
import os, subprocess, sys, time
print("script", os.getpid(), flush=True)
subprocess.Popen(["setsid", "sh", "-c", "echo of-another-session $$; exec sleep 3600"])
subprocess.Popen(["sh", "-c", "(trap '' TERM; echo orphan $$; exec sleep 3600) &"])
time.sleep(float(sys.argv[1]))
"""


def pids_in(lines):
    return {name: int(pid) for name, pid in (line.split() for line in lines)}


def test_what_a_script_leaves_ends_with_it_whatever_session_it_is_in(deployed, caplog):
    lines = []

    finished = run(
        deployed(LEAVES).release, Job(("report.py", "1")), on_line=lambda _, line: lines.append(line)
    )

    left = pids_in(lines)
    assert finished.code == 0
    assert left.keys() == {"script", "of-another-session", "orphan"}
    assert all(map(is_gone, left.values()))
    assert "The script left processes running, which were ended: " in caplog.text
    assert f"sleep ({left['of-another-session']})" in caplog.text


def test_a_script_and_what_it_started_end_with_their_task_though_that_is_killed(deployed, layout):
    release = deployed(LEAVES).release
    program = (
        "from pathlib import Path\n"
        "from airflow_provider_daybreak.releases.layout import Layout\n"
        "from airflow_provider_daybreak.releases.release import get_release\n"
        "from airflow_provider_daybreak.releases.running.run import Job, run\n"
        f"release = get_release(Layout(Path({str(layout.root)!r}), 'daily_report'))\n"
        "run(release, Job(('report.py', '3600')), on_line=lambda _, line: print(line, flush=True))\n"
    )
    task = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    started = pids_in(task.stdout.readline() for _ in range(3))
    assert is_leased(release.path)

    task.kill()
    task.wait()
    task.stdout.close()

    until(lambda: all(map(is_gone, started.values())))
    until(lambda: not is_leased(release.path))


def test_a_script_ends_with_its_guard(deployed):
    text = "import os, time; print('script', os.getpid(), 'guard', os.getppid(), flush=True); time.sleep(3600)"
    lines = []

    def kill_the_guard(_, line):
        lines.append(line)
        os.kill(int(line.split()[3]), signal.SIGKILL)

    finished = run(deployed(text).release, Job(("report.py",)), on_line=kill_the_guard)

    assert finished.ending == "signal SIGKILL"
    until(lambda: is_gone(int(lines[0].split()[1])))
