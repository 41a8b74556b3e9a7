"""
Deploys that are killed, or whose disk fails, at any point.

Some points of each kind are tried, and more of them in a sweep.
"""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from airflow_provider_daybreak.exceptions import DiskFullError
from tests.attacks import often
from tests.integration.releases.scene import Scene

CHANGING = (
    "mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,unlink,unlinkat,rmdir,write,pwrite64,fsync,chmod,"
    "fchmod,fchmodat,link,linkat,flock,ftruncate,vfork,execve,copy_file_range,sendfile,exit_group"
)
WRITING = (
    "mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,write,pwrite64,fsync,link,linkat,copy_file_range"
)
POINTS = often(8, 100)
FULL_DISKS = often(8, 160)


def spread(points, number):
    """Return that many of the points, spread evenly; all of them when there are fewer."""
    if len(points) <= number:
        return list(points)
    return [points[round(place * (len(points) - 1) / (number - 1))] for place in range(number)]


@pytest.fixture
def scene(tmp_path, index):
    logging.disable(logging.INFO)
    yield Scene(tmp_path, index)
    logging.disable(logging.NOTSET)


@pytest.mark.attack("kills")
def test_a_kill_at_any_line_leaves_a_release_that_runs_and_the_next_deploy_mends_the_rest(scene, tried):
    seen, different = scene.points()
    points = spread(different, POINTS)
    points += spread(sorted(set(range(1, seen + 1)) - set(points)), max(0, POINTS - len(points)))
    killed = 0
    for point in points:
        scene.restore()
        killed += scene.deploy_and_die_at(point)
        scene.check()
        scene.heal()
    tried(killed)
    print(f"\n{killed} kills at {len(points)} points; {seen} lines, {len(different)} different")
    assert killed >= len(points) * 0.9


FAULTS = {
    "signal=SIGKILL": "kills",
    "error=ENOSPC": "full disks",
    "error=EIO": "errors of a disk or a socket",
}


@pytest.mark.strace
@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=pytest.mark.attack(FAULTS[fault])) for fault in FAULTS]
)
def test_a_fault_at_any_system_call_leaves_a_release_that_runs_and_the_next_deploy_mends_the_rest(
    scene, fault, tried
):
    found = scene.system_calls(WRITING if fault.startswith("error") else CHANGING)
    points = spread(
        [(call, number) for call, most in found.items() for number in range(1, most + 1)],
        FULL_DISKS if fault == "error=ENOSPC" else POINTS,
    )
    ended = Counter()
    for call, number in points:
        scene.restore()
        # a disk that is full stays so; a kill or a bad block comes once
        when = f"{number}+" if fault == "error=ENOSPC" else str(number)
        ended[scene.deploy_with(f"{call}:{fault}:when={when}")] += 1
        scene.check()
        scene.heal()
    tried(len(points))
    print(f"\n{fault}: {len(points)} points of {sum(found.values())} in {len(found)} calls: {dict(ended)}")
    assert set(ended) <= {
        "killed",
        "done",
        "DiskFullError",
        "StorageError",
        "InstallError",
        "VerificationError",
        "InterpreterError",
    }


def test_a_disk_that_is_too_small_is_found_before_anything_is_built(scene, index, monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.releases.environments.environment._LEAST_ROOM", 1 << 60)
    scene.restore()
    index.requests.clear()

    with pytest.raises(
        DiskFullError, match=r"Too little room .* MiB are free, and it takes 1,099,511,627,784.0 MiB"
    ):
        scene.deploy()

    assert index.requests == []
    scene.check()
