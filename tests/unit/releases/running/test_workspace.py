from __future__ import annotations

import errno
import os
import pickle
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import (
    ArtifactUnreadableError,
    InvalidValueError,
    ReleaseDamagedError,
    VerificationError,
)
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.manifest_check import check_source
from airflow_provider_daybreak.releases.running.privileges import Privileges, find_user
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.running.workspace import files_like, opened, workspace
from airflow_provider_daybreak.storage.temporary import make_locked
from tests.waiting import until

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
PYTHON = "/usr/bin/python3"  # one that every user may run

WRITES_EVERYWHERE = """
import os, pathlib

here = pathlib.Path(__file__).parent
assert (here / "names.txt").read_text() == "Ada"
assert (here / ".env").read_text() == "TOKEN=first-token"
(here / "beside.txt").write_text("1")
(here / "names.txt").write_text("changed")
(here / "output" / "earlier.csv").write_text("changed")
(here / "output" / "new.csv").write_text("1")
(here / ".env").write_text("TOKEN=changed")
pathlib.Path("link.txt").write_text("through the link")
pathlib.Path(__file__).write_text("changed")
os.chdir(here / "output")
os.mkdir("sub")
os.remove("gone.csv")
os.chdir(here)
os.rename("output", "renamed")
os.mkdir("__pycache__")
print(os.access("tool", os.X_OK), os.getuid())
"""


def run_as(release, user=None, command=("report.py",), space=None):
    privileges = Privileges(user=find_user(user) if user else None)
    finished = run(release, Job(command, privileges=privileges), on_line=lambda *_: None, space=space)
    assert finished.code == 0, finished.stderr
    return finished


@pytest.fixture
def public(public):
    """Yield a folder that every user may pass and write to."""
    public.chmod(0o777)
    return public


def release_of(folder, text, **files):
    """Deploy a script with these files beside it, below the folder."""
    source = folder / "source"
    for name, content in {"report.py": text, **files}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(content)
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    (source / "link.txt").symlink_to("names.txt")
    (source / ".env").write_text("TOKEN=first-token")
    (source / ".env").chmod(0o600)
    return deploy(Layout(folder / "releases", "daily"), Plan(source, python=PYTHON)).release


FILES = {"names.txt": "Ada", "output/earlier.csv": "", "output/gone.csv": "", "output/deep/er/x": ""}


def everything_in(release):
    return {
        path: (path.lstat().st_mode, path.lstat().st_uid, path.lstat().st_mtime_ns, path.read_bytes())
        for top in (release.src, release.layout.dotenv.parent)
        for path in sorted(top.rglob("*"))
        if path.is_file()
    }


def write_everywhere(folder, user=None):
    """Run the script twice, and show that the release stayed as it was."""
    release = release_of(folder, WRITES_EVERYWHERE, **FILES)
    before = everything_in(release)
    said = {run_as(release, user).last_line for _ in range(2)}
    assert everything_in(release) == before
    check_source(release)
    assert not deploy(release.layout, Plan(folder / "source", python=PYTHON)).changed
    assert list(release.layout.runs.iterdir()) == []
    return said


