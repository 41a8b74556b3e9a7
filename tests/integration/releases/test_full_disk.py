"""A disk that is really full, before a deploy and in the midst of one."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_daybreak.exceptions import DiskFullError
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release, releases_of
from tests.integration.releases.package_index import wheel

MIB = 1024**2


@pytest.fixture
def disk(tmp_path):
    """Mount a disk of 256 MiB for releases, and return its folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256m,mode=755", "daybreak-test", folder]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def layout(disk):
    return Layout(disk, "daily_report")


@pytest.mark.parametrize(("taken", "problem"), [(200, r"MiB are free"), (120, "No space left on device")])
def test_what_does_not_fit_leaves_the_old_release_and_is_deployed_once_there_is_room(
    index, disk, layout, source, deployed, printed, taken, problem
):
    small = index.add("thing", "1.0")
    large = index.add_file(
        "thing-2.0-py3-none-any.whl",
        wheel("thing", "2.0", {"thing.py": "__version__ = '2.0'\n", "thing.txt": "\0" * 140 * MIB}),
    )
    old = deployed(source({"requirements.txt": f"thing==1.0 --hash={small}\n"})).release
    ballast = disk / "ballast"
    ballast.write_bytes(b"\0" * taken * MIB)
    new = source({"requirements.txt": f"thing==2.0 --hash={large}\n"})

    with pytest.raises(DiskFullError, match=rf"Too little room .*{problem}.*Make room"):
        deployed(new)

    assert get_release(layout).id == old.id
    assert printed(old) == "1.0"

    ballast.unlink()
    assert printed(deployed(new).release) == "2.0"
    assert len(releases_of(layout)) == len(list(layout.environments.iterdir())) == 2
    assert list(layout.trash.iterdir()) == []
