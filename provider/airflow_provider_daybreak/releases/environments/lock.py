"""The frozen lock: exactly what is installed, on any platform, with the hashes of every file."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import LockingError
from airflow_provider_daybreak.releases.requirements.lines import lines_of
from airflow_provider_daybreak.releases.requirements.lockfiles import pylock_entries, uv_lock_entries
from airflow_provider_daybreak.releases.uv import Index, remedy_for, run_uv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
    from airflow_provider_daybreak.releases.requirements.declared import Requirements
    from airflow_provider_daybreak.releases.requirements.lines import Line

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(==|@)\s*(?P<version>[^;\s]+)")


@dataclass(frozen=True)
class Lock:
    """
    A lock in the requirements format, normalised: two locks that install the same have the same text.

    :param text: a line a package, with its marker and sorted hashes.
    """

    text: str

    @cached_property
    def sha256(self) -> str:
        """Digest of the text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def versions(self) -> dict[str, str]:
        """Version (or versions, where markers choose) by package."""
        found: dict[str, str] = {}
        for line in self.text.splitlines():
            match = _PIN.match(line)
            if match:
                name = match["name"]
                found[name] = f"{found[name]}, {match['version']}" if name in found else match["version"]
        return found

    def moves_from(self, earlier: Lock | None) -> list[str]:
        """Return what differs from an earlier lock, a line a package."""
        before, after = earlier.versions if earlier else {}, self.versions
        return [
            f"{name} {before.get(name, '(new)')} → {after.get(name, '(gone)')}"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]


def normalised(entries: Sequence[tuple[str, Sequence[str]]]) -> Lock:
    """
    Return the lock of these entries.

    :param entries: each a requirement with its marker, and its hashes as ``sha256:…``.
    """
    lines = set()
    for text, hashes in entries:
        requirement, _, marker = text.partition(";")
        head = _NAME.match(requirement.strip())
        name = head[0] if head else ""
        canonical = canonicalize_name(name)
        requirement = canonical + re.sub(r"\s*==\s*", "==", requirement.strip()[len(name) :])
        marker = f" ; {' '.join(marker.split())}" if marker.strip() else ""
        lines.add(" ".join([requirement + marker, *(f"--hash={one}" for one in sorted(set(hashes)))]))
    return Lock("".join(f"{line}\n" for line in sorted(lines)))


def make_lock(
    requirements: Requirements,
    interpreter: Interpreter,
    *,
    index: Index | None,
    only_binary: bool = True,
    require_hashes: bool = False,
) -> Lock:
    """
    Return the lock of the requirements. What is pinned and hashed is taken as it is; the rest is resolved.

    :param index: where packages come from; see :func:`run_uv`.
    :param only_binary: take no package that would have to be built, since building runs its code.
    :param require_hashes: refuse requirements that don't say their own hashes.
    :raises LockingError: they conflict, or something is missing from the index.
    :raises RequirementRefusedError: a line is at odds with another, or with what the Dag says.
    """
    if requirements.wheels and not only_binary:
        problem = "the Dag says only_binary=False, which lets packages be built. Remove the one or the other."
        raise requirements.wheels[0].refused(problem)
    if requirements.kind == "uv.lock":
        return normalised(uv_lock_entries(Path(requirements.path), index=index, chosen=requirements.chosen))
    if requirements.kind == "pylock":
        return normalised(pylock_entries(Path(requirements.path)))
    if requirements.hashed:
        _check_constraints(requirements)
        return normalised([(line.text, line.hashes) for line in requirements.lines])
    if require_hashes:
        first = next(line for line in requirements.lines if not line.options)
        raise first.refused(
            "it has no hash, and require_hashes is set. Write hashes with: "
            "uv pip compile --universal --generate-hashes."
        )
    return _resolve(requirements, interpreter, index=index, only_binary=only_binary)


def _resolve(
    requirements: Requirements, interpreter: Interpreter, *, index: Index | None, only_binary: bool
) -> Lock:
    with tempfile.TemporaryDirectory(prefix="daybreak-lock-") as name:
        folder = Path(name)
        (folder / "requirements.in").write_text(_as_text(requirements.lines))
        (folder / "constraints.in").write_text(_as_text((*requirements.constraints, *requirements.pins)))
        arguments = [
            "pip",
            "compile",
            "--quiet",
            "--universal",
            "--generate-hashes",
            "--no-header",
            "--no-annotate",
        ]
        arguments += ["--python", interpreter.path, "--python-version", interpreter.minor]
        arguments += ["--constraint", "constraints.in", "--output-file", "lock.txt", "requirements.in"]
        arguments += ["--only-binary", ":all:"] if only_binary else []
        arguments += [f"--exclude-newer={requirements.exclude_newer}"] if requirements.exclude_newer else []
        outcome = run_uv(arguments, cwd=folder, index=index)
        if outcome.code:
            raise LockingError(requirements.path, outcome.explanation, remedy_for(outcome.explanation))
        lines = lines_of(folder / "lock.txt")
        return normalised(_pinned(requirements, lines) if requirements.pins else _entries(lines))


def parse(path: Path) -> Lock:
    """Return the lock in a file that uv wrote, normalised."""
    return normalised(_entries(lines_of(path)))


def _entries(lines: Sequence[Line]) -> list[tuple[str, Sequence[str]]]:
    return [(line.text, line.hashes) for line in lines]


def _pinned(requirements: Requirements, lines: Sequence[Line]) -> list[tuple[str, Sequence[str]]]:
    """Return what was resolved within a lock's versions, with the hashes that the lock says and no others."""
    pins = {canonicalize_name(_name_of(pin)): pin for pin in requirements.pins}
    entries: list[tuple[str, Sequence[str]]] = []
    for line in lines:
        pin = pins.get(canonicalize_name(_name_of(line)))
        if pin is None:
            lock = requirements.pins[0].path
            raise LockingError(
                requirements.path, f"{line.text} is not in {lock!r}. Lock again, as its author would."
            )
        same = sorted(set(line.hashes) & set(pin.hashes))
        if not same:
            raise pin.refused("the index has no file of it with the hash that the lock says. Lock again.")
        entries.append((line.text, same))
    return entries


def _name_of(line: Line) -> str:
    head = _NAME.match(line.text)
    return head[0] if head else ""


def _as_text(lines: Sequence[Line]) -> str:
    return "".join(f"{line.text}\n" for line in lines)


def _check_constraints(requirements: Requirements) -> None:
    """Make sure that what is pinned is within the constraints, which nothing is resolved against."""
    if not requirements.constraints:
        return
    from packaging.requirements import Requirement

    limits = [(Requirement(line.text), line) for line in requirements.constraints]
    for line in requirements.lines:
        wanted = Requirement(line.text)
        versions = [one.version for one in wanted.specifier]
        for limit, place in limits:
            if canonicalize_name(limit.name) != canonicalize_name(wanted.name):
                continue
            within = all(limit.specifier.contains(version, prereleases=True) for version in versions)
            applies = limit.marker is None or limit.marker.evaluate()
            if applies and not (within and limit.url in (None, wanted.url)):
                raise line.refused(
                    f"line {place.number} of {place.path!r} does not allow it. Change one of the two."
                )
