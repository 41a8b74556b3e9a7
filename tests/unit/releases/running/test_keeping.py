"""A large working copy, kept from run to run: each run finds what the release says, whatever the one before did to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.files import read_json, write_json
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.manifest_check import check_source
from airflow_provider_daybreak.releases.running import copying, keeping
from airflow_provider_daybreak.releases.running import workspace as workspaces
from airflow_provider_daybreak.releases.running.privileges import Privileges, find_user
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.running.workspace import files_like, workspace
from tests.attacks import often
from tests.integration.delivery.forked import forked
from tests.waiting import until

POINTS = often(12, 500)

SCRIPT = """
import os, pathlib, sys
def look(folder):
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        status = entry.stat(follow_symlinks=False)
        said = os.readlink(entry.path) if entry.is_symlink() else ""
        if entry.is_file(follow_symlinks=False):
            said = pathlib.Path(entry.path).read_text()
        yield entry.path, oct(status.st_mode), said, entry.name != ".env" and entry.is_file(follow_symlinks=False) and status.st_mtime_ns
        if entry.is_dir(follow_symlinks=False):
            yield from look(entry.path)
print(*look("."), sep="\\n")
status = os.stat("data/one.txt"); print(status.st_ino, status.st_ctime_ns, file=sys.stderr)
exec(pathlib.Path("data/do.txt").read_text() if len(sys.argv) < 2 else sys.argv[1])
"""


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch):
    monkeypatch.setattr(keeping, "_LEAST_FILES", 3)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    source = tmp_path_factory.mktemp("kept") / "source"
    for name, text in {
        "report.py": SCRIPT,
        "data/one.txt": "1",
        "data/do.txt": "",
        "data/deep/er/x": "x",
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / "data" / "link").symlink_to("one.txt")
    (source / "logs").mkdir()
    (source / ".env").write_text("PLACE=here and there\n")
    (source / ".env").chmod(0o600)
    return source


@pytest.fixture(scope="module")
def release(source):
    """Return a release that the tests share, as runs of days do: whatever a test does, the next finds it as it was."""
    return deploy(Layout(source.parent / "releases", "daily"), Plan(source)).release


def ran(release, do="", privileges=None):
    """Run the script, let it do that, and return all that it found, and which file it was by inode and time."""
    job = Job(("report.py", do) if do else ("report.py",), privileges=privileges or Privileges())
    finished = run(release, job, on_line=lambda *_: None)
    assert finished.code == 0, finished.stderr
    return finished.stdout, finished.said


def kept(release):
    return sorted(path.name for path in release.layout.runs.iterdir())


@pytest.mark.parametrize(
    "do",
    [
        "open('new.txt', 'w').write('1'); os.makedirs('a/b/c'); open('a/b/c/d', 'w').close()",
        "open('data/one.txt', 'w').write('2')",
        "open('data/one.txt', 'r+').write('2'); os.utime('data/one.txt', (0, 0))",
        "s = os.stat('data/one.txt'); open('data/one.txt', 'w').write('2'); os.utime('data/one.txt', ns=(s.st_atime_ns, s.st_mtime_ns))",
        "os.chmod('data/one.txt', 0o777)",
        "os.remove('data/one.txt'); os.rename('data/do.txt', 'data/did.txt')",
        "os.remove('data/link'); os.symlink('/etc/passwd', 'data/link')",
        "os.remove('data/link'); os.mkdir('data/link'); os.chmod('data/link', 0)",
        "os.remove('data/one.txt'); os.mkdir('data/one.txt')",
        "os.link('data/one.txt', 'again.txt'); open('again.txt', 'w').write('2')",
        "os.rename('data/deep', 'data/deeper')",
        "os.chmod('data/deep', 0o500)",
        "os.rename('data/deep/er', 'er'); os.mkdir('data/deep/er')",
        "import shutil; shutil.rmtree('data'); os.symlink('/etc', 'data')",
        "os.chmod('.', 0); os.chmod('data', 0)",
        "import shutil; shutil.rmtree('../work')",
        "os.rename('../work', '../gone'); os.symlink('/etc', '../work')",
        "open('.env', 'w').write('changed'); os.mkdir('logs/today')",
        "open(os.environ['DAYBREAK_OUTPUT_DIR'] + '/x', 'w'); open(os.environ['TMPDIR'] + '/y', 'w')",
        "open('report.py', 'w').write('print(\"changed\")')",
    ],
)
def test_a_run_finds_what_the_release_says_whatever_the_one_before_did(release, do):
    first, _ = ran(release)

    ran(release, do)
    again, _ = ran(release)

    assert again == first

    check_source(release)
    assert kept(release) == [f"kept-{release.id}"]


def test_what_a_run_left_alone_is_not_made_again(release):
    _, inode = ran(release)
    _, again = ran(release, "open('data/do.txt', 'w').write('x = 1')")

    assert ran(release)[1] == again == inode


def test_of_runs_at_once_each_has_a_copy_of_its_own(release):
    first, inode = ran(release)
    with workspace(release.layout) as space:
        finished = run(release, Job(("report.py",)), on_line=lambda *_: None, space=space)
        other, its_inode = ran(release)

    assert finished.stdout == other == first
    assert finished.said == inode != its_inode
    assert kept(release) == [f"kept-{release.id}"]


def test_what_a_run_wrote_to_is_left_by_it_and_by_no_later_one(release):
    def left(do):
        with workspace(release.layout) as space:
            run(release, Job(("report.py", do)), on_line=lambda *_: None, space=space)
            return [one.name for one in files_like(space, release, "**/*.txt")]

    assert left("open('data/one.txt', 'w').write('1'); open('b.txt', 'w')") == ["b.txt", "data/one.txt"]
    assert left("pass") == []


def test_the_folder_of_a_run_that_is_kept_holds_nothing_of_the_run(release):
    ran(release, "open('secret.txt', 'w'); open('../tmp/secret.txt', 'w')")

    [folder] = release.layout.runs.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["copy.json", "work"]
    assert not (folder / "work" / ".env").exists()
    assert list(folder.rglob("secret*")) == []


@pytest.mark.parametrize("change", [{"boot": "another"}, {"created": "2020-01-01"}, {"stamps": {}}])
def test_a_copy_that_may_have_suffered_is_made_anew(release, change):
    first, inode = ran(release)
    record = release.layout.runs / f"kept-{release.id}" / "copy.json"
    write_json(record, {**read_json(record), **change})

    again, other = ran(release)

    assert again == first
    assert other != inode


def test_what_somebody_changed_meanwhile_is_put_right(release):
    first, _ = ran(release)
    work = release.layout.runs / f"kept-{release.id}" / "work"
    (work / "data" / "one.txt").write_text("changed")
    (work / "data" / "new.txt").touch()

    assert ran(release)[0] == first


def test_a_killed_task_leaves_no_copy_that_a_later_run_would_take(release, source):
    first, _ = ran(release)
    program = (
        "from pathlib import Path\n"
        "from airflow_provider_daybreak.releases.layout import Layout\n"
        "from airflow_provider_daybreak.releases.release import get_release\n"
        "from airflow_provider_daybreak.releases.running import keeping\n"
        "from airflow_provider_daybreak.releases.running.run import Job, run\n"
        "keeping._LEAST_FILES = 3\n"
        f"release = get_release(Layout(Path({str(release.layout.root)!r}), {release.layout.name!r}))\n"
        'do = \'open("data/one.txt", "w"); import time; print("up", flush=True); time.sleep(60)\'\n'
        "run(release, Job(('report.py', do)), on_line=lambda _, line: print(line, flush=True))\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as task:
        while task.stdout.readline() not in ("up\n", ""):
            pass
        task.send_signal(signal.SIGKILL)

    assert ran(release)[0] == first
    until(lambda: only_one_is_kept(release, source))


def only_one_is_kept(release, source):
    """Deploy the same again, which removes what is left of a killed run once its processes are gone; return whether it is."""
    deploy(release.layout, Plan(source))
    return kept(release) == [f"kept-{release.id}"]


@pytest.mark.attack("kills")
def test_a_kill_at_any_line_costs_a_copy_at_most(release, source, tried):
    first, _ = ran(release)
    do = "open('data/one.txt', 'w').write('2'); open('new.txt', 'w'); os.remove('data/do.txt')"
    lines = lines_until(release, do, None)
    step = max(1, lines // POINTS)
    for line in range(1, lines, step):
        tried()
        assert lines_until(release, do, line) is None
        assert ran(release)[0] == first, f"after a kill at line {line}"

    check_source(release)
    until(lambda: only_one_is_kept(release, source))


def lines_until(release, do, line):
    """Run the script in a process that is killed at a line of what keeps copies; return how many ran if it was not."""
    traced = {keeping.__file__, copying.__file__, workspaces.__file__}
    numbers = count(1)

    def trace(frame, event, _argument):
        if frame.f_code.co_filename not in traced:
            return None
        if event == "line" and next(numbers) == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    def whole():
        sys.settrace(trace)
        run(release, Job(("report.py", do)), on_line=lambda *_: None)
        sys.settrace(None)
        return next(numbers)

    return forked(whole)


def test_a_small_source_is_copied_for_each_run(deployed):
    release = deployed("print(1)").release
    run(release, Job(("report.py",)), on_line=lambda *_: None)

    assert kept(release) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_another_users_run_has_a_copy_that_nobody_had_before(release, monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.releases.running.run.check_access", lambda *_: None)
    ran(release)
    with pytest.raises(
        AssertionError
    ):  # its Python lies where that user may not pass: here it is about the copy
        ran(release, privileges=Privileges(user=find_user("nobody")))

    assert kept(release) == [f"kept-{release.id}"]
    assert Path(release.layout.runs / f"kept-{release.id}" / "work").stat().st_uid == os.geteuid()


def test_a_deploy_removes_the_copies_of_releases_that_are_no_longer_current(release, source):
    ran(release)
    (source / "data" / "two.txt").touch()
    second = deploy(release.layout, Plan(source)).release
    ran(second)
    assert kept(release) == [f"kept-{one}" for one in sorted([release.id, second.id])]

    deploy(release.layout, Plan(source))

    assert kept(release) == [f"kept-{second.id}"]
