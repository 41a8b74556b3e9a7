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
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.environments.conda import files_of, is_conda
from airflow_provider_daybreak.releases.locking import held_locks
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence


log = logging.getLogger(__name__)

_SHOWN = 10
_CHUNK = 1 << 20
_SMOKE_SECONDS = 600
_MOST_SHARES = 2  # what several packages import is compiled by each share that comes to it

_IMPORT_PROBE = str(Path(__file__).with_name("import_probe.py"))


def check_record(environment: Path, remedy: str) -> int:
    """
    Compare every installed file with the hash that its package records for it (``RECORD`` of PEP 376).

    Files come hard-linked from uv's cache, so a change made to one there, or through another environment,
    would show here.

    :param remedy: what to do about files that differ.
    :return: how many files were compared.
    :raises VerificationError: a file is missing or differs.
    """
    expected: list[tuple[str, str]] = []
    by_conda = is_conda(environment)
    expected += files_of(environment) if by_conda else ()
    for record in sorted((environment / "lib").glob("python*/site-packages/*.dist-info/RECORD")):
        if by_conda and not _is_uvs(record.parent):
            continue  # conda writes its own prefix into what its record has a hash of
        folder = str(
            record.parent.parent
        )  # as text: of thousands of files a Path each takes as long as their hashes
        with record.open(newline="", encoding="utf-8") as file:
            expected += [
                (os.path.join(folder, row[0]), row[1].removeprefix("sha256="))  # noqa: PTH118 - see above
                for row in csv.reader(file)
                if len(row) > 1 and row[1].startswith("sha256=")
            ]
    threads = processors()
    with ThreadPoolExecutor(threads) as pool:
        shares = [expected[number::threads] for number in range(threads)]
        wrong = sorted(path for found in pool.map(_different, shares) for path in found)
    if wrong:
        raise VerificationError(
            f"Environment {environment.name}",
            "the comparison with the hashes of its packages",
            f"{shown(wrong)}\n{remedy}",
        )
    return len(expected)


def _is_uvs(info: Path) -> bool:
    installer = info / "INSTALLER"
    return installer.is_file() and installer.read_text().strip() == "uv"


def check_consistency(environment: Path) -> None:
    """
    Let uv compare what is installed with what the packages require of each other.

    :raises VerificationError: something is missing or of the wrong version.
    """
    if is_conda(environment):
        return  # its solver saw to that, and its packages name others than those of a Python index
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
    shares = min(processors(), _MOST_SHARES)
    with (
        temporary_folder("daybreak-import-probe-") as home,
        ThreadPoolExecutor(shares) as pool,
    ):
        locks = held_locks()
        for imported, there in pool.map(lambda n: _probe(environment, home, n, shares, locks), range(shares)):
            outcome |= imported
            available += there
    for module, problem in sorted(outcome.items()):
        if problem:
            log.warning("Package %s is installed, but can't be imported: %s", module, problem)
    return outcome, available


def _probe(
    environment: Path, home: Path, share: int, shares: int, locks: tuple[int, ...]
) -> tuple[dict[str, str], list[str]]:
    try:
        finished = subprocess.run(
            [str(environment / "bin" / "python"), "-I", _IMPORT_PROBE, str(share), str(shares)],
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "MPLBACKEND": "agg", "HOME": str(home)},
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
    except subprocess.TimeoutExpired as error:
        said = f"They had not ended after {_SMOKE_SECONDS} seconds."
        raise VerificationError(
            f"Environment {environment.name}", "the imports of its packages", said
        ) from error
    if finished.returncode:
        said = finished.stderr.strip() or f"It ended with {finished.returncode} and said nothing."
        raise VerificationError(f"Environment {environment.name}", "a start of its Python", said)
    imported, available = json.loads(finished.stdout)
    return imported, available


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def shown(paths: list[str]) -> str:
    """Return the first of these paths, a line each, and how many more there are."""
    return "\n".join(paths[:_SHOWN]) + (f"\n… and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


def _different(expected: Sequence[tuple[str, str]]) -> list[str]:
    """Return the paths whose content has another digest than is expected, or none."""
    return [path for path, digest in expected if _digest(path) != digest]


def _digest(path: str) -> str | None:
    """Return a file's SHA-256 as ``RECORD`` writes it, with few calls: an environment has thousands of files."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        digest = hashlib.sha256()
        while chunk := os.read(descriptor, _CHUNK):
            digest.update(chunk)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
