"""Importing a crontab of 1,000 lines: read, understood, compared by two timetables, and written as Dags with their report."""

from __future__ import annotations

import statistics
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from harness import Figure, seconds

from tests.imports import import_file

if TYPE_CHECKING:
    from collections.abc import Iterator

LINES, ROUNDS = 1000, 5


def figures() -> Iterator[Figure]:
    with TemporaryDirectory() as folder:
        crontab = Path(folder, "crontab")
        crontab.write_text("MAILTO=ann@example.org\n" + "".join(map(_line, range(LINES))))
        times = [
            seconds(lambda number=number: _import(crontab, Path(folder, f"dags-{number}")))
            for number in range(ROUNDS)
        ]
    yield Figure("import.lines_1000", statistics.median(times), None, 2, "s")


def _line(number: int) -> str:
    script = f"/srv/{number}/report_{number}.py"
    return f"# Report {number}\n{number % 60} {number % 24} * * 1-5 cd /srv/{number} && flock -n /tmp/{number} timeout 1h python {script} --all >> /var/log/{number}.log 2>&1\n"


def _import(crontab: Path, out: Path) -> None:
    with redirect_stdout(StringIO()), suppress(SystemExit):
        import_file(crontab, out, timezone="Europe/Paris", verbose=True, output="text")
    assert len(list(out.glob("*.py"))) == LINES
