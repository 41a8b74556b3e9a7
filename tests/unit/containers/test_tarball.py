from __future__ import annotations

import hashlib
import io
import tarfile
import time
import zipfile

import pytest

from airflow_provider_daybreak.containers.tarball import Entry, relative, size, stream
from airflow_provider_daybreak.exceptions import ContainerInputError


def read(chunks):
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        return [(member.name, member.mode, member.isdir(), member.size) for member in tar]


def test_files_arrive_with_the_folders_they_need_and_can_be_read_by_anybody():
    entries = [
        Entry.of("report.html", b"<p>"),
        Entry.of("charts/a.png", b"12"),
        Entry.of("charts/b/c.png", b""),
    ]

    assert read(stream(entries)) == [
        ("report.html", 0o444, False, 3),
        ("charts", 0o755, True, 0),
        ("charts/a.png", 0o444, False, 2),
        ("charts/b", 0o755, True, 0),
        ("charts/b/c.png", 0o444, False, 0),
    ]


@pytest.mark.parametrize("size", [2, 4])
def test_a_file_that_changes_while_it_is_copied_is_an_error(size):
    entry = Entry("report.html", size, lambda: io.BytesIO(b"<p>"))

    with pytest.raises(ContainerInputError, match=f"Cannot put 'report.html'.*had {size} a moment ago"):
        list(stream([entry]))


def test_an_archived_file_that_was_changed_is_an_error():
    entry = Entry("a", 3, lambda: io.BytesIO(b"abd"), hashlib.sha256(b"abc").hexdigest())

    with pytest.raises(
        ContainerInputError, match="it is not the file that was archived: its SHA-256 differs; clear the task"
    ):
        list(stream([entry]))


@pytest.mark.parametrize("path", ["report.html", "charts/a b.png", "./a", "a//b", "ü/日.txt"])
def test_paths_in_the_folder_are_taken(path):
    assert not relative(path).startswith((".", "/"))


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/etc/passwd", "../a", "a/../../b", "a\0b", "a\nb", "a\\b", "x" * 2000]
)
def test_paths_that_lead_out_of_the_folder_are_refused(path):
    with pytest.raises(ValueError, match="a path"):
        relative(path)


def test_the_size_of_a_tar_is_known_before_anything_is_read():
    names = ["a", "deep/er/" + "n" * 200, "deep/b", "ä" * 60]
    entries = [Entry.of(name, b"x" * length) for name, length in zip(names, (0, 1, 512, 513), strict=True)]

    assert size(entries) == len(b"".join(stream(entries)))


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Honolulu", "Pacific/Kiritimati"])
def test_a_script_may_zip_what_it_was_given_whatever_its_zone(tmp_path, monkeypatch, zone):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream([Entry.of("data/a.csv", b"a")])))) as tar:
        tar.extractall(tmp_path, filter="data")

    try:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
            for path in ("data", "data/a.csv"):
                packed.write(tmp_path / path)
    finally:
        monkeypatch.undo()
        time.tzset()
