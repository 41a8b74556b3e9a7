from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import time_machine

from airflow_provider_daybreak.storage import age, create_if_absent, place


def test_a_file_is_created_once(tmp_path):
    path = tmp_path / "a" / "b" / "marker"

    assert create_if_absent(path, b"first")
    assert not create_if_absent(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(path.parent.iterdir()) == [path]


def test_of_many_at_once_one_creates_it(tmp_path):
    gate = threading.Barrier(16)
    created = []

    def create(content):
        gate.wait()
        if create_if_absent(tmp_path / "marker", content):
            created.append(content)

    threads = [threading.Thread(target=create, args=(b"%d" % index,)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert created == [(tmp_path / "marker").read_bytes()]


def test_a_folder_in_the_way_is_an_error(tmp_path):
    (tmp_path / "a").write_text("")

    with pytest.raises(NotADirectoryError):
        create_if_absent(tmp_path / "a" / "marker", b"")


def test_a_file_is_as_old_as_the_clock_of_its_file_system_says(tmp_path):
    path = tmp_path / "marker"
    path.touch()
    then = path.stat().st_mtime - 90
    os.utime(path, (then, then))

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(hours=1)):
        assert timedelta(seconds=90) <= age(path) < timedelta(minutes=30)
    assert list(tmp_path.iterdir()) == [path]
    assert age(tmp_path / "absent") is None


def test_a_folder_that_is_not_made_yet_lies_where_it_would_be_made(tmp_path):
    assert place(tmp_path / "a" / "b") == place(tmp_path) == tmp_path.stat().st_dev
    assert place(tmp_path) != place(Path("/proc/self"))
