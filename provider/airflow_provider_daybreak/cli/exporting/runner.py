"""
Runs a script as its Airflow task did: in a copy of its files, for its day, with its variables and limits.

Written by Daybreak, which it does not need: only the Python of its environment. What it runs stands in ``run.json``.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).resolve().parent
SECRETS = (Path("/run/daybreak/secrets.env"), HERE / "secrets.env")
PASSED_ON = (
    "HOME", "LANG", "LOGNAME", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ", "USER", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY",
)  # fmt: skip


def secrets(names: list[str]) -> dict[str, str]:
    """Return the values of the first file there is: a line each, ``NAME=value``, as it stands."""
    path = next((each for each in SECRETS if each.exists()), None)
    lines = path.read_text(encoding="utf-8").split("\n") if path else []
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    missing = [name for name in names if not said.get(name)]
    if missing:
        sys.exit(f"{path or SECRETS[-1]} does not set {', '.join(missing)}: write NAME=value, without quotes")
    return said


def main() -> None:
    """Run it, and end as it ends."""
    run = json.loads((HERE / "run.json").read_text(encoding="utf-8"))
    zone = ZoneInfo(run["zone"])
    said = os.environ.get("DAYBREAK_REPORT_DATE")
    day = date.fromisoformat(said) if said else datetime.now(zone).date()
    first = day + timedelta(days=run["offset"])
    out = Path(os.environ.get("DAYBREAK_OUTPUT_DIR") or HERE / "out")
    out.mkdir(exist_ok=True)
    variables = {
        **{name: os.environ[name] for name in PASSED_ON if name in os.environ},
        **secrets(run["secrets"]),
        "PATH": f"{Path(sys.executable).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "DAYBREAK_REPORT_DATE": day.isoformat(),
        "DAYBREAK_PERIOD_START": datetime.combine(first, time(), zone).isoformat(),
        "DAYBREAK_PERIOD_END": datetime.combine(first + timedelta(days=1), time(), zone).isoformat(),
        "DAYBREAK_OUTPUT_DIR": str(out),
        **run["variables"],
    }
    variables.setdefault("TZ", run["zone"])
    with tempfile.TemporaryDirectory(prefix="run-") as folder:
        work = Path(shutil.copytree(HERE / "source", Path(folder, "work"), symlinks=True))
        sys.exit(_run(command_of(run["command"], work), work, variables, run["limits"]))


def command_of(said: list[str], work: Path) -> list[str]:
    """Return program and arguments: a script and a module are run by this Python."""
    if said[0] == "-m" or said[0].endswith(".py"):
        return [sys.executable, *said]
    return [str(work / said[0]) if (work / said[0]).is_file() else said[0], *said[1:]]


def _run(command: list[str], work: Path, variables: dict[str, str], limits: dict[str, int]) -> int:
    for name, value in limits.items():  # which it inherits
        resource.setrlimit(getattr(resource, name), (value, value))
    process = subprocess.Popen(command, cwd=work, env=variables, start_new_session=True)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: os.killpg(process.pid, number))
    code = process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what it left running
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main()
