"""What an environment must show before anything runs from it."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import logging
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.locking import held_locks

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.source import FileEntry

log = logging.getLogger(__name__)

_SHOWN = 10
_SMOKE_SECONDS = 600

_SMOKE = str(Path(__file__).with_name("smoke.py"))


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
        raise VerificationError(
            f"Environment {environment.name}",
            "the comparison with the hashes of its packages",
            f"{_shown(wrong)}\nThese files are missing or were changed, here or in uv's cache, which they are linked "
            f"from. Clear it with 'uv cache clean'. {_again(environment)}",
        )
    return len(expected)


def check_source(release: Release) -> int:
    """
    Compare every file of a release with its manifest.

    :return: how many files were compared.
    :raises VerificationError: a file is missing, differs, or is new.
    """
    listed = {file["path"]: file for file in release.manifest["files"]}
    wrong = [path for path, file in listed.items() if _changed(release.src / path, file)]
    found = {
        str(path.relative_to(release.src))
        for path in release.src.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.suffix != ".pyc"
    }
    wrong += sorted(found - listed.keys() - {".env"})
    if wrong:
        explanation = f"{_shown(wrong)}\n{_again(release.path)}"
        raise VerificationError(f"Release {release.id}", "the comparison with its manifest", explanation)
    return len(listed)


def check_consistency(environment: Path) -> None:
    """
    Let uv compare what is installed with what the packages require of each other.

    :raises VerificationError: something is missing or of the wrong version.
    """
    python = environment / "bin" / "python"
    outcome = uv.run_uv(["pip", "check", "--python", str(python)], cwd=environment)
    if outcome.code:
        raise VerificationError(f"Environment {environment.name}", "'uv pip check'", outcome.explanation)


def check_imports(environment: Path) -> tuple[dict[str, str], list[str]]:
    """
    Import what the environment is for, which also writes the bytecode that later runs read.

    :return: for each module that was imported "" or why it can't be; and every module that is there.
    :raises VerificationError: the interpreter itself does not work there.
    """
    outcome: dict[str, str] = {}
    available: list[str] = []
    # What several packages share is compiled by each share that comes to it: worth it only on idle processors.
    processors = os.cpu_count() or 1
    shares = processors if os.getloadavg()[0] < processors else 1
    with (
        tempfile.TemporaryDirectory(prefix="daybreak-smoke-", ignore_cleanup_errors=True) as home,
        ThreadPoolExecutor(shares) as pool,
    ):
        locks = held_locks()
        for imported, there in pool.map(lambda n: _smoke(environment, home, n, shares, locks), range(shares)):
            outcome |= imported
            available = there
    for module, problem in sorted(outcome.items()):
        if problem:
            log.warning("Package %s is installed, but can't be imported: %s", module, problem)
    return outcome, available


def _smoke(
    environment: Path, home: str, share: int, shares: int, locks: tuple[int, ...]
) -> tuple[dict[str, str], list[str]]:
    finished = subprocess.run(
        [str(environment / "bin" / "python"), "-I", _SMOKE, str(share), str(shares)],
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "MPLBACKEND": "agg", "HOME": home},
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SMOKE_SECONDS,
        pass_fds=locks,
        umask=0o022,
        check=False,
    )
    if finished.returncode:
        said = finished.stderr.strip() or f"It ended with {finished.returncode} and said nothing."
        raise VerificationError(f"Environment {environment.name}", "a start of its Python", said)
    imported, available = json.loads(finished.stdout)
    return imported, available


def _changed(path: Path, file: FileEntry) -> bool:
    if file["link"]:
        return not path.is_symlink() or str(path.readlink()) != file["link"]
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]
    except OSError:
        return True


def _shown(paths: list[str]) -> str:
    return "\n".join(paths[:_SHOWN]) + (f"\n… and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


def _again(path: Path) -> str:
    return f"Remove {str(path)!r}, and deploy again: it is made anew."


def _differs(expected: tuple[str, str]) -> str:
    path, digest = expected
    try:
        with Path(path).open("rb", buffering=0) as file:
            found = hashlib.sha256(file.read()).digest()
    except OSError:
        return path
    return "" if base64.urlsafe_b64encode(found).rstrip(b"=").decode() == digest else path
