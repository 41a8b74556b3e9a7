"""
Install the wheel over versions of Airflow and Python, run the daily report on each, and write README.md's table of it.

A row is an Airflow, a Python and a day: with ``then``, Airflow is installed with what there was two days after it came out, which is how
most deployments stand; with ``now``, with what there is today. The wheel then comes on top, today, with every extra. For each: what it
moved of what was there; ``pip check``; one daily run by ``airflow dags test`` with its PDF and its mail; who may open the report; and what each
page and action answers.
``lowest`` is an Airflow of its time with the oldest direct requirements that setup.cfg allows, uv's too: the unit tests of the core packages
run there. ``--moves`` measures what is moved alone, and leaves the rest of the table as it was; so do rows that are not asked for. A part of it
runs with the tests: tests/test_packaging.py.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from tests.matrix.pages import look, readers, served
from tests.test_packaging import BUNDLE, Home, daily_report, installed, uv
from tests.test_packaging import RELEASED as OF_PACKAGING

ROOT = Path(__file__).parents[2]
EXTRAS = {
    "moved": "[encrypt,parquet,pdf,sql,ssh,workbooks,xlsx]",
    "moved_by_s3": "[s3]",
    "moved_by_kubernetes": "[kubernetes]",
}
RELEASED = {**OF_PACKAGING, "3.1.0": "2025-09-25", "3.2.0": "2026-04-07", "3.3.2": "2026-09-17"}
ROWS = (
    ("3.1.0", "3.10", "then"),
    ("3.1.8", "3.11", "then"),
    ("3.1.8", "3.12", "now"),
    ("3.2.0", "3.12", "then"),
    ("3.2.2", "3.11", "then"),
    ("3.2.2", "3.13", "now"),
    ("3.3.0", "3.13", "then"),
    ("3.3.2", "3.10", "now"),
    ("3.3.2", "3.11", "now"),
    ("3.3.2", "3.12", "now"),
    ("3.3.2", "3.13", "now"),
    ("3.1.0", "3.10", "lowest"),
    ("3.2.0", "3.12", "lowest"),
    ("3.3.2", "3.13", "lowest"),
)
CORE = [
    f"tests/unit/{package}"
    for package in (
        *("archive", "containers", "delivery", "jobs", "overview"),
        *("releases", "reports", "storage", "web"),
    )
]
HEAD = (
    "Airflow",
    "Python",
    "With packages",
    "Moved of them",
    "Moved by `s3`",
    "Moved by `kubernetes`",
    "Daily run",
    "Report opens for",
)
MARKS = ("<!-- made by make matrix -->\n", "<!-- end -->")


@dataclass
class Row:
    """What was found."""

    airflow: str
    python: str
    when: str
    moved: str = ""
    moved_by_s3: str = ""
    moved_by_kubernetes: str = ""
    runs: str = ""
    opens: str = ""
    problem: str = ""

    def cells(self) -> list[str]:
        now = f"of {datetime.now().astimezone():%B %Y}"
        when = {"then": "of its time", "now": now, "lowest": "the oldest allowed"}[self.when]
        return [
            self.airflow,
            self.python,
            when,
            self.moved,
            self.moved_by_s3,
            self.moved_by_kubernetes,
            self.problem or self.runs,
            self.opens,
        ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "rows", nargs="*", help="rows as AIRFLOW/PYTHON/WHEN, such as 3.2.2/3.13/now; all when none is given"
    )
    parser.add_argument("--moves", action="store_true", help="measure what is moved alone: no run, no test")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    rows = [row for row in ROWS if not arguments.rows or "/".join(row) in arguments.rows]
    if arguments.moves:
        rows = [row for row in rows if row[2] != "lowest"]
    done = []
    with tempfile.TemporaryDirectory(prefix="daybreak-matrix-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # some tests are another user's
        wheels = Path(folder) / "wheel"
        uv("build", "--quiet", "--wheel", "--out-dir", wheels, ROOT)
        wheel = next(wheels.glob("*.whl"))
        for number, (airflow, python, when) in enumerate(rows, start=1):
            print(f"{number}/{len(rows)}  Airflow {airflow}, Python {python}, {when} …", flush=True)
            row = Row(airflow, python, when)
            try:
                how = moves if arguments.moves else lowest if when == "lowest" else measure
                how(row, wheel, Path(folder) / str(number))
            except AssertionError as error:
                row.problem = f"**{str(error).splitlines()[0][:120]}**"
                told = [line for line in str(error).splitlines() if "rror" in line or line.startswith("FAILED")]
                print("\n".join(told)[-6000:], flush=True)
            print("   ", " | ".join(row.cells()), flush=True)
            done.append(row)
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(MARKS[0])
    earlier, _, after = rest.partition(MARKS[1])
    table = table_of(done, earlier, moves_alone=arguments.moves)
    print(table)
    if arguments.write:
        readme.write_text(before + MARKS[0] + table + MARKS[1] + after, encoding="utf-8")
    return any(row.problem for row in done)


def table_of(rows: list[Row], earlier: str, *, moves_alone: bool) -> str:
    """Return the table, with what was found now in place of what stood there."""
    old = [[cell.strip() for cell in line.strip("|").split("|")] for line in earlier.splitlines()]
    known = {
        _key(cells): dict(zip(old[0], cells, strict=True)) for cells in old[2:] if len(cells) == len(old[0])
    }
    for row in rows:
        found = dict(zip(HEAD, row.cells(), strict=True))
        if moves_alone and not row.problem:
            found = {name: value for name, value in found.items() if name not in HEAD[-2:]}
        known[_key(row.cells())] = known.get(_key(row.cells()), {}) | found
    order = [_key(Row(*row).cells()) for row in ROWS]
    lines = [[known[key].get(name, "") for name in HEAD] for key in order if key in known]
    return "".join(f"| {' | '.join(line)} |\n" for line in [list(HEAD), ["---"] * len(HEAD), *lines])


def _key(cells: list[str]) -> tuple[str, ...]:
    """Return what tells a row from others: of which month its packages are is none of it."""
    airflow, python, packages = cells[:3]
    return airflow, python, packages if packages in ("of its time", "the oldest allowed") else "now"


def environment(row: Row, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Make a virtual environment for the row; return its Python, and how to install what there was on the row's day."""
    folder.mkdir()
    uv("venv", "--quiet", "--python", row.python, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    day = date.fromisoformat(RELEASED[row.airflow]) + timedelta(days=2)
    by_then = () if row.when == "now" else ("--exclude-newer", day.isoformat())
    return python, ("pip", "install", "--quiet", "--python", str(python), *by_then)


def moves(row: Row, wheel: Path, folder: Path) -> Path:
    """Measure what each of the extras moves of what Airflow brought; return the Python that has it all."""
    python, add = environment(row, folder)
    uv(*add, f"apache-airflow=={row.airflow}")
    today = ("pip", "install", "--quiet", "--python", str(python))
    for field, extras in EXTRAS.items():
        before = installed(python)
        uv(*today, f"{wheel}{extras}")
        after = installed(python)
        moved = [f"{name} {was} → {after.get(name)}" for name, was in before.items() if after.get(name) != was]
        setattr(
            row, field, ", ".join(name.removeprefix("apache-airflow-providers-") for name in moved) or "nothing"
        )
    uv("pip", "check", "--python", python)
    return python


def measure(row: Row, wheel: Path, folder: Path) -> None:
    python = moves(row, wheel, folder)
    today = ("pip", "install", "--quiet", "--python", str(python))
    uv(*today, "aiosmtpd")  # what a mail server of our own needs is no part of what is measured
    home = Home(python, folder, AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps([BUNDLE]))
    try:
        day = date.today() - timedelta(days=1)  # noqa: DTZ011 - any recent day will do
        home.airflow(daily_report(day))
        [mail] = [mail for subject, mail in home.mails().items() if day.strftime("%-d %B %Y") in subject]
        types = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
        row.runs = "mailed, with its PDF" if "application/pdf" in types else "mailed, without a PDF"
        with served(home, folder) as clients:
            row.opens = ", ".join(readers(clients, day)) or "nobody"
            look(home, clients, day)
    finally:
        home.catcher.stop()


def lowest(row: Row, wheel: Path, folder: Path) -> None:
    """Run the unit tests on the oldest direct requirements, with what tests need beside them."""
    python, add = environment(row, folder)
    # uv and its like may be younger than that Airflow: the day bounds what Airflow itself brings.
    uv(*add, f"apache-airflow=={row.airflow}")
    oldest = ("--resolution", "lowest-direct", "-r", f"{ROOT / 'setup.cfg'}", "--extra", "all")
    uv("pip", "install", "--quiet", "--python", python, f"apache-airflow=={row.airflow}", *oldest)
    uv("pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    before = installed(python)
    # What documents say to call, "airflow daybreak", came with Airflow 3.2.
    pins = folder / "pins.txt"
    pins.write_text(
        "".join(
            f"{name}=={version}\n" for name, version in before.items() if name != "airflow-provider-daybreak"
        )
    )
    uv(
        "pip",
        "install",
        "--quiet",
        "--python",
        python,
        "--constraint",
        pins,
        "--group",
        f"{ROOT / 'pyproject.toml'}:unit",
    )
    uv("pip", "check", "--python", python)
    env = os.environ | {"PATH": f"{python.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [
            python,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-n",
            "2",
            "--dist",
            "loadscope",
            "--ignore-glob=*/test_docs.py",
            *CORE,
        ],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-200:]
    assert done.returncode == 0, f"unit tests: {last}\n{done.stdout[-3000:]}"
    row.runs = f"unit tests: {last.strip('= ').partition(' passed')[0]} passed"


if __name__ == "__main__":
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    started = datetime.now().astimezone()
    code = main()
    print(f"{(datetime.now().astimezone() - started).total_seconds() / 60:.0f} minutes")
    sys.exit(code)
