"""
Programs that the crash tests run in processes of their own.

``publisher.py race ROOT NAME TIMES`` publishes that many revisions of its own content on one day.
``publisher.py once ROOT`` publishes one revision, and ``publisher.py check ROOT`` says what became of it.
``publisher.py sweep ROOT EVERY`` publishes in children that are killed at each EVERY-th call, line or return of the
archive's code, and prints what was found after the kills.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak import archive as archive_package
from airflow_provider_daybreak import storage as storage_package
from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.archive.verify import verify

if TYPE_CHECKING:
    from types import FrameType

CODE = tuple(str(Path(package.__file__).parent) for package in (archive_package, storage_package))
DAY = date(2026, 3, 29)


def draft(text: str, report: str = "daily_report") -> Draft:
    charts = [DraftFile(f"charts/{name}.png", "image/png", b"PNG" * 2000) for name in "abc"]
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
        files=[DraftFile("report.html", "text/html", text.encode() * 1000), *charts],
        rows={},
        run={},
    )


def race(root: Path, name: str, times: int) -> None:
    archive = Archive(root)
    numbers = [archive.publish(draft(f"{name} {index}")).number for index in range(times)]
    json.dump(numbers, sys.stdout)


def sweep(root: Path, every: int) -> None:
    found: Counter[str] = Counter()
    archive = Archive(root)
    for point in count(1, every):
        report = f"report_{point}"
        if not _publish_and_die(archive, draft("first", report), point):
            break
        found[_after_kill(archive, report)] += 1
    json.dump(found, sys.stdout)


def _publish_and_die(archive: Archive, what: Draft, point: int) -> bool:
    """Publish in a child that is killed at that event; return whether it came so far."""
    child = os.fork()
    if child == 0:
        events = 0

        def trace(frame: FrameType, _event: str, _argument: object) -> object:
            nonlocal events
            if not frame.f_code.co_filename.startswith(CODE):
                return None
            events += 1
            if events == point:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        archive.publish(what)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _after_kill(archive: Archive, report: str) -> str:
    """Say whether the revision is there, after making sure that it is so whole, and that work can go on."""
    assert all(not verified.damages for verified in verify(archive, report))
    there = archive.latest(report, DAY)
    again = archive.publish(draft("first", report))
    assert (again.number, again.existing) == (1, there is not None)
    assert archive.publish(draft("second", report)).number == 2
    assert [verified.damages for verified in verify(archive, report)] == [(), ()]
    return "absent" if there is None else "complete"


if __name__ == "__main__":
    program, root, *rest = sys.argv[1:]
    if program == "race":
        race(Path(root), rest[0], int(rest[1]))
    elif program == "once":
        Archive(Path(root)).publish(draft("first"))
    elif program == "check":
        print(_after_kill(Archive(Path(root)), "daily_report"))
    else:
        sweep(Path(root), int(rest[0]))
