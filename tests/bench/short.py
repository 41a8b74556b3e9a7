"""
What continuous integration measures: ratios by processor time, each no more than a third worse than the one in ``ratios.json``.

Processor time hardly depends on what else a machine does, and the ratio of two of it hardly on the machine. The least of
a few rounds counts. ``BENCH_RATIOS=1 make bench ARGS=--short`` writes the file anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, cpu_seconds, own_cpu_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATIOS = Path(__file__).with_name("ratios.json")
WORSE = 4 / 3
ROUNDS = 2
ROWS = "100000"
PACKAGES = ("jinja2", "python-dotenv", "requests")
SCRIPT = "import dotenv, jinja2, requests\nprint('done')\n"


def figures() -> Iterator[Figure]:
    ratios = json.loads(RATIOS.read_text())
    write = bool(os.environ.get("BENCH_RATIOS"))
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as folder:
        os.environ["AIRFLOW_HOME"] = folder  # before anything imports Airflow
        for name, ours, peer, peer_name in _measured(Path(folder)):
            measured = Figure(
                f"short.{name}", ours, peer, ratios.get(name, float("inf")) * WORSE, "s of CPU", peer_name
            )
            if write:
                ratios[name] = round(ours / peer, 2)
            yield measured
    if write:
        RATIOS.write_text(json.dumps(ratios, indent=1, sort_keys=True) + "\n")


def _measured(folder: Path) -> Iterator[tuple[str, float, float, str]]:
    """Yield each name with the processor time of ours and of the peer, and the peer's name."""
    import chain
    import cli

    for figure in cli.commands(folder, rounds=ROUNDS):
        assert figure.peer is not None
        yield figure.name.partition(".")[2], figure.ours, figure.peer, figure.peer_name
    python = sys.executable
    stock = ("stock operators", [python, "-c", chain.BEFORE])
    yield _least("import_operators", [python, "-c", f"{chain.BEFORE}; {chain.OPERATORS}"], *stock)
    yield _report(folder)
    yield _workbook(folder)
    yield _environment(folder)


def _least(
    name: str, ours: list[str | Path], peer_name: str, peer: list[str | Path]
) -> tuple[str, float, float, str]:
    pairs = [(cpu_seconds(ours), cpu_seconds(peer)) for _ in range(ROUNDS)]
    return name, min(one for one, _ in pairs), min(other for _, other in pairs), peer_name


def _report(folder: Path) -> tuple[str, float, float, str]:
    import reports

    (folder / "ours.py").write_text(reports.OURS)
    data = folder / "almanac.json"
    script = reports.DAGS / "script" / "almanac.py"
    made = subprocess.run([sys.executable, script, "--date", reports.DAY], check=True, capture_output=True)
    data.write_bytes(made.stdout)
    ours = [sys.executable, folder / "ours.py", reports.DAGS / "report.md.j2", data]
    return _least("report", ours, reports.FLOOR, [sys.executable, "-c", reports.FLOOR])


def _workbook(folder: Path) -> tuple[str, float, float, str]:
    import reports

    program = folder / "workbook.py"
    program.write_text(reports.WORKBOOK)
    command = [sys.executable, program]
    return _least("workbook", [*command, "ours", ROWS], "XlsxWriter", [*command, "bare", ROWS])


def _environment(folder: Path) -> tuple[str, float, float, str]:
    """Compare what a release's environment takes with uv's own part in it."""
    import releases

    (folder / "deployed").mkdir()
    bench = releases.Bench(folder / "deployed", PACKAGES, SCRIPT)

    def least(function: Callable[[], object]) -> float:
        return min(own_cpu_seconds(function) for _ in range(ROUNDS))

    ours, peer = least(bench.new_environment_before_bytecode), least(bench.sync_alone)
    releases.remove_tree(bench.layout.home)
    return "new_environment", ours, peer, "uv pip sync"
