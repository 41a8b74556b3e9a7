"""Whose the folders of releases are: what is run from them is nobody else's."""

from __future__ import annotations

import os

import pytest

from airflow_provider_daybreak.exceptions import ReleasesUnsafeError
from airflow_provider_daybreak.releases.running.run import Job, run

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")


@pytest.fixture
def release(deployed):
    return deployed().release


def ran(release):
    return run(release, Job(("report.py",)), on_line=lambda *_: None).last_line


@pytest.mark.parametrize("name", ["", "releases", "environments", "shared", "runs", "state"])
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_a_folder_that_everybody_may_write_to_is_refused_with_the_next_step(release, deployed, name, mode):
    folder = release.layout.home / name
    folder.chmod(mode)

    for use in (lambda: ran(release), deployed):
        with pytest.raises(
            ReleasesUnsafeError, match=rf"'{folder}' .*others may write .* chmod go-w it; else set"
        ):
            use()
    folder.chmod(0o755)
    assert ran(release) == "hello"


@root_only
def test_a_folder_of_another_user_is_refused(release, deployed):
    os.chown(release.layout.root, 65534, -1)

    for use in (lambda: ran(release), deployed):
        with pytest.raises(ReleasesUnsafeError, match="it belongs to user 65534.* chown 0 it"):
            use()


@root_only
def test_a_folder_that_another_group_may_write_to_is_refused(release):
    release.layout.root.chmod(0o2775)
    assert ran(release) == "hello"  # a group of this process's own

    os.chown(release.layout.root, -1, 65534)
    with pytest.raises(ReleasesUnsafeError, match=r"others may write to it \(mode 2775\)"):
        ran(release)
