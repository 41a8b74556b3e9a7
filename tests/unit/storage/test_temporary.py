from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

from airflow_provider_daybreak.storage.temporary import abandoned, make_locked, temporary_folder

HOLDER = """
import sys
from airflow_provider_daybreak.storage.temporary import temporary_folder
with temporary_folder("daybreak-trial-") as folder:
    (folder / "secret.txt").write_text("a mail")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path, monkeypatch):
    """Return a process that holds a temporary folder, and the folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process, tmp_path / process.stdout.readline().strip()
        process.kill()


def test_what_a_killed_process_left_is_removed_by_the_next(holder, tmp_path):
    process, left = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (left / "secret.txt").exists()

    with temporary_folder("daybreak-trial-") as folder:
        assert list(tmp_path.iterdir()) == [folder]

    assert list(tmp_path.iterdir()) == []


def test_what_a_process_still_needs_is_left_alone(holder):
    _, held = holder

    with temporary_folder("daybreak-trial-"):
        assert (held / "secret.txt").exists()


@pytest.mark.usefixtures("holder")
def test_what_has_another_prefix_or_is_no_folder_is_left_alone(tmp_path):
    (tmp_path / "somebody-elses").mkdir()
    (tmp_path / "daybreak-trial-0123456789abcdef").touch()
    (tmp_path / "daybreak-trial-0123456789abcdee").symlink_to("somebody-elses")
    (tmp_path / "daybreak-trial-ab12_xyz").mkdir()  # as an earlier version made them, without a lock

    with temporary_folder("daybreak-trial-"):
        pass

    assert {path.name for path in tmp_path.iterdir()} > {
        "somebody-elses",
        "daybreak-trial-0123456789abcdef",
        "daybreak-trial-0123456789abcdee",
        "daybreak-trial-ab12_xyz",
    }


def test_what_belongs_to_another_user_is_left_alone(tmp_path):
    if os.geteuid():
        pytest.skip("needs root, to make another user's folder")
    (tmp_path / ("0" * 16)).mkdir()
    os.chown(tmp_path / ("0" * 16), 12345, 12345)

    assert list(abandoned(tmp_path)) == []


def test_a_folder_is_locked_before_anybody_takes_it_for_abandoned(tmp_path):
    ended = threading.Event()

    def sweep():
        while not ended.is_set():
            for folder in abandoned(tmp_path):
                folder.rmdir()

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    try:
        for _ in range(300):
            folder, descriptor = make_locked(tmp_path)
            (folder / "mine").touch()
            (folder / "mine").unlink()
            os.close(descriptor)
    finally:
        ended.set()
        sweeper.join()
