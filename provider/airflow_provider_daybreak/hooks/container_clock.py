"""A container's own day: by the way its image has, the one of releases for a Python, or else libfaketime."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

from airflow_provider_daybreak.containers.identity import digest
from airflow_provider_daybreak.containers.probe import ImagePython, pythons_of
from airflow_provider_daybreak.containers.spec import BOOT as FOLDER
from airflow_provider_daybreak.containers.spec import Boot
from airflow_provider_daybreak.containers.tarball import Entry
from airflow_provider_daybreak.exceptions import ClockError
from airflow_provider_daybreak.releases.clock import ZONES
from airflow_provider_daybreak.releases.clock_package import clock_package, files_of, package_folder
from airflow_provider_daybreak.releases.files import read_json, write_json
from airflow_provider_daybreak.releases.running.booting import BOOT, first_on
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from airflow_provider_daybreak.containers.probe import Probe

_REMEMBERED = 500
"""Images of which is remembered what they have: some 400 bytes each."""
_LIBFAKETIME = tuple(
    f"{folder}/faketime/libfaketime.so.1"
    for folder in (
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
    )
)


def start_at(
    instant: datetime,
    probe: Probe,
    command: Sequence[str],
    *,
    image: Mapping[str, str],
    given: Mapping[str, str],
) -> Boot:
    """
    Return what starts the clocks of a container's programs.

    :param instant: what the clocks show at first, in the zone that the programs are to live in.
    :param command: what it executes.
    :param image: variables that the image sets.
    :param given: variables that the task sets; a ``TZ`` among them is left alone.
    :raises ClockError: the image has neither a Python nor libfaketime, the package for its Python can't be had, or
        nobody knows the zone.
    """
    zone, variables = str(instant.tzinfo), {**image, **given}
    programs = pythons_of(command)
    found = look(probe, programs, zone, variables.get("PATH", ""))
    where, files = _zone(zone, probe, known=found["zone"])
    if found["python"] is not None:
        environment, package = _for_python(instant, ImagePython(**found["python"]), variables)
        files = [*files, *package]
    elif found["library"] is not None:
        environment = _for_libfaketime(instant, found["library"], variables, now=probe.time())
    else:
        problem = (
            f"it has neither a Python 3 (looked for {', '.join(programs)}) nor libfaketime (looked for "
            f"{', '.join(_LIBFAKETIME)}). Install one in the image, such as the package libfaketime of Debian or Alpine."
        )
        raise ClockError(f"image {probe.image_id}", problem)
    return Boot({"TZ": given.get("TZ", where), **environment}, files, asked=(instant.isoformat(),))


class Found(TypedDict):
    """What an image has, of what its clock may be set by: facts of its Python, whether it knows the zone, a library."""

    python: dict[str, str] | None
    zone: bool
    library: str | None


def look(probe: Probe, programs: Sequence[str], zone: str, path: str) -> Found:
    """Return what the image has. It never changes, so that each is asked once on this worker."""
    cache = package_folder(Settings.load().releases) / "images.json"
    key = digest(probe.image_id, programs, zone, path)
    known = read_json(cache) or {}
    entry = known.get(key)
    if isinstance(entry, dict) and entry.keys() == Found.__annotations__.keys():
        return cast("Found", entry)
    python = probe.python(programs)
    found = Found(
        python=asdict(python) if python else None,
        zone=zone == "UTC" or bool(probe.first_of([str(folder / zone) for folder in ZONES])),
        library=None if python else probe.first_of(_LIBFAKETIME),
    )
    cache.parent.mkdir(parents=True, exist_ok=True)
    newest = list(known.items())[1 - _REMEMBERED :]
    write_json(cache, {**dict(newest), key: found})
    return found


def _zone(zone: str, probe: Probe, *, known: bool) -> tuple[str, list[Entry]]:
    """Return what TZ is to be, and the file that it needs: many images know no zones, and take them for UTC."""
    if known:
        return zone, []
    for folder in ZONES:
        if (folder / zone).is_file():
            return f"{FOLDER}/zoneinfo/{zone}", [Entry.of(f"zoneinfo/{zone}", (folder / zone).read_bytes())]
    problem = (
        f"neither it nor this machine has a file of the zone {zone!r}. Install a tzdata package in either."
    )
    raise ClockError(f"image {probe.image_id}", problem)


def _for_python(
    instant: datetime, python: ImagePython, variables: Mapping[str, str]
) -> tuple[dict[str, str], list[Entry]]:
    package = clock_package(
        Settings.load().releases,
        what=f"{python.implementation} {python.version} ({python.program} of the image)",
        implementation=python.implementation,
        version=python.version,
        abi=python.abi,
        machine=python.machine,
    )
    clock = [Entry.of(f"clock/{file.relative_to(package)}", file.read_bytes()) for file in files_of(package)]
    environment = {
        **boot_path(variables),
        "DAYBREAK_CLOCK": instant.isoformat(),
        "DAYBREAK_CLOCK_PATH": f"{FOLDER}/clock",
        "DAYBREAK_STARTED": "container",
    }
    return environment, [*boot_files(), *clock]


def _for_libfaketime(
    instant: datetime, library: str, variables: Mapping[str, str], *, now: int
) -> dict[str, str]:
    """
    Return what moves all clocks of all programs by so much, but for those that only measure how long things take.

    By whole seconds, as early versions want it, and rather late than early: before the instant may be the day before.

    :param now: what time it is at least on the machine of the engine, in seconds since 1970.
    """
    preloaded = variables.get("LD_PRELOAD")
    return {
        "LD_PRELOAD": f"{library}:{preloaded}" if preloaded else library,
        "FAKETIME": f"{math.ceil(instant.timestamp() - now):+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",  # what libfaketime before 0.9.9 calls it
        "NO_FAKE_STAT": "1",
    }


def boot_files() -> list[Entry]:
    """Return the files that a Python begins with, for ``/run/daybreak``."""
    return [Entry.of(f"boot/{file.name}", file.read_bytes()) for file in sorted(BOOT.glob("*.py"))]


def boot_path(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variable that a Python finds them by, beside what is on its path already."""
    return {"PYTHONPATH": first_on(variables.get("PYTHONPATH"), Path(FOLDER, "boot"))}
