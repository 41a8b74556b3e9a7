from __future__ import annotations

import json

import pytest

from airflow_provider_daybreak.exceptions import ReleaseDamagedError, StillInUseError
from airflow_provider_daybreak.releases.lease import leased
from airflow_provider_daybreak.releases.release import get_release, releases_of
from airflow_provider_daybreak.releases.running.run import Job, run

DAMAGES = {
    "empty": lambda _: "",
    "cut off": lambda text: text[: len(text) // 2],
    "of another format": lambda text: json.dumps({**json.loads(text), "schema": 99}),
    "no object": lambda _: "[]",
    "bare": lambda _: '{"schema": 1}',
}


@pytest.fixture(params=DAMAGES)
def damage(request):
    """Return a function that damages a marker, which nothing may write to, in each of these ways."""

    def change(path):
        text = path.read_text()
        path.chmod(0o644)
        path.write_text(DAMAGES[request.param](text))
        return path

    return change


def last_line(release):
    return run(release, Job(("report.py",)), on_line=lambda *_: None).last_line


def test_an_environment_whose_marker_cannot_be_used_is_no_place_to_run_and_is_made_anew(deployed, damage):
    release = deployed().release
    marker = damage(release.environment / "COMPLETE.json")

    with pytest.raises(ReleaseDamagedError, match=rf"Cannot use '{marker}'.*Deploy again"):
        last_line(release)

    assert last_line(deployed().release) == "hello"
    assert deployed().release.id == release.id


def test_a_release_whose_manifest_cannot_be_used_is_an_error_that_names_it_and_is_made_anew(
    layout, deployed, damage
):
    release = deployed().release
    manifest = damage(release.path / "MANIFEST.json")

    with pytest.raises(ReleaseDamagedError, match=rf"Cannot use '{manifest}': it .*Deploy again"):
        get_release(layout)
    assert releases_of(layout) == []

    assert last_line(deployed().release) == "hello"
    assert get_release(layout).id == release.id


def test_an_older_release_that_is_damaged_stands_in_no_deploys_way(deployed, damage):
    damage(deployed("print(1)").release.path / "MANIFEST.json")

    assert last_line(deployed("print(2)").release) == "2"


@pytest.mark.parametrize("damage", ["empty"], indirect=True)
@pytest.mark.parametrize("marker", ["environment/COMPLETE.json", "MANIFEST.json"])
def test_what_a_job_runs_from_is_not_made_anew_under_it(deployed, damage, marker):
    release = deployed().release
    damage(release.path / marker)

    with (
        leased(release.path),
        pytest.raises(StillInUseError, match=f"a job still runs from release '{release.id}'"),
    ):
        deployed()

    assert (release.src / "report.py").exists()
    assert last_line(deployed().release) == "hello"
