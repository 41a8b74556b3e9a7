from __future__ import annotations

import os
import pwd
import stat

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, RunAsError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.running.privileges import (
    Privileges,
    check_access,
    find_user,
    read_limits,
)
from airflow_provider_daybreak.releases.running.run import Job, run

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as another user")


def run_with(release, **privileges):
    return run(release, Job(("report.py",), privileges=Privileges(**privileges)), on_line=lambda *_: None)


def test_limits_are_read_with_their_units():
    assert read_limits({"memory": "512M", "cpu_seconds": 5, "open_files": 64, "processes": 8}) == {
        "RLIMIT_AS": 512 * 1024**2,
        "RLIMIT_CPU": 5,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_NPROC": 8,
    }


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"disk": 1}, "Invalid limit 'disk': expected one of memory, cpu_seconds"),
        (
            {"memory": "lots"},
            "Invalid limit memory 'lots': expected a whole number above 0, or one with a unit",
        ),
        ({"cpu_seconds": 0}, "Invalid limit cpu_seconds 0"),
        ({"open_files": "1K"}, "Invalid limit open_files '1K'"),
        ({"processes": True}, "Invalid limit processes True"),
    ],
)
def test_a_limit_that_is_none_is_an_error(limits, problem):
    with pytest.raises(InvalidValueError, match=problem):
        read_limits(limits)


def test_memory_and_files_are_limited(deployed):
    text = """
import resource
try:
    bytearray(1024**3)
except MemoryError:
    print("no memory", resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    finished = run_with(deployed(text).release, limits=read_limits({"memory": "256M", "open_files": 32}))

    assert finished.last_line == "no memory (32, 32)"


def test_time_on_a_processor_is_limited(deployed):
    finished = run_with(deployed("while True: pass").release, limits=read_limits({"cpu_seconds": 1}))

    assert finished.ending in ("signal SIGXCPU", "signal SIGKILL")


def test_a_user_that_is_not_there_is_an_error():
    with pytest.raises(
        RunAsError, match="Cannot run a script as 'nobody-like-that': this worker has no such user"
    ):
        find_user("nobody-like-that")


def test_who_is_not_root_cannot_become_another(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("daemon").pw_uid)

    with pytest.raises(
        RunAsError, match="the worker runs as 'daemon', and only root may change to another user. Leave it out"
    ):
        find_user("nobody")


@pytest.fixture
def for_everybody(public):
    """Return a function that deploys a script with an interpreter and in a folder that every user may use."""

    def deploy_script(text):
        source = public / "source"
        source.mkdir(exist_ok=True)
        (source / "report.py").write_text(text)
        dotenv = source / ".env"
        dotenv.write_text("EMAIL_PASSWORD=hunter2secret\n")
        dotenv.chmod(0o600)
        return deploy(Layout(public / "releases", "daily"), Plan(source, python="/usr/bin/python3")).release

    return deploy_script


@root_only
@pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="needs a Python that every user may run")
def test_a_script_runs_as_another_user_with_what_it_needs_and_no_more(for_everybody):
    text = """
import os, pathlib
here = pathlib.Path(__file__).parent
(pathlib.Path(os.environ["DAYBREAK_OUTPUT_DIR"]) / "a.txt").write_text("")
pathlib.Path("b.txt").write_text("")
print(os.getuid(), os.getgroups() == [os.getgid()], os.environ["HOME"], os.access(here.parent, os.W_OK))
print("NoNewPrivs:\\t1" in pathlib.Path("/proc/self/status").read_text(), len((here / ".env").read_text()))
"""
    nobody = find_user("nobody")

    finished = run_with(for_everybody(text), user=nobody)

    assert finished.stdout.splitlines() == [f"{nobody.uid} True {nobody.home} False", "True 29"]


@pytest.fixture
def private(public):
    """Return a folder that only root may pass, with a Python in it."""
    folder = public / "private"
    folder.mkdir(mode=0o700)
    (folder / "python").touch(mode=0o755)
    return folder


@root_only
def test_an_interpreter_in_a_private_home_is_an_error_that_names_the_barrier(public, private):
    (public / "python").symlink_to(private / "python")  # as that of an environment

    barrier = (
        rf"Cannot run a script as 'nobody': it may not pass '{private}' \(mode 0700, root:root\) on the way to"
    )
    with pytest.raises(
        RunAsError, match=rf"{barrier} '{public}/python'. Deploy with python set to an interpreter"
    ):
        check_access(public / "python", find_user("nobody"))
    private.chmod(stat.S_IRWXU | stat.S_IXOTH)
    check_access(public / "python", find_user("nobody"))


@root_only
def test_releases_in_a_private_home_are_an_error_that_says_where_to_put_them(private):
    with pytest.raises(RunAsError, match=rf"may not pass '{private}'.* Set \[daybreak\] releases to a folder"):
        check_access(private / "python", find_user("nobody"))


@root_only
def test_an_interpreter_that_was_removed_is_an_error_that_says_so(public):
    (public / "python").symlink_to(public / "gone")

    with pytest.raises(RunAsError, match=rf"the Python '{public}/gone' is missing. Deploy with python set to"):
        check_access(public / "python", find_user("nobody"))


@root_only
def test_a_script_of_a_private_release_never_starts_as_another_user(deployed, tmp_path):
    release = deployed(
        f"open({str(tmp_path / 'ran')!r}, 'w')"
    ).release  # pytest's folders are for its user only

    with pytest.raises(RunAsError, match=r"may not pass .* Set \[daybreak\] releases"):
        run_with(release, user=find_user("nobody"))

    assert not (tmp_path / "ran").exists()
