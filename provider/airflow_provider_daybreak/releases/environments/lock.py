"""The frozen lock: exactly what is installed, on any platform, with the hashes of every file."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    LockingError,
    RequirementsError,
    UnsolvableError,
)
from airflow_provider_daybreak.releases.environments import conda
from airflow_provider_daybreak.releases.requirements.lines import Line, lines_of
from airflow_provider_daybreak.releases.requirements.lockfiles import (
    indexes_in_lines,
    indexes_in_uv_lock,
    pylock_entries,
    uv_lock_entries,
)
from airflow_provider_daybreak.releases.requirements.remote import fetched
from airflow_provider_daybreak.releases.uv import (
    NO_BUILDS,
    Builds,
    Index,
    Indexes,
    UvResult,
    is_unsolvable,
    remedy_for,
    run_uv,
)
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
    from airflow_provider_daybreak.releases.requirements.choosing import FromIndex
    from airflow_provider_daybreak.releases.requirements.declared import Requirements
    from airflow_provider_daybreak.releases.requirements.needs import CondaNeeds

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?\s*(==|@)\s*(?P<version>[^;\s]+)")


_FROM = "# from "
"""Stands in a line before the address of the index that its package is from, as in what uv writes."""


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
    def by_index(self) -> dict[str, str]:
        """The lines by the address of the index that they are from, which is "" for the default one."""
        found: dict[str, str] = {"": ""}
        for line in self.text.splitlines():
            url = line.partition(f" {_FROM}")[2]
            found[url] = f"{found.get(url, '')}{line}\n"
        return found

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


def normalised(entries: Sequence[tuple[str, Sequence[str]]], from_: Mapping[str, str] | None = None) -> Lock:
    """
    Return the lock of these entries.

    :param entries: each a requirement with its marker, and its hashes as ``sha256:…``.
    :param from_: the address of the index that each is from, where that is not the default one.
    """
    lines = set()
    urls = from_ or {}
    for text, hashes in entries:
        requirement, _, marker = text.partition(";")
        head = _NAME.match(requirement.strip())
        name = head[0] if head else ""
        canonical = canonicalize_name(name)
        requirement = canonical + re.sub(r"\s*==\s*", "==", requirement.strip()[len(name) :])
        marker = f" ; {' '.join(marker.split())}" if marker.strip() else ""
        place = [f"{_FROM}{urls[text]}"] if text in urls else []
        lines.add(" ".join([requirement + marker, *(f"--hash={one}" for one in sorted(set(hashes))), *place]))
    return Lock("".join(f"{line}\n" for line in sorted(lines)))


def builds_of(requirements: Requirements, only_binary: bool | Mapping[str, bool]) -> Builds:
    """
    Return which packages may be built, by what the Dag says and what the source does.

    :param only_binary: whether wheels alone are installed; or for which packages they need not be, as in ``{"thing": False}``.
    :raises RequirementRefusedError: the one wants what the other forbids.
    :raises InvalidValueError: it is neither.
    """
    if not isinstance(only_binary, bool) and not (
        hasattr(only_binary, "items") and all(isinstance(only, bool) for only in only_binary.values())
    ):
        expected = "True, False, or for which packages wheels are not all that is taken, as in {'thing': False}"
        raise InvalidValueError("only_binary", only_binary, expected)
    choosing = requirements.choosing
    allowed = only_binary is False
    by_name = {} if isinstance(only_binary, bool) else only_binary
    named = {str(canonicalize_name(name)) for name, only in by_name.items() if not only}
    if requirements.wheels and allowed:
        problem = "the Dag says only_binary=False, which lets packages be built. Remove the one or the other."
        raise requirements.wheels[0].refused(problem)
    for name in choosing.built:
        if not allowed and name not in named:
            problem = f"it has {name} built, which runs its code. Allow that: VenvDeployOperator(only_binary={{{name!r}: False}})."
            raise RequirementsError(requirements.path, problem)
    for name in choosing.wheels:
        if name in named:
            problem = (
                f"it takes wheels of {name} alone, and the Dag lets it be built. Remove the one or the other."
            )
            raise RequirementsError(requirements.path, problem)
    packages = tuple(sorted({*named, *choosing.built}))
    return Builds(allowed, packages, tuple(sorted(choosing.wheels)) if allowed else ())


def make_lock(
    requirements: Requirements,
    interpreter: Interpreter,
    *,
    index: Index | Indexes | None,
    builds: Builds | None = None,
    require_hashes: bool = False,
) -> Lock:
    """
    Return the lock of the requirements. What is pinned and hashed is taken as it is; the rest is resolved.

    :param index: where packages come from; see :func:`run_uv`.
    :param builds: which packages may be built; none when None.
    :param require_hashes: refuse requirements that don't say their own hashes.
    :raises LockingError: they conflict, or something is missing from the index.
    :raises RequirementRefusedError: a line is at odds with another, or with what the Dag says.
    """
    indexes = index if isinstance(index, Indexes) else Indexes(index)
    if requirements.conda:
        return _with_conda(requirements, requirements.conda, indexes=indexes, builds=builds or NO_BUILDS)
    if requirements.kind == "uv.lock":
        entries = uv_lock_entries(Path(requirements.path), index=indexes, chosen=requirements.chosen)
        return normalised(entries, indexes_in_uv_lock(Path(requirements.path), entries, indexes))
    if requirements.kind == "pylock":
        entries, from_ = pylock_entries(Path(requirements.path))
        return normalised(entries, {text: url for text, url in from_.items() if _is_other(url, indexes)})
    requirements = replace(
        requirements, constraints=(*requirements.constraints, *fetched(requirements.remote)), remote=()
    )
    if requirements.hashed:
        _check_constraints(requirements)
        urls = {one.package: one.url for one in requirements.choosing.sources}
        from_ = {
            line.text: urls[name]
            for line in requirements.lines
            if (name := canonicalize_name(_name_of(line))) in urls
        }
        return normalised(_entries(requirements.lines), from_)
    if require_hashes:
        first = next(line for line in requirements.lines if not line.options)
        raise first.refused(
            "it has no hash, and require_hashes is set. Write hashes with: "
            "uv pip compile --universal --generate-hashes."
        )
    return _resolve(requirements, interpreter, indexes=indexes, builds=builds or NO_BUILDS)


def _with_conda(requirements: Requirements, needs: CondaNeeds, *, indexes: Indexes, builds: Builds) -> Lock:
    """Return the lock of an environment of conda's, and of what a Python index adds to it."""
    with temporary_folder("daybreak-conda-") as name:
        folder = Path(name, "environment")
        packages = conda.chosen(needs, folder)
        text = "".join(f"{one}\n" for one in packages)
        if not requirements.lines:
            return Lock(text)
        wanted = Path(name, "requirements.in")
        wanted.write_text(_as_text(requirements.lines))
        arguments = ["pip", "install", "--dry-run", "--python", str(folder / "bin" / "python")]
        outcome = run_uv(
            [*arguments, *builds.arguments, "--requirements", str(wanted)], cwd=Path(name), index=indexes
        )
        if outcome.code:
            raise _failed(requirements.path, outcome)
        added = re.findall(r"^ \+ (\S+?==\S+)$", outcome.stderr + outcome.stdout, re.MULTILINE)
        place = requirements.lines[0]
        lines = tuple(Line(place.path, place.number, one) for one in added)  # conda has the rest
        python = replace(conda.interpreter_in(packages), path=sys.executable)
        locked = _resolve(
            replace(requirements, lines=lines, conda=None), python, indexes=indexes, builds=builds, deep=False
        )
        return Lock(text + locked.text)


