from __future__ import annotations

import threading

import pytest

from airflow_provider_daybreak.storage import create_if_absent


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
