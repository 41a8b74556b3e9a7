"""
The pages of reports, and the index that they are made from: how long it takes to make that of an archive, and to keep up.

``DAYBREAK_BENCH_DAYS`` says how many days of 200 reports there are, each mailed to ten people; 500 of them, 100,000 revisions
and 1,000,000 mails, are what the targets mean, and take minutes to write. A target is in proportion to what is there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from pathlib import Path
from typing import TYPE_CHECKING

from growth import _manifest
from harness import Figure, seconds

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.overview.index import Index, index_path
from airflow_provider_daybreak.overview.refreshing import refresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

REPORTS = 200
READERS = 10
DAYS = int(os.environ.get("DAYBREAK_BENCH_DAYS", "25"))
NOW = datetime.now(timezone.utc)
LAST = NOW.date()
FOLDER = Path(__file__).parents[2] / ".bench" / "web"  # kept, since filling it takes minutes

_DAGS = """
from airflow.sdk import DAG

from airflow_provider_daybreak.operators.report import ReportOperator

for number in range({reports}):
    with DAG(f"ada_report{{number:03d}}", schedule="0 9 * * *", is_paused_upon_creation=False) as dag:
        ReportOperator(task_id="render_report", report=f"report{{number:03d}}", template="# Sales")
    globals()[dag.dag_id] = dag
"""


def figures() -> Iterator[Figure]:
    archive = Archive(_filled())
    with tempfile.TemporaryDirectory() as folder:
        index = Index(index_path(Path(folder), archive.uri))
        took = seconds(lambda: refresh(archive, index, now=NOW, everything=True))
        yield Figure("web.index_made", took, None, 60 * DAYS / 500, "s")
        later = NOW + timedelta(hours=2)
        refresh(archive, index, now=later)
        new = archive.root / f"report000/{LAST + timedelta(days=1):%Y/%m/%d}"
        try:
            _put(new / "r0001/manifest.json", _made("report000", LAST + timedelta(days=1)))
            yield Figure(
                "web.index_with_a_new_revision",
                1000 * seconds(lambda: refresh(archive, index, now=later)),
                None,
                100,
                "ms",
            )
            assert (
                LAST + timedelta(days=1)
                in index.archived(since=LAST, until=LAST + timedelta(days=1))["report000"]
            )
        finally:
            shutil.rmtree(new)
        asked = [
            1000 * seconds(lambda: index.archived(since=LAST - timedelta(days=14), until=LAST))
            for _ in range(20)
        ]
        yield Figure("web.index_asked_for_two_weeks", sorted(asked)[18], None, 100, "ms")
    with tempfile.TemporaryDirectory() as folder:
        yield from _pages(Path(folder), archive)


def _pages(home: Path, archive: Archive) -> Iterator[Figure]:
    """Ask a real API server, with a Dag for each report, for the page: 19 of 20 answers are there by then."""
    from tests.integration.web.server import served

    (home / "dags").mkdir()
    (home / "dags" / "reports.py").write_text(_DAGS.format(reports=REPORTS))
    with served(home, archive.uri) as server:
        environment = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__DAYBREAK__ARCHIVE": archive.uri}
        words = [sys.executable, "-m", "airflow", "dags", "reserialize"]
        subprocess.run(words, env=environment, check=True, capture_output=True)
        client = server.client("ada")
        while not (told := client.get("daybreak/api/today").json())["as_of"] or len(told["reports"]) < REPORTS:
            time.sleep(1)
        pages = (
            ("reports_today", "today", 200),
            ("a_report", "calendar/report000", 150),
            ("a_day", f"day/report000/{LAST}", 100),
        )
        for name, path, target in pages:
            took = sorted(_asked(client, path) for _ in range(60))
            yield Figure(f"web.{name}_p95", took[56], None, target, "ms")


def _asked(client: httpx.Client, path: str) -> float:
    """Return how many milliseconds a page takes."""
    return 1000 * seconds(lambda: client.get(f"daybreak/{path}").raise_for_status())


def _filled() -> Path:
    folder = FOLDER / f"{DAYS}-{LAST}"  # what is shown is what was due today
    complete = folder.with_suffix(".complete")
    if complete.exists():
        return folder
    shutil.rmtree(FOLDER, ignore_errors=True)
    for number in range(REPORTS):
        report = f"report{number:03d}"
        _put(folder / report / "owner.json", json.dumps({"dag_id": f"ada_{report}"}).encode())
        for back in range(DAYS):
            day = LAST - timedelta(days=back)
            place = folder / report / f"{day:%Y/%m/%d}"
            _put(place / "r0001/manifest.json", _made(report, day))
            for reader in range(READERS):
                _mail(place / "deliveries" / key_of(report, day.isoformat(), str(reader)), report, day, reader)
            then = datetime.combine(day, time_of_day(9, 4), timezone.utc).timestamp()
            for path in place.iterdir():
                os.utime(path, (then, then))  # an archive is as old as its days
    complete.touch()
    return folder


def _made(report: str, day: date) -> bytes:
    """Return the manifest of a report that its schedule made."""
    run = {"dag_id": f"ada_{report}", "run_id": f"scheduled__{day}"}
    return json.dumps({**json.loads(_manifest(report, day, 1)), "run": run}).encode()


def _mail(folder: Path, report: str, day: date, reader: int) -> None:
    facts = {
        "report": report,
        "report_date": day.isoformat(),
        "period": f"day:{day}:UTC",
        "revision": 1,
        "recipient": f"reader{reader}@example.org",
        "kind": "to",
        "occasion": "",
        "message_id": f"<{reader:040d}@example.org>",
        "digest": "0" * 64,
        "run": {
            "dag_id": report,
            "run_id": f"scheduled__{day}",
            "task_id": "mail",
            "map_index": -1,
            "try_number": 1,
        },
    }
    said = {**facts, "status": "sent", "reason": "250 taken", "time": f"{day}T09:04:00.000+00:00"}
    for name, content in (("prepared.json", facts), ("commit.0", facts), ("outcome.0.json", said)):
        _put(folder / name, json.dumps(content).encode())


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
