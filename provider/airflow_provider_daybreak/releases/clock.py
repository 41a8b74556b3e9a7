"""A run's own day: the clocks of its Pythons start at the run's instant, by ``boot/daybreak_clock.py``."""

from __future__ import annotations

import logging
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ClockError, InstallError, InvalidValueError, VerificationError
from airflow_provider_daybreak.releases.changing import changing
from airflow_provider_daybreak.releases.environments import environment as environments
from airflow_provider_daybreak.releases.environments.environment import (
    COMPLETE,
    Environment,
    facts_of,
    is_complete,
)
from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
from airflow_provider_daybreak.releases.environments.lock import Lock, parse
from airflow_provider_daybreak.releases.files import discard
from airflow_provider_daybreak.releases.layout import Layout, ids_in
from airflow_provider_daybreak.releases.package_indexes import indexes_in
from airflow_provider_daybreak.releases.running.booting import BOOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.uv import Index, Indexes

log = logging.getLogger(__name__)

FOLDER = ".boot"  # no name that a script is deployed under begins with a dot
_NAME = "time-machine"
_NOTED_EACH = 86_400  # seconds
_KEPT_FOR = 90 * 86_400  # seconds; no script runs that long
LOCK = BOOT / "time-machine.lock"
LEAST_PYTHON = (3, 8)
ZONES = tuple(
    map(Path, ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo"))
)


def check_clock(clock: object) -> None:
    """
    Make sure that there is such a clock.

    :raises InvalidValueError: there is none.
    """
    if clock != "report_date":
        raise InvalidValueError("clock", clock, "report_date, or None for the true time")


def start_at(instant: datetime, release: Release, *, index_of: Callable[[str], Index]) -> dict[str, str]:
    """
    Return what starts the clocks of a run's Pythons, for ``Job.boot``.

    What does it is installed on the first run, once for each interpreter, in an environment of its own beside the
    releases: they share it, and stay as they are.

    :param instant: what the clocks show at first, in the zone that the script is to live in.
    :param index_of: returns the index of a connection's id.
    :raises ClockError: the release's Python can't have it, or the machine does not know the zone.
    :raises ReleaseError: its environment could not be made: see the classes under it.
    """
    zone = str(instant.tzinfo)
    _check_zone(release, zone)
    return {
        "DAYBREAK_CLOCK": instant.isoformat(),
        "DAYBREAK_CLOCK_PATH": str(_package(release, index_of)),
        "TZ": zone,
    }


def _check_zone(release: Release, zone: str) -> None:
    """Make sure of the zone: the C library takes one that it does not know for UTC, and says nothing."""
    if zone != "UTC" and not any((folder / zone).is_file() for folder in ZONES):
        problem = f"this machine has no file of the zone {zone!r}. Install its tzdata package (apt-get install tzdata)."
        raise ClockError(str(release.python), problem)


def _package(release: Release, index_of: Callable[[str], Index]) -> Path:
    """Return the folder that the release's Python imports time-machine from, installed unless it is there."""
    made_for = release.manifest["interpreter"]
    interpreter = Interpreter(path=str(release.python), **made_for)
    what = f"{interpreter.implementation} {interpreter.version} ({release.python})"
    if interpreter.implementation != "CPython" or numbers(interpreter.minor) < LEAST_PYTHON:
        least = ".".join(map(str, LEAST_PYTHON))
        raise ClockError(
            what, f"it takes CPython {least} or later. Deploy with python set to one, such as '3.12'."
        )
    layout = Layout(release.layout.root / FOLDER, _NAME)
    environment = Environment(_lock(), interpreter)
    path = layout.environment(environment.id)
    if not is_complete(path):
        try:
            with changing(layout, lock_timeout=600):
                _build(environment, layout, indexes_in(release.manifest, index_of))
                _remove_unused(layout, environment.id)
        except (InstallError, VerificationError) as error:
            problem = (
                "the package time-machine could not be installed for it, from the index of the release or of the worker. "
                "Where it has no wheel, deploy with python set to a CPython that has one; where no index can be reached, "
                "set UV_DEFAULT_INDEX to one that can, for the first run."
            )
            raise ClockError(what, problem, str(error)) from error
    _note_use(path / COMPLETE)
    facts = facts_of(path)
    problem = facts["imports"].get("time_machine", "it is missing") if facts else "it is damaged"
    if problem:
        raise ClockError(what, f"the package time-machine in {str(path)!r} can't be imported: {problem}.")
    return next(path.glob("lib/python*/site-packages"))


def _note_use(mark: Path) -> None:
    """Note once a day that it is used, so that it is kept, where this user may write."""
    if time.time() - mark.stat().st_mtime > _NOTED_EACH and os.access(mark, os.W_OK, effective_ids=True):
        os.utime(mark)


def _remove_unused(layout: Layout, new: str) -> None:
    """Remove those of interpreters that no clock was started for in a long time. Only who holds the deploy lock may call this."""
    for one in ids_in(layout.environments):
        path = layout.environment(one)
        if one != new and time.time() - (path / COMPLETE).stat().st_mtime > _KEPT_FOR:
            log.info("Removing what started clocks of another Python, unused for 90 days: %s", one)
            discard(path, layout.trash)


def _build(environment: Environment, layout: Layout, index: Indexes | None) -> None:
    """Build it from the release's index, or else the worker's: what is locked with hashes is the same from any."""
    if index is not None:
        try:
            environments.build(environment, environment.id, layout, index=index)
        except InstallError as error:
            log.info("The index of the release can't give time-machine; asking the worker's. %s", error)
        else:
            return
    environments.build(environment, environment.id, layout)


@lru_cache(maxsize=1)
def _lock() -> Lock:
    return parse(LOCK)


def numbers(minor: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(map(int, minor.split(".")))
