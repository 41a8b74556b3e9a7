"""What an environment must show before anything runs from it."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import logging
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases import uv

log = logging.getLogger(__name__)

_SHOWN = 10
_SMOKE_SECONDS = 600

# Imports what nothing else in the environment depends on, each in its own try, and tells how it went. Names
# that a distribution installs beside its packages by accident are left alone.
_SMOKE = """
import importlib, importlib.metadata as metadata, json, os, re, sys

def canonical(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def tops(distribution):
    found = set()
    for file in distribution.files or ():
        parts = file.parts
        if len(parts) == 1 and parts[0].endswith(".py"):
            found.add(parts[0][:-3])
        elif len(parts) == 1 and ".so" in parts[0]:
            found.add(parts[0].split(".")[0])
        elif len(parts) == 2 and parts[1] == "__init__.py":
            found.add(parts[0])
    return {name for name in found if name.isidentifier() and not name.startswith("_")
            and name not in ("test", "tests", "docs", "examples", "benchmarks", "scripts")}

installed = {canonical(d.metadata["Name"]): d for d in metadata.distributions()}
needed = set()
for name, distribution in installed.items():
    for requirement in distribution.requires or ():
        other = canonical(re.match(r"[A-Za-z0-9._-]+", requirement)[0])
        if other != name:
            needed.add(other)
roots = {name: d for name, d in installed.items() if name not in needed} or installed
wanted = set()
for name, distribution in roots.items():
    modules = tops(distribution)
    own = name.replace("-", "_")
    wanted |= {own} if own in modules else modules

outcome = {}
said = os.dup(1)
os.dup2(2, 1)
for module in sorted(wanted):
    try:
        importlib.import_module(module)
        outcome[module] = ""
    except BaseException as error:
        outcome[module] = f"{type(error).__name__}: {error}"
os.write(said, json.dumps(outcome).encode())
os._exit(0)
"""


def check_record(environment: Path) -> int:
    """
    Compare every installed file with the hash that its package records for it (``RECORD`` of PEP 376).

    Files come hard-linked from uv's cache, so a change made to one there, or through another environment,
    would show here.

    :return: how many files were compared.
    :raises VerificationError: a file is missing or differs.
    """
    expected: list[tuple[str, str]] = []
    for record in sorted((environment / "lib").glob("python*/site-packages/*.dist-info/RECORD")):
        with record.open(newline="", encoding="utf-8") as file:
            expected += [
                (str(record.parent.parent / row[0]), row[1].removeprefix("sha256="))
                for row in csv.reader(file)
                if len(row) > 1 and row[1].startswith("sha256=")
            ]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        wrong = [path for path in pool.map(_differs, expected, chunksize=64) if path]
    if wrong:
        shown = "\n".join(wrong[:_SHOWN]) + (
            f"\n… and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        )
        raise VerificationError(
            f"Environment {environment.name}",
            "the comparison with the hashes of its packages",
            f"{shown}\nThese files are missing or were changed, probably in uv's cache. Clear it with "
            "'uv cache clean', then deploy again.",
        )
    return len(expected)


def check_consistency(environment: Path) -> None:
    """
    Let uv compare what is installed with what the packages require of each other.

    :raises VerificationError: something is missing or of the wrong version.
    """
    python = environment / "bin" / "python"
    outcome = uv.run_uv(["pip", "check", "--python", str(python)], cwd=environment)
    if outcome.code:
        raise VerificationError(f"Environment {environment.name}", "'uv pip check'", outcome.explanation)


def check_imports(environment: Path) -> dict[str, str]:
    """
    Import what the environment is for, which also writes the bytecode that later runs read.

    :return: for each module, "" or why it can't be imported.
    :raises VerificationError: the interpreter itself does not work there.
    """
    finished = subprocess.run(
        [str(environment / "bin" / "python"), "-I", "-c", _SMOKE],
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "MPLBACKEND": "agg", "HOME": str(environment)},
        cwd=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SMOKE_SECONDS,
        umask=0o022,
        check=False,
    )
    if finished.returncode:
        said = finished.stderr.strip() or f"It ended with {finished.returncode} and said nothing."
        raise VerificationError(f"Environment {environment.name}", "a start of its Python", said)
    outcome: dict[str, str] = json.loads(finished.stdout or "{}")
    for module, problem in outcome.items():
        if problem:
            log.warning("Package %s is installed, but can't be imported: %s", module, problem)
    return outcome


def _differs(expected: tuple[str, str]) -> str:
    path, digest = expected
    try:
        with Path(path).open("rb", buffering=0) as file:
            found = hashlib.sha256(file.read()).digest()
    except OSError:
        return path
    return "" if base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest else path
