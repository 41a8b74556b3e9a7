"""The package that sets clocks, for a Python that is not on this machine: that of a container."""

from __future__ import annotations

import hashlib
import re
import sys
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ClockError
from airflow_provider_daybreak.releases.changing import changing
from airflow_provider_daybreak.releases.clock import FOLDER, LEAST_PYTHON, LOCK, numbers
from airflow_provider_daybreak.releases.files import discard
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.uv import run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "containers"
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_DROPPED = re.compile(r".+\.dist-info|__pycache__|\.lock")


def package_folder(root: Path) -> Path:
    """
    Return the folder that holds what is fetched for containers.

    :param root: the folder of all releases.
    """
    return Layout(root / FOLDER, _NAME).home / "packages"


def clock_package(root: Path, *, what: str, implementation: str, version: str, abi: str, machine: str) -> Path:
    """
    Return the folder that such a Python imports time-machine from, fetched by uv unless it is there.

    :param root: the folder of all releases.
    :param what: what the Python is called in errors.
    :param version: such as ``3.12.4``.
    :param abi: what its compiled modules are called by, such as ``cpython-312-x86_64-linux-gnu``.
    :param machine: its processor, such as ``x86_64``.
    :raises ClockError: there is no such package for it, or no index can be reached.
    """
    least, minor = ".".join(map(str, LEAST_PYTHON)), ".".join(version.split(".")[:2])
    if implementation != "CPython" or numbers(minor) < LEAST_PYTHON:
        raise ClockError(what, f"it takes CPython {least} or later. Take an image with one.")
    if machine not in _MACHINES:
        raise ClockError(what, f"it takes x86_64 or aarch64, and the image is for {machine}.")
    libc = "unknown-linux-musl" if "musl" in abi else "manylinux2014"
    layout = Layout(root / FOLDER, _NAME)
    packages = package_folder(root)
    content = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:8]
    folder = packages / f"{abi}-{content}"
    module = folder / f"_time_machine.{abi}.so"
    if not module.exists():
        with changing(layout, lock_timeout=600):
            if not module.exists():
                _fetch(folder, layout, what, minor, f"{_MACHINES[machine]}-{libc}")
    if not module.exists():
        raise ClockError(
            what, f"the package time-machine has no {module.name}. Take an image with another CPython."
        )
    return folder


def _fetch(folder: Path, layout: Layout, what: str, version: str, platform: str) -> None:
    made = folder.with_name(f"{folder.name}.part")
    for left in (made, folder):
        if left.exists():  # of an interrupted fetch, or damaged
            discard(left, layout.trash)
    made.mkdir(parents=True)
    arguments = ["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    arguments += ["--target", str(made), "--python", sys.executable, "--link-mode", "copy"]
    arguments += ["--python-version", version, "--python-platform", platform]
    outcome = run_uv([*arguments, "--requirements", str(LOCK)], cwd=folder.parent)
    if outcome.code:
        problem = (
            "the package time-machine could not be fetched for it. Where no index can be reached, set UV_DEFAULT_INDEX to "
            "one that can, for the first run."
        )
        raise ClockError(what, problem, outcome.explanation)
    made.rename(folder)


def files_of(package: Path) -> Iterator[Path]:
    """Yield the files that a Python needs of the package."""
    for path in sorted(package.rglob("*")):
        within = path.relative_to(package)
        if path.is_file() and not any(_DROPPED.fullmatch(part) for part in within.parts):
            yield path
