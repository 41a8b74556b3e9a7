from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from tests.attacks import often

PUBLISHER = [sys.executable, str(Path(__file__).with_name("publisher.py"))]
EVERY = often(7, 1)
DAY = date(2026, 3, 29)


def draft(text="<p>Hello</p>", report="daily_report"):
    return Draft(
        report=report,
        report_date=DAY,
        period={
            "name": "day",
            "start": "2026-03-29T00:00:00+00:00",
            "end": "2026-03-30T00:00:00+00:00",
            "timezone": "UTC",
        },
        title="Almanac",
        files=[
            DraftFile("report.html", "text/html", text.encode()),
            DraftFile("charts/a.png", "image/png", b"PNG"),
        ],
        rows={},
        run={},
    )


def run(*words):
    done = subprocess.run([*PUBLISHER, *words], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.attack("kills")
def test_wherever_publishing_is_killed_the_revision_is_absent_or_complete(tmp_path, tried):
    found = run("sweep", str(tmp_path), str(EVERY))

    tried(sum(found.values()))
    assert set(found) == {"absent", "complete"}
    assert sum(found.values()) * EVERY > 500


def test_racing_processes_get_consecutive_numbers_and_lose_none(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda name: run("race", str(tmp_path), name, "10"), "abcd"))

    assert sorted(number for each in numbers for number in each) == list(range(1, 41))
    assert len({each.read("report.html") for each in Archive(tmp_path).revisions()}) == 40


@pytest.mark.attack("errors of a disk or a socket")
@pytest.mark.parametrize("call", ["open", "fsync", "link", "mkdir", "rename"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT", "EROFS"])
def test_whatever_the_disk_refuses_the_revision_is_absent_or_complete(
    tmp_path, monkeypatch, call, error, tried
):
    import errno

    archive = Archive(tmp_path)
    owner, name = {"mkdir": (Path, "mkdir"), "rename": (Path, "replace")}.get(call, (os, call))
    genuine = getattr(owner, name)
    outcomes = []
    for point in range(100):
        report = f"report_{point}"
        calls = 0

        def failing(*args, point=point, **kwargs):
            nonlocal calls
            calls += 1
            if calls == point + 1:
                raise OSError(getattr(errno, error), os.strerror(getattr(errno, error)))
            return genuine(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, failing)
            try:
                archive.publish(draft(report=report))
            except OSError as raised:
                outcomes.append(errno.errorcode[raised.errno])
        if calls <= point:
            break
        there = archive.latest(report, DAY)
        assert there is None or {there.read(file.name) for file in there.manifest.files}
        assert archive.publish(draft(report=report)).number == 1
        assert archive.publish(draft("other", report)).number == 2

    tried(len(outcomes), "full disks" if error in ("ENOSPC", "EDQUOT") else "")
    assert set(outcomes) == {error}


@pytest.mark.attack("full disks")
def test_a_disk_that_is_full_in_the_middle_of_a_file_leaves_nothing_of_it(tmp_path):
    archive = Archive(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            archive.publish(draft("x" * (2 << 20)))
        with pytest.raises(OSError, match="File too large"):
            archive.store_artifact("report.pdf", io.BytesIO(b"x" * (2 << 20)))
        with pytest.raises(OSError, match="File too large"):
            storage.create_if_absent(tmp_path / "marker", b"x" * (2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert list(archive.revisions()) == []
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert left == ["claim.json"]
    assert archive.publish(draft("x" * (2 << 20))).number == 1
