"""A script's own metadata (PEP 723): what it needs, written in its first lines."""

from __future__ import annotations

import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import Line, requirement
from airflow_provider_daybreak.releases.requirements.lockfiles import toml
from airflow_provider_daybreak.releases.requirements.needs import table
from airflow_provider_daybreak.releases.requirements.uv_settings import uv_settings, with_urls

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_daybreak.releases.requirements.choosing import Choosing

_REMEDY = (
    "Lock the script with 'uv lock --script {name}', and export that with 'uv export --script {name} --output-file "
    "requirements.txt'."
)
_OPENING = "# /// script"
_CLOSING = "# ///"


@dataclass(frozen=True)
class Metadata:
    """
    What a script says of itself.

    :param index: address of the index that it names, or "".
    :param exclude_newer: the time after which nothing that was published counts, as uv reads it, or "".
    :param choosing: how packages are chosen beside that.
    """

    lines: tuple[Line, ...]
    requires_python: str
    index: str
    exclude_newer: str
    choosing: Choosing


def has_metadata(path: Path) -> bool:
    """Return whether a file of the source has metadata in it."""
    try:
        return _OPENING.encode() in path.read_bytes() and _block(path) is not None
    except OSError:
        return False


def read_metadata(path: Path) -> Metadata | None:
    """
    Return what a script says of itself, or None where it says nothing.

    :raises RequirementsError: it can't be read, or says what is not honoured here.
    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    block = _block(path)
    if block is None:
        return None
    first, text = block
    facts = toml(str(path), text)
    dependencies, python = facts.get("dependencies", []), facts.get("requires-python", "")
    if not isinstance(dependencies, list) or not all(isinstance(item, str) for item in dependencies):
        raise RequirementsError(str(path), "dependencies in its metadata is no list of strings.")
    if not isinstance(python, str):
        raise RequirementsError(str(path), "requires-python in its metadata is no string, such as '>=3.10'.")
    if unknown := sorted(facts.keys() - {"dependencies", "requires-python", "tool"}):
        problem = f"its metadata has {unknown[0]!r}. Known are dependencies, requires-python and [tool]."
        raise RequirementsError(str(path), problem)
    lock = path.with_name(f"{path.name}.lock")
    if lock.exists():
        command = f"uv export --locked --script {path.name} --output-file requirements.txt"
        raise RequirementsError(str(lock), f"it can't be installed from. Export it with: {command}.")
    numbers = _numbers(text, dependencies, first)
    lines = tuple(
        requirement(Line(str(path), number, item)) for number, item in zip(numbers, dependencies, strict=True)
    )
    for line in lines:
        if line.options:
            raise line.refused("a dependency in metadata has no options. Write it into a requirements.txt.")
    settings = uv_settings(
        path,
        text,
        table(path, facts, "tool", "uv"),
        remedy=_REMEDY.format(name=path.name),
        place=lambda said: _numbers(text, [said], first)[0],
    )
    if settings.paths:
        place = Line(str(path), _numbers(text, [settings.paths[0][0]], first)[0], settings.paths[0][0])
        raise place.refused(
            "a script's metadata names no folder. Put the package beside the script, which finds it there."
        )
    return Metadata(
        with_urls(lines, settings), python, settings.index, settings.exclude_newer, settings.choosing
    )


def _block(path: Path) -> tuple[int, str] | None:
    """Return the number of the block's first line and its TOML, or None when the script has no metadata."""
    try:
        with tokenize.open(path) as file:  # in the encoding that the script names
            physical = file.read().splitlines()
    except (SyntaxError, UnicodeDecodeError, OSError):
        return None  # Python itself will say what is wrong with it
    openings = [number for number, line in enumerate(physical, start=1) if line.rstrip() == _OPENING]
    if not openings:
        return None
    first = openings[0]
    if len(openings) > 1:
        problem = f"it has metadata on line {first} and on line {openings[1]}. Keep one of the two."
        raise RequirementsError(str(path), problem)
    for last in range(first, len(physical)):
        if physical[last].rstrip() == _CLOSING:
            return first + 1, "\n".join(line[2:] for line in physical[first:last])
        if not re.match(r"#( |$)", physical[last]):
            break
    raise RequirementsError(
        str(path), f"the metadata opened on line {first} is never closed. Close it with a line '# ///'."
    )


def _numbers(text: str, items: list[str], first: int) -> list[int]:
    lines = text.splitlines()
    return [
        next((first + number for number, line in enumerate(lines) if item in line), first) for item in items
    ]
