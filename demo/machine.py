"""What the demo finds on this machine: a shell's settings that are meant for others, and how much room there is."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from demo.api import AirflowFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM = 300
"""What the demo needs to be written, in megabytes."""
LEAST = 20
"""What must be left while it runs, in megabytes: SQLite and logs need it to say anything."""

_OF_OTHERS = ("AIRFLOW", "_AIRFLOW", "PYTHON", "DAYBREAK_COMMANDS")
_FILES = 4096  # open at once


def own_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """
    Return the environment for a private Airflow: this shell's, without what is set for another Airflow.

    :param environ: this shell's.
    :param home: the demo's folder, where caches go that have no place.
    """
    own = {name: value for name, value in environ.items() if not name.startswith(_OF_OTHERS)}
    for name in ("no_proxy", "NO_PROXY"):  # its parts speak to each other, whatever proxy is set
        own[name] = ",".join(filter(None, (own.get(name, ""), "localhost,127.0.0.1")))
    if "PIP_INDEX_URL" in own:  # one that is set for pip is meant for uv too
        own.setdefault("UV_DEFAULT_INDEX", own["PIP_INDEX_URL"])
    if not own.get("HOME"):
        own["HOME"] = str(home)
        with suppress(RuntimeError):  # a user whom this machine doesn't know
            own["HOME"] = str(Path.home())
    caches = Path(own.get("XDG_CACHE_HOME") or Path(own["HOME"], ".cache"))
    there = next(path for path in (caches, *caches.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        own["XDG_CACHE_HOME"] = str(home / "cache")
    return own


def make_ready() -> None:
    """Let this process print in any locale, and open as many files as Airflow may."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # texts, as Python opens them
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def check_room(home: Path, megabytes: int) -> None:
    """
    Refuse a disk that is full, on which Airflow waits for ever.

    :raises AirflowFailedError: the demo's folder, or that of temporary files, has less.
    """
    temporary = os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - looked at, not written to
    for folder in (home, Path(temporary)):
        if not folder.is_dir():
            continue
        free = shutil.disk_usage(folder).free // 1_000_000
        if free < megabytes:
            raise AirflowFailedError(
                f"'{folder}' has {free} MB left. Expected {megabytes} MB or more. Make room, or name another "
                f"{'folder: make demo ARGS=--home=/folder' if folder == home else 'folder as TMPDIR'}."
            )