def in_a_process_of(user, function, *arguments):
    """Return what a function returns in a process of that user."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            sys.executable = PYTHON  # the tests' own may lie in root's home
            outcome = function(*arguments), None
        except BaseException as error:  # noqa: BLE001 - the test shall show whatever it was
            outcome = None, f"{type(error).__name__}: {error}"
        os.write(writing, pickle.dumps(outcome))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        value, error = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    assert error is None, error
    return value


def test_a_script_may_write_anywhere_and_its_release_stays_as_it_was(public):
    assert write_everywhere(public) == {f"True {os.getuid()}"}


@root_only
def test_a_script_of_another_user_may_write_anywhere(public):
    public.chmod(0o755)

    assert write_everywhere(public, "nobody") == {f"True {pwd.getpwnam('nobody').pw_uid}"}


@root_only
def test_a_script_may_write_anywhere_though_its_worker_is_not_root(public, monkeypatch):
    with tempfile.TemporaryDirectory() as warm:  # imports what that user may not read
        write_everywhere(Path(warm))
    monkeypatch.setenv("HOME", str(public))
    monkeypatch.setenv("UV_CACHE_DIR", str(public / "uv-cache"))
    nobody = pwd.getpwnam("nobody")

    assert in_a_process_of(nobody, write_everywhere, public) == {f"True {nobody.pw_uid}"}


@root_only
def test_the_dotenv_of_all_runs_stays_the_workers(public):
    public.chmod(0o755)
    text = (
        "import os; print(open('.env').read(), os.environ['TOKEN'], os.access(os.environ['SHARED'], os.R_OK))"
    )
    release = release_of(public, text, **FILES)
    nobody = Privileges(user=find_user("nobody"))

    for token in ("first-token", "second-token"):
        (public / "source" / ".env").write_text(f"TOKEN={token}")
        release = deploy(release.layout, Plan(public / "source", python=PYTHON)).release
        for _ in range(2):
            job = Job(("report.py",), {"SHARED": str(release.layout.dotenv)}, nobody)
            finished = run(release, job, on_line=lambda *_: None)
            assert finished.last_line == "TOKEN=*** *** False", finished.stderr
        assert release.layout.dotenv.stat().st_uid == 0


@root_only
def test_the_home_that_a_dotenv_names_is_that_of_whom_the_script_runs_as(public):
    public.chmod(0o755)
    release = release_of(
        public, "import os; print(os.environ['DATA'] == os.environ['HOME'] + '/data')", **FILES
    )
    release.layout.dotenv.write_text("DATA=${HOME}/data")

    for user, env in (("nobody", {}), (None, {}), (None, {"HOME": "/srv/reports"})):
        job = Job(("report.py",), env, Privileges(user=find_user(user) if user else None))
        assert run(release, job, on_line=lambda *_: None).last_line == "True"


@root_only
def test_a_dotenv_that_was_given_away_is_replaced_by_the_next_deploy(public):
    release = release_of(public, "print(open('.env').read())", **FILES)
    os.chown(release.layout.dotenv, pwd.getpwnam("nobody").pw_uid, -1)

    deploy(release.layout, Plan(public / "source", python=PYTHON))

    assert release.layout.dotenv.stat().st_uid == 0
    assert run_as(release).last_line == "TOKEN=***"


@root_only
def test_no_other_user_gets_into_a_workspace(public):
    public.chmod(0o755)
    text = (
        "import os; print(*(oct(os.stat(f).st_mode)[-3:] for f in ('.', '..', '../output', '../tmp', '.env')))"
    )

    assert run_as(release_of(public, text, **FILES), "nobody").last_line == "700 711 700 700 600"


SWAPS = {
    "the output folder": "shutil.rmtree(out); os.symlink(secret.parent, out)",
    "a folder in it": "os.symlink(secret.parent, out + '/sub')",
    "a file": "os.symlink(secret, out + '/secret.csv')",
    "a hard link": "os.link(secret, out + '/secret.csv')",
    "the working directory": "os.rename(work, work + '2'); os.symlink(secret.parent, work)",
}


@root_only
@pytest.mark.parametrize("swap", SWAPS)
def test_a_link_in_the_place_of_an_output_leads_nowhere(public, swap):
    public.chmod(0o755)
    secret = public / "private" / "secret.csv"
    secret.parent.mkdir(mode=0o711)
    secret.write_text("of root alone")
    secret.chmod(0o600)
    text = f"""
import os, pathlib, shutil
secret = pathlib.Path({str(secret)!r})
out, work = os.environ["DAYBREAK_OUTPUT_DIR"], os.environ["DAYBREAK_WORK_DIR"]
os.mkfifo(out + "/pipe.csv")
try:
    {SWAPS[swap]}
except PermissionError:
    print("refused")
