"""The almanac report beside papermill and nbconvert, and a million rows beside bare XlsxWriter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, in_turn, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
DAGS = ROOT / "dags" / "daily_report"
PEERS = ROOT / ".bench" / "peers" / "reports"
DAY = "2026-03-29"
ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
MEGABYTE = 1_000_000

SECOND_CHART = """
{{ chart(almanac.year[:90], x="day", y={"seconds": "Daylight"}, title="The first ninety days", name="ninety") }}
"""
OURS = """
import json, sys
from datetime import date
from pathlib import Path
from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme

def report(template, data):
    day = date.fromisoformat("2026-03-29")
    subject = Subject("daily_report", day, period_of(day, timezone=zone("Europe/Berlin")), Language("en_GB"))
    return list(rendering.render(render(Path(template), subject, data), ("html", "text"), Theme()))

if __name__ == "__main__":
    report(sys.argv[1], {"almanac": json.loads(Path(sys.argv[2]).read_text())})
"""
FLOOR = "import jinja2, vl_convert"
NOTEBOOK = [
    ("parameters", 'path = ""'),
    (
        "",
        (
            "import json\nimport matplotlib.pyplot as plt\nimport pandas as pd\n"
            "almanac = json.load(open(path))\nyear = pd.DataFrame(almanac['year'])\nyear['day'] = pd.to_datetime(year['day'])"
        ),
    ),
    (
        "",
        "print('Day length', almanac['day_length'], 'sunrise', almanac['sunrise'], 'sunset', almanac['sunset'])",
    ),
    ("", "plt.figure(figsize=(6, 2.8)); plt.fill_between(year['day'], year['seconds']); plt.show()"),
    ("", "plt.figure(figsize=(6, 2.8)); plt.plot(year['day'][:90], year['seconds'][:90]); plt.show()"),
    ("", "pd.DataFrame(almanac['twilight'])"),
    ("", "pd.DataFrame(almanac['holidays']['next'])"),
]
WORKBOOK = """
import io, sys, time

def rows():
    for number in range(int(sys.argv[2])):
        yield number, f"name {number % 1000}", number * 1.5, number % 7

start = time.perf_counter()
if sys.argv[1] == "ours":
    from datetime import date
    from airflow_provider_daybreak.reports.document import Column, Document, Table
    from airflow_provider_daybreak.reports.format import Format
    from airflow_provider_daybreak.reports.formats import xlsx
    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.period import period_of, zone
    from airflow_provider_daybreak.reports.rows import Rows
    from airflow_provider_daybreak.reports.theme import Theme

    kinds = {"a": Format("number", 0), "b": Format("text"), "c": Format("number", 1), "d": Format("plain")}
    columns = tuple(Column(name, name, kind, "left") for name, kind in kinds.items())
    table = Table("rows", Rows(tuple(kinds), rows()), columns)
    day = date(2026, 3, 29)
    document = Document("x", "X", day, period_of(day, timezone=zone("UTC")), Language("en"), (), (table,))
    size = sum(len(file.content) for file in xlsx.render(document, Theme()))
else:
    import xlsxwriter

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for line, row in enumerate(rows()):
            for at, value in enumerate(row):
                sheet.write(line, at, value)
    size = len(buffer.getvalue())
seconds = time.perf_counter() - start
with open("/proc/self/status") as status:  # ru_maxrss begins at what the process that started this one had
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(seconds, peak * 1024, size)
"""


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as folder:
        yield from _almanac(Path(folder))
        yield from _workbook(Path(folder))


def _almanac(folder: Path) -> Iterator[Figure]:
    data = folder / "almanac.json"
    script = DAGS / "script" / "almanac.py"
    data.write_bytes(
        subprocess.run([sys.executable, script, "--date", DAY], check=True, capture_output=True).stdout
    )
    template = folder / "report.md.j2"
    template.write_text((DAGS / "report.md.j2").read_text(encoding="utf-8") + SECOND_CHART, encoding="utf-8")
    plain = folder / "plain.md.j2"
    plain.write_text(_without_charts(template.read_text(encoding="utf-8")), encoding="utf-8")
    program = folder / "ours.py"
    program.write_text(OURS, encoding="utf-8")

    def ours() -> float:
        return seconds(lambda: subprocess.run([sys.executable, program, template, data], check=True))

    peer = _papermill(folder, data)
    fresh, theirs = in_turn(ours, peer, rounds=3)
    name = "papermill+nbconvert"
    floor = min(seconds(lambda: subprocess.run([sys.executable, "-c", FLOOR], check=True)) for _ in range(3))
    yield Figure("reports.fresh_process", fresh, theirs, 1 / 15, "s", name, floor=floor, floor_name=FLOOR)

    sys.path.insert(0, str(folder))
    from ours import report

    almanac = {"almanac": json.loads(data.read_text(encoding="utf-8"))}
    report(template, almanac)
    warm = sorted(seconds(lambda: report(template, almanac)) for _ in range(7))[3]
    yield Figure("reports.warm", warm, theirs, 1 / 50, "s", name)
    charted = sorted(seconds(lambda: report(plain, almanac)) for _ in range(7))[3]
    yield Figure("reports.warm_without_charts", charted * 1000, None, 100, "ms")


def _without_charts(source: str) -> str:
    import re

    return re.sub(r"\{\{ chart\(.*?\) \}\}\n", "", source, flags=re.DOTALL)


def _papermill(folder: Path, data: Path) -> Callable[[], float]:
    """Return what times the same report as a notebook: run by papermill, turned into HTML by nbconvert."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, PEERS], check=True)
        packages = ["papermill", "nbconvert", "ipykernel", "matplotlib", "pandas"]
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *packages], check=True)
    cells = [
        {
            "cell_type": "code",
            "source": source,
            "metadata": {"tags": [tag] if tag else []},
            "outputs": [],
            "execution_count": None,
        }
        for tag, source in NOTEBOOK
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = folder / "report.ipynb"
    notebook.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    run = [python, "-m", "papermill", "--no-progress-bar", notebook, folder / "out.ipynb", "-p", "path", data]
    convert = [python, "-m", "nbconvert", "--to", "html", "--no-input", folder / "out.ipynb"]
    environment = {**os.environ, "PATH": f"{PEERS / 'bin'}:{os.environ['PATH']}"}

    def both() -> None:
        for command in (run, convert):
            subprocess.run(command, check=True, env=environment, capture_output=True)

    return lambda: seconds(both)


def _workbook(folder: Path) -> Iterator[Figure]:
    program = folder / "workbook.py"
    program.write_text(WORKBOOK, encoding="utf-8")
    memory = []

    def write(which: str) -> float:
        command = [sys.executable, str(program), which, str(ROWS)]
        took, peak, _ = map(float, subprocess.run(command, check=True, capture_output=True).stdout.split())
        if which == "ours":
            memory.append(peak)
        return took

    ours, bare = in_turn(lambda: write("ours"), lambda: write("bare"), rounds=3)
    yield Figure("reports.xlsx_million_rows", ours, bare, 1.05, "s", "XlsxWriter")
    yield Figure("reports.xlsx_memory", max(memory) / MEGABYTE, None, 300, "MB")