def _failed(path: str, outcome: UvResult) -> LockingError:
    """Return the error of requirements that uv did not lock: one that stays where it found that no packages fit."""
    said = outcome.explanation
    return (UnsolvableError if is_unsolvable(said) else LockingError)(path, said, remedy_for(said))


def _is_other(url: str, indexes: Indexes) -> bool:
    return any(one.index.url == url for one in indexes.others)


def _resolve(
    requirements: Requirements,
    interpreter: Interpreter,
    *,
    indexes: Indexes,
    builds: Builds,
    deep: bool = True,
) -> Lock:
    choosing = requirements.choosing
    constraints = [*requirements.constraints, *requirements.pins, *choosing.constraints]
    with temporary_folder("daybreak-lock-") as name:
        folder = Path(name)
        source = "pyproject.toml" if choosing.sources else "requirements.in"
        text = _as_project(requirements, indexes) if choosing.sources else _as_text(requirements.lines)
        (folder / source).write_text(text)
        (folder / "constraints.in").write_text(_as_text(constraints))
        (folder / "overrides.in").write_text(_as_text(choosing.overrides))
        arguments = ["pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
        arguments += ["--no-annotate", "--emit-index-annotation"]
        arguments += ["--python", interpreter.path, "--python-version", interpreter.minor]
        arguments += ["--constraint", "constraints.in", "--override", "overrides.in"]
        arguments += ["--output-file", "lock.txt", source, *builds.arguments, *([] if deep else ["--no-deps"])]
        for option, value in (
            ("exclude-newer", requirements.exclude_newer),
            ("prerelease", choosing.prerelease),
            ("resolution", choosing.resolution),
        ):
            arguments += [f"--{option}={value}"] if value else []
        outcome = run_uv(arguments, cwd=folder, index=indexes)
        if outcome.code:
            raise _failed(requirements.path, outcome)
        lines = lines_of(folder / "lock.txt")
        entries = _pinned(requirements, lines) if requirements.pins else _entries(lines)
        from_ = {
            text: url
            for text, url in indexes_in_lines((folder / "lock.txt").read_text(), lines).items()
            if _is_other(url, indexes)
        }
        return normalised(entries, from_)


def _as_project(requirements: Requirements, indexes: Indexes) -> str:
    """Return them as a project: uv takes the index of a package from one alone."""
    names = {one.index.url: indexes.name_of(one) for one in indexes.others}
    text = '[project]\nname = "daybreak-requirements"\nversion = "0"\ndependencies = [\n'
    text += "".join(f"  {json.dumps(line.text)},\n" for line in requirements.lines)
    text += "]\n[tool.uv.sources]\n"
    by_package: dict[str, list[FromIndex]] = {}
    for one in requirements.choosing.sources:
        if one.url in names:
            by_package.setdefault(one.package, []).append(one)
    for package, sources in by_package.items():
        said = ", ".join(
            f"{{ index = {json.dumps(names[one.url])}"
            + (f", marker = {json.dumps(one.marker)}" if one.marker else "")
            + " }"
            for one in sources
        )
        text += f"{package} = [{said}]\n"
    for url, name in names.items():
        text += f"[[tool.uv.index]]\nname = {json.dumps(name)}\nurl = {json.dumps(url)}\nexplicit = true\n"
    return text


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