"""
    release, nobody = release_of(public, text, **FILES), find_user("nobody")

    with workspace(release.layout) as space:
        run_as(release, "nobody", space=space)
        found = [files_like(space, release, pattern, nobody) for pattern in ("*.csv", "**/*.csv", "sub/*.csv")]

    assert found == [[], [], []]


def left_by(release, pattern, change=None):
    with workspace(release.layout) as space:
        run_as(release, space=space)
        found = files_like(space, release, pattern)
        if change:
            change(space)
        contents = {}
        for left in found:
            with opened(space, left) as file:
                contents[left.name] = file.read().decode()
        return contents


def test_what_was_swapped_after_it_was_found_is_not_read(public):
    text = (
        "import os; d=os.environ['DAYBREAK_OUTPUT_DIR']; os.mkdir(d+'/a'); open(d+'/a/x.csv', 'w').write('1')"
    )
    release = release_of(public, text, **FILES)

    def swap_file(space):
        (space.output / "a" / "x.csv").unlink()
        (space.output / "a" / "x.csv").symlink_to("/etc/passwd")

    def swap_folder(space):
        (space.output / "a").rename(space.output / "b")
        (space.output / "a").symlink_to("/etc")

    def swap_for_pipe(space):
        (space.output / "a" / "x.csv").unlink()
        os.mkfifo(space.output / "a" / "x.csv")

    assert left_by(release, "a/*.csv") == {"a/x.csv": "1"}
    for swap in (swap_file, swap_folder, swap_for_pipe):
        with pytest.raises(ArtifactUnreadableError, match="symbolic links|Not a directory|no longer a file"):
            left_by(release, "a/*.csv", swap)


def test_an_empty_folder_of_the_source_is_there_to_be_written_to(public):
    (public / "source" / "logs" / "daily").mkdir(parents=True)
    release = release_of(public, "open('logs/daily/run.log', 'w').write('1')", **FILES)

    for _ in range(2):
        assert left_by(release, "logs/daily/*") == {"logs/daily/run.log": "1"}
    check_source(release)
    (release.src / "logs").chmod(0o755)
    (release.src / "logs" / "daily").rmdir()
    with pytest.raises(VerificationError, match="logs/daily/"):
        check_source(release)


def test_what_came_with_the_source_is_left_only_if_the_script_wrote_to_it(public):
    text = "open('rewritten.csv', 'w').write('same')\nimport helper\nopen('.env', 'a').write('X=1')"
    files = {"rewritten.csv": "same", "untouched.csv": "same", "helper.py": "", **FILES}
    release = release_of(public, text, **files)

    assert left_by(release, "*") == {"rewritten.csv": "same"}
    assert left_by(release, "**/*") == {"rewritten.csv": "same"}


def test_the_output_directory_is_looked_at_before_the_working_directory(public):
    text = "import os; d=os.environ['DAYBREAK_OUTPUT_DIR']; open(d+'/a.csv','w'); open('b.csv','w')"

    assert left_by(release_of(public, text, **FILES), "*.csv") == {"a.csv": ""}


def test_patterns_reach_into_folders(public):
    text = """
import os
for path in ("a.csv", "x/b.csv", "x/y/c.csv", "x/y/d.txt"):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "w").close()
for _ in range(1200):  # further than any path can name
    os.mkdir("n"); os.chdir("n")
