"""A script's own metadata (PEP 723): what it needs, written in its first lines."""

from __future__ import annotations

import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import TWO_INDEXES, Line, index_url, requirement
from airflow_provider_daybreak.releases.requirements.lockfiles import toml

if TYPE_CHECKING:
    from pathlib import Path

_OPENING = "# /// script"
_CLOSING = "# ///"


@dataclass(frozen=True)
class Metadata:
    """
    What a script says of itself.

    :param index: address of the index that it names, or "".
    :param exclude_newer: the time after which nothing that was published counts, as uv reads it, or "".
    """

    lines: tuple[Line, ...]
    requires_python: str
    index: str
    exclude_newer: str


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
    settings = facts.get("tool", {}).get("uv", {}) if isinstance(facts.get("tool", {}), dict) else {}
    index, exclude_newer = _of_uv(path, settings, text, first)
    return Metadata(lines, python, index, exclude_newer)


def _of_uv(path: Path, settings: Any, text: str, first: int) -> tuple[str, str]:
    """Return index and time of ``[tool.uv]``. What can't be honoured is refused: it says what is installed."""
    if not isinstance(settings, dict):
        raise RequirementsError(str(path), "tool.uv in its metadata is no table.")
    if unknown := sorted(settings.keys() - {"index", "exclude-newer"}):
        problem = (
            f"{unknown[0]!r} in [tool.uv] is not honoured here. Known are index and exclude-newer: lock the script "
            f"with 'uv lock --script {path.name}', and export that with 'uv export --script {path.name} "
            "--output-file requirements.txt'."
        )
        raise RequirementsError(str(path), problem)
    exclude_newer = settings.get("exclude-newer", "")
    if not isinstance(exclude_newer, str):
        raise RequirementsError(
            str(path), "exclude-newer in [tool.uv] is no string, such as '2026-03-29T00:00:00Z'."
        )
    indexes = settings.get("index", [])
    if not indexes:
        return "", exclude_newer
    if not isinstance(indexes, list) or not all(isinstance(index, dict) for index in indexes):
        raise RequirementsError(
            str(path), "index in [tool.uv] is no list of tables. Expected [[tool.uv.index]]."
        )
    url = str(indexes[-1].get("url", ""))
    line = Line(str(path), _numbers(text, [url], first)[0], url)
    if len(indexes) > 1 or indexes[0].get("default") is not True or indexes[0].get("explicit"):
        raise line.refused(f"{TWO_INDEXES} Say default = true where it is the only one.")
    return index_url(line, url), exclude_newer


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
