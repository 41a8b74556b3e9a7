from __future__ import annotations

import json
import logging
import os
import stat
import threading

import pytest

from airflow_provider_daybreak.exceptions import (
    DeployLockTimeoutError,
    DotenvUnreadableError,
    InvalidValueError,
    NoPreviousReleaseError,
    ReleaseNotFoundError,
    VerificationError,
)
from airflow_provider_daybreak.releases.deploy import Plan, deploy, roll_back
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.lease import leased
from airflow_provider_daybreak.releases.locking import deploy_locked
from airflow_provider_daybreak.releases.release import get_release, releases_of
from airflow_provider_daybreak.releases.scan import Findings, warn_of
from airflow_provider_daybreak.releases.switch import current_id


def snapshot(folder):
    return {
        str(path.relative_to(folder)): (path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.name != "deploy.lock"
    }


def test_a_deploy_lies_as_the_design_says(layout, deployed):
    release = deployed().release

    assert (layout.current / "src" / "report.py").read_text() == "print('hello')\n"
    assert str((release.path / "environment").readlink()) == f"../../environments/{release.environment_id}"
    assert (release.environment / "COMPLETE.json").is_file()
    manifest = json.loads((release.path / "MANIFEST.json").read_text())
    assert [file["path"] for file in manifest["files"]] == ["report.py"]
    assert os.access(release.python, os.X_OK)


def test_the_same_source_changes_nothing_at_all(layout, deployed):
    first = deployed()
    before = snapshot(layout.home)

    second = deployed()

    assert (first.changed, second.changed) == (True, False)
    assert second.release.id == first.release.id
    assert snapshot(layout.home) == before


def test_other_code_shares_the_environment(deployed):
    first, second = deployed("print(1)"), deployed("print(2)")

    assert first.release.id != second.release.id
    assert first.release.environment == second.release.environment
    assert second.previous == first.release.id


def test_ids_are_the_same_wherever_it_is_deployed(deployed, folder, tmp_path):
    other = deploy(
        Layout(tmp_path / "elsewhere", "other_name"),
        Plan(folder(report_py="x=1")),
    )

    assert deployed("x=1").release.id == other.release.id


def test_a_release_cannot_be_written_to(deployed):
    release = deployed().release

    for path in (
        release.src,
        release.src / "report.py",
        release.environment / "pyvenv.cfg",
        release.environment / "lib",
    ):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o222, path


def test_everybody_can_read_and_run_a_release_whatever_the_umask(deployed, folder):
    folder(report_py="")  # everybody may read it
    before = os.umask(0o077)
    try:
        release = deployed().release
    finally:
        os.umask(before)

    for path in (
        release.path,
        release.src,
        release.src / "report.py",
        release.environment,
        release.environment / "bin",
    ):
        assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044, path


def test_a_failed_verify_command_leaves_the_old_release_current(layout, deployed):
    first = deployed("print('good')")

    with pytest.raises(VerificationError, match=r"its verify command python -c .*\(exit code 3\):\nno luck"):
        deployed("raise SystemExit(3)", verify=("python", "-c", "print('no luck'); raise SystemExit(3)"))

    assert current_id(layout) == first.release.id


def test_the_next_deploy_removes_what_an_interrupted_one_left(layout, deployed):
    current = deployed("print(1)").release
    for path in (layout.releases / ("a" * 16), layout.environments / ("b" * 16), layout.trash / "c"):
        (path / "half").mkdir(parents=True)
    (layout.home / ".current.1234.tmp").symlink_to("releases/x")

    deployed("print(2)")

    assert {one.id for one in releases_of(layout)} == {current.id, current_id(layout)}
    assert [path.name for path in layout.environments.iterdir()] == [current.environment_id]
    assert list(layout.trash.iterdir()) == []
    assert not (layout.home / ".current.1234.tmp").is_symlink()


def test_old_releases_are_pruned_but_never_one_that_is_leased_previous_or_pinned(layout, deployed):
    releases = [deployed(f"print({number})", keep=10).release for number in range(5)]
    (releases[0].path / ".pinned").touch()

    with leased(releases[1].path):
        deployed("print('new')", keep=1)

    kept = {releases[0].id, releases[1].id, releases[4].id, current_id(layout)}
    assert {one.id for one in releases_of(layout)} == kept


def test_an_environment_goes_with_its_last_release(deployed, monkeypatch):
    first = deployed("print(1)").release
    monkeypatch.setattr("airflow_provider_daybreak.releases.uv.version", lambda: "0.0.0")
    deployed("print(2)", keep=1)
    assert first.environment.exists()  # the previous release's

    deployed("print(3)", keep=1)

    assert not first.environment.exists()


def test_rolling_back_returns_to_the_previous_release(layout, deployed):
    first, second = deployed("print(1)").release, deployed("print(2)").release

    back = roll_back(layout)

    assert (back.release.id, back.previous, back.changed) == (first.id, second.id, True)
    assert current_id(layout) == first.id


def test_a_release_that_was_rolled_back_is_not_deployed_again_by_itself(layout, deployed, caplog):
    first, second = deployed("print(1)").release, deployed("print(2)").release
    roll_back(layout)

    again = deployed("print(2)")

    assert (again.release.id, again.changed) == (first.id, False)
    assert f"Release {second.id} was rolled back" in caplog.text

    assert roll_back(layout, second.id).release.id == second.id
    assert deployed("print(2)").release.id == second.id


def test_rolling_back_again_and_again_passes_over_what_was_pruned(layout, deployed):
    releases = [deployed(f"print({number})", keep=2).release.id for number in range(4)]
    roll_back(layout)

    with pytest.raises(NoPreviousReleaseError, match=releases[2]):
        roll_back(layout)

    assert current_id(layout) == releases[2]


def test_there_may_be_nothing_to_roll_back_to(layout, deployed):
    with pytest.raises(ReleaseNotFoundError, match="There is no current release of 'daily_report' here"):
        roll_back(layout)
    only = deployed().release

    with pytest.raises(NoPreviousReleaseError, match=only.id):
        roll_back(layout)
    with pytest.raises(ReleaseNotFoundError, match=f"There are: {only.id}"):
        roll_back(layout, "0" * 16)


@pytest.mark.parametrize("name", ["", "Daily", "a/b", "..", "a" * 65, None])
def test_a_name_that_is_no_slug_is_an_error(tmp_path, name):
    with pytest.raises(InvalidValueError, match="Invalid name of a release"):
        Layout(tmp_path, name)


def test_a_release_id_cannot_lead_elsewhere(layout):
    with pytest.raises(InvalidValueError, match="16 hexadecimal digits"):
        get_release(layout, "../../../../etc")


def test_two_deploys_at_once_build_once(layout, folder, caplog):
    caplog.set_level(logging.INFO)
    source = folder(report_py="print(1)")
    results = []
    threads = [threading.Thread(target=lambda: results.append(deploy(layout, Plan(source)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(result.changed for result in results) == [False, False, False, True]
    assert caplog.text.count("Building environment") == 1


def test_a_deploy_that_takes_too_long_is_an_error_with_its_holder(layout, deployed):
    layout.make()

    with (
        deploy_locked(layout, timeout=0),
        pytest.raises(DeployLockTimeoutError, match=f"process {os.getpid()} on"),
    ):
        deployed(lock_timeout=0.1)


# .env


@pytest.fixture
def dotenv(folder):
    def write(text, mode=0o600):
        path = folder() / ".env"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


def test_dotenv_is_beside_the_script_and_nobody_elses(layout, deployed, dotenv):
    dotenv("EMAIL_PASSWORD=hunter2secret\n")

    release = deployed().release

    assert (release.src / ".env").read_text() == "EMAIL_PASSWORD=hunter2secret\n"
    assert stat.S_IMODE(layout.dotenv.stat().st_mode) == 0o600


def test_a_changed_dotenv_is_told_by_key_and_makes_no_release(deployed, dotenv, caplog):
    caplog.set_level(logging.INFO)
    dotenv("A=first-value\nB=kept-value\nC=1\n")
    first = deployed()
    dotenv("A=second-value\nB=kept-value\nD=2\n")

    second = deployed()

    assert second.release.id == first.release.id
    assert "Placed .env of daily_report: A changed, C removed, D added" in caplog.text
    assert "-value" not in caplog.text


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_dotenv_that_others_can_read_is_an_error(layout, deployed, dotenv, mode):
    dotenv("A=1\n", mode=mode)

    with pytest.raises(DotenvUnreadableError, match=rf"others can read it \(mode {mode:04o}\). .*chmod 600"):
        deployed()

    assert current_id(layout) is None


def test_a_dotenv_that_only_the_workers_group_can_read_is_taken(deployed, layout, folder):
    dotenv = folder(report_py="") / ".env"
    dotenv.write_text("KEY=value\n")
    dotenv.chmod(0o440)

    deployed()

    assert layout.dotenv.stat().st_mode & 0o777 == 0o600
    os.chown(dotenv, -1, next(gid for gid in range(40000, 41000) if gid not in os.getgroups()))
    with pytest.raises(DotenvUnreadableError, match="others can read it"):
        deployed("print('another')\n")


def test_a_script_that_comes_with_an_example_of_a_dotenv_and_without_one_is_told_to_copy_it(
    folder, deployed, caplog
):
    source = folder(report_py="print(1)")
    (source / ".env.example").write_text("TOKEN=\n")

    assert deployed("print(1)").findings.example == ".env.example"

    (source / ".env").write_text("TOKEN=secret\n")
    (source / ".env").chmod(0o600)
    assert deployed("print(2)").findings.example == ""
    (source / ".env").unlink()
    assert deployed("print(3)").findings.example == ""  # that of the name is kept
    warn_of(Findings(example=".env.example"), "sales")
    assert "sales has .env.example, and no .env" in caplog.text
