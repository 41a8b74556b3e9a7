"""A script as it is, run with what Daybreak can do for it, beside the same script run without."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from harness import Figure, in_turn, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 15


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name:
        yield _clock(Path(name))


def _clock(folder: Path) -> Figure:
    """Compare a run whose clock starts at its own day with one that has the true time."""
    from airflow_provider_daybreak.releases.clock import start_at
    from airflow_provider_daybreak.releases.deploy import Plan, deploy
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.run import Job, run
    from airflow_provider_daybreak.releases.uv import Index

    script = folder / "today.py"
    script.write_text("from datetime import date\nprint(date.today())\n")
    release = deploy(Layout(folder / "releases", "today"), Plan(script)).release
    instant = datetime(2026, 3, 28, 9, tzinfo=ZoneInfo("Europe/Berlin"))

    def on_its_day() -> object:
        boot = start_at(instant, release, index_of=Index)
        return run(release, Job(("today.py",), boot=boot), on_line=lambda *_: None)

    def today() -> object:
        return run(release, Job(("today.py",)), on_line=lambda *_: None)

    on_its_day()
    ours, true = in_turn(lambda: seconds(on_its_day), lambda: seconds(today), rounds=ROUNDS)
    return Figure("script.clock", (ours - true) * 1000, None, 80, "ms more than with the true time")
