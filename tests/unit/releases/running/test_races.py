"""A process of the user that scripts run as, which swaps whatever it can while root hands over, collects and removes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import ArtifactUnreadableError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.running.privileges import find_user
from airflow_provider_daybreak.releases.running.workspace import files_like, fill, opened, workspace
from tests.attacks import often

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
PYTHON = "/usr/bin/python3"  # one that every user may run
TRIES = often(100, 1_000)
SECRET = "of root alone"
# Puts links to root's folder and file, hard links too, in the place of each folder and file that it gets at, and back.
SWAPS = """
import contextlib, glob, os, sys
runs, private = sys.argv[1:]
print("up", flush=True)

def swap(place, to, make):
    with contextlib.suppress(OSError):
        os.rename(place, place + ".away")
        with contextlib.suppress(OSError):
            make(to, place)
            os.unlink(place)
        os.rename(place + ".away", place)

while True:
    for top in glob.glob(runs + "/*"):
        with contextlib.suppress(OSError):
            os.makedirs(top + "/output/data/deep", exist_ok=True)
            open(top + "/output/data/one.csv", "a").close()
        for _ in range(20):
            swap(top + "/output/data/one.csv", private + "/one.csv", os.symlink)
            swap(top + "/output/data/one.csv", private + "/one.csv", os.link)
            swap(top + "/output/data", private, os.symlink)
        for path in (top + "/work", top + "/output", top + "/work/data", top + "/work/data/deep"):
            swap(path, private, os.symlink)
"""


@pytest.fixture(scope="module")
def scene():
    """Yield a release, and a folder of root's with a file in it, that every user may pass, and none read."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-races-"))
    folder.chmod(0o755)
    source = folder / "source"
    for name in ("report.py", "data/one.csv", "data/deep/two.csv", "data/deep/er/three.csv"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("1")
    private = folder / "private"
    private.mkdir(mode=0o711)
    for name in ("one.csv", "two.csv"):
        (private / name).write_text(SECRET)
        (private / name).chmod(0o600)
    yield deploy(Layout(folder / "releases", "daily"), Plan(source, python=PYTHON)).release, private
    remove_tree(folder)


@contextmanager
def swapping(release, private):
    command = [PYTHON, "-c", SWAPS, str(release.layout.runs), str(private)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, user="nobody", group="nogroup", extra_groups=[]
    ) as attacker:
        try:
            assert attacker.stdout.readline() == b"up\n"
            yield
            assert attacker.poll() is None
        finally:
            attacker.kill()


def stays_roots(private):
    found = [private, *private.iterdir()]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in found} == {(0, 0)}
    assert sorted(path.name for path in found) == ["one.csv", "private", "two.csv"]
    assert {path.read_text() for path in private.iterdir()} == {SECRET}


@pytest.mark.attack("races")
def test_what_is_handed_over_collected_and_removed_is_never_roots(scene, tried):
    tried(TRIES)
    release, private = scene
    nobody, read = find_user("nobody"), 0
    with swapping(release, private):
        for _ in range(TRIES):
            with workspace(release.layout) as space:
                fill(space, release, nobody)
                read += sum(collect(space, release, nobody) for _ in range(6))
            stays_roots(private)

    assert read  # now and then what is there is the script's own
    assert list(release.layout.runs.iterdir()) == []


def collect(space, release, nobody):
    """Read all that a run left, as artifacts are; return how many files that were."""
    read = 0
    for pattern in ("*.csv", "**/*.csv", "data/*.csv"):
        with suppress(ArtifactUnreadableError):
            for left in files_like(space, release, pattern, nobody):
                with opened(space, left, nobody) as file:
                    assert SECRET.encode() not in file.read()
                    read += 1
    return read