open("deep.csv", "w").close()
os.chmod(".", 0)
"""
    release = release_of(public, text, **FILES)

    assert list(left_by(release, "*.csv")) == ["a.csv"]
    assert list(left_by(release, "./x/*.csv")) == ["x/b.csv"]
    assert list(left_by(release, "x/**")) == ["x/b.csv", "x/y/c.csv", "x/y/d.txt"]
    found = list(left_by(release, "**/*.csv"))
    assert found == ["a.csv", "n/" * 1200 + "deep.csv", "x/b.csv", "x/y/c.csv"]
    for pattern in ("", "/etc/*", "../*", "a//b", "x/"):
        with pytest.raises(InvalidValueError, match="expected a relative one, such as"):
            left_by(release, pattern)
    assert list(release.layout.runs.iterdir()) == []


def test_a_file_is_copied_where_the_kernel_copies_none(public, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    release = release_of(public, "print(len(open('big.txt').read()))", **{"big.txt": "x" * 3_000_000, **FILES})
    assert run_as(release).last_line == "3000000"
    monkeypatch.setattr(os, "copy_file_range", refuse)

    assert run_as(release).last_line == "3000000"


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_text("A")])
def test_a_release_that_lacks_something_is_an_error_that_says_so(public, damage):
    release = release_of(public, "print()", **FILES)
    for path in (release.src, release.src / "names.txt"):
        path.chmod(0o755)
    damage(release.src / "names.txt")

    with pytest.raises(ReleaseDamagedError, match=r"names\.txt.*(it is missing|it lacks 2 of its 3 bytes)"):
        run_as(release)


def test_by_hand_it_writes_into_a_copy_too(public):
    release = release_of(public, WRITES_EVERYWHERE, **FILES)
    before = everything_in(release)

    by_hand = run_as(release).by_hand

    again = subprocess.run(by_hand, shell=True, capture_output=True, text=True, check=True)
    assert again.stdout == f"True {os.getuid()}\n"
    assert everything_in(release) == before


def test_a_deploy_removes_what_killed_runs_left_and_nothing_of_others(public):
    release = release_of(public, "import time; print('up', flush=True); time.sleep(60)", **FILES)
    program = (
        "from pathlib import Path\n"
        "from airflow_provider_daybreak.releases.layout import Layout\n"
        "from airflow_provider_daybreak.releases.release import get_release\n"
        "from airflow_provider_daybreak.releases.running.run import Job, run\n"
        f"release = get_release(Layout(Path({str(release.layout.root)!r}), 'daily'))\n"
        "run(release, Job(('report.py',)), on_line=lambda _, line: print(line, flush=True))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "up\n"
    plan = Plan(public / "source", python=PYTHON)
    try:
        deploy(release.layout, plan)
        [left] = release.layout.runs.iterdir()
        assert (left / "work" / "report.py").exists()  # its run goes on
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()

    def is_gone():
        deploy(release.layout, plan)
        return not left.exists()

    until(is_gone)


def test_a_worker_that_may_not_write_to_the_releases_runs_from_them_all_the_same(public, monkeypatch, tmp_path):
    release = release_of(public, "import os; print(os.getcwd())", **FILES)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    release.layout.runs.rmdir()  # root may write anywhere

    assert Path(run_as(release).last_line).is_relative_to(tmp_path)
    assert list(tmp_path.glob("daybreak-run-*")) == []


@pytest.mark.parametrize("may_write", [True, False])
def test_the_next_run_removes_what_a_killed_one_left_though_nothing_is_deployed(
    public, monkeypatch, tmp_path, may_write
):
    release = release_of(public, "print('up')", **FILES)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place = release.layout.runs if may_write else tmp_path
    if not may_write:
        place.joinpath("daybreak-trial").mkdir()
        release.layout.runs.rmdir()  # root may write anywhere
    left, descriptor = make_locked(place, "" if may_write else "daybreak-run-")
    (left / "work").mkdir()
    run_as(release)
    assert (left / "work").exists()  # its run goes on
    os.close(descriptor)

    run_as(release)

    assert [path.name for path in place.iterdir()] == ([] if may_write else ["daybreak-trial"])


def test_a_socket_has_room_among_the_temporary_files_however_deep_the_releases_lie(tmp_path):
    text = (
        "import multiprocessing, os\nif __name__ == '__main__':\n"
        "    with multiprocessing.Manager() as shared: print(*shared.list([1]), os.environ['TMPDIR'])"
    )
    release = release_of(tmp_path / ("d" * 80), text, **FILES)

    said, _, folder = run_as(release).last_line.partition(" ")

    assert said == "1"
    assert not os.path.lexists(folder)
