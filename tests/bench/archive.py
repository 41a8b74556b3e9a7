"""The archive: finding one report's month (with four revisions a day) among 100,000 revisions on local disk."""

from __future__ import annotations

import random
import shutil
import statistics
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, seconds

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORTS, DAYS, REVISIONS = 100, 250, 4  # 100,000 revisions
FIRST = date(2026, 1, 1)
FOLDER = Path(__file__).parents[2] / ".bench" / "archive"  # kept, since filling it takes a minute or more


def figures() -> Iterator[Figure]:
    archive = Archive(FOLDER)
    if not (FOLDER / "_complete").exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        _fill(archive)
        (FOLDER / "_complete").touch()
    chosen = random.Random(1)
    months = [(f"report_{chosen.randrange(REPORTS)}", chosen.randrange(1, 9)) for _ in range(40)]
    times = [seconds(lambda month=month: _month(archive, *month)) for month in months]
    yield Figure("reports.archive_month_of_100k", statistics.median(times) * 1000, None, 50, "ms")
    days = [(report, FIRST + timedelta(days=chosen.randrange(DAYS))) for report, _ in months]
    times = [seconds(lambda day=day: archive.latest(*day)) for day in days]
    yield Figure("reports.archive_latest_of_100k", statistics.median(times) * 1000, None, 5, "ms")


def _month(archive: Archive, report: str, month: int) -> None:
    first = date(2026, month, 1)
    last = date(2026, month + 1, 1) - timedelta(days=1)
    assert len(list(archive.revisions(report, since=first, until=last))) == last.day * REVISIONS


def _fill(archive: Archive) -> None:
    """Put 100,000 revisions there: the manifest of a published one again and again, without its files."""
    charts = [DraftFile(f"charts/{index}.png", "image/png", b"PNG") for index in range(4)]
    period = {
        "name": "day",
        "start": "2026-03-29T00:00:00+00:00",
        "end": "2026-03-30T00:00:00+00:00",
        "timezone": "UTC",
    }
    made = archive.publish(
        Draft(
            report="report_0",
            report_date=FIRST - timedelta(days=1),
            period=period,
            title="Almanac",
            files=[DraftFile("report.html", "text/html", b"<p>"), *charts],
            rows={"almanac": 7},
            run={"dag_id": "daily_report", "run_id": "scheduled", "task_id": "render_report"},
        )
    )
    manifest = (made.folder / "manifest.json").read_bytes()
    for report in range(REPORTS):
        # Links to one file a report: what is measured is looking for them, and making 100,000 files takes minutes.
        original = archive.root / f"_manifest_{report}.json"
        original.write_bytes(manifest)
        for day in range(DAYS):
            for number in range(1, REVISIONS + 1):
                folder = archive.folder(f"report_{report}", FIRST + timedelta(days=day), number)
                folder.mkdir(parents=True)
                (folder / "manifest.json").hardlink_to(original)
