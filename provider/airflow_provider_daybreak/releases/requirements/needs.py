"""What one file says is needed, as every reader returns it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.addresses import without_credentials
from airflow_provider_daybreak.releases.requirements.choosing import AS_USUAL, Choosing
from airflow_provider_daybreak.releases.requirements.lines import Line, requirement

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True)
class CondaNeeds:
    """
    What conda's program installs.

    :param channels: where from; what the machine's configuration says where there are none.
    :param specs: the packages, as conda writes them.
    :param environment: name or path of an environment whose packages are taken instead.
    """

    channels: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()
    environment: str = ""


@dataclass(frozen=True)
class Needs:
    """
    What one file says is needed.

    :param lines: the requirements.
    :param requires_python: what it says of Python, as a version specifier, or "".
    :param index: address of the index that it names, or "".
    :param exclude_newer: the time after which nothing that was published counts, as uv reads it, or "".
    :param pins: each package of the lock beside it, with its version and hashes: nothing else is installed.
    :param choosing: how packages are chosen beside that.
    :param projects: folders of the source that hold packages which it needs.
    :param conda: what conda's program installs, where it does.
    """

    lines: tuple[Line, ...] = ()
    requires_python: str = ""
    index: str = ""
    exclude_newer: str = ""
    pins: tuple[Line, ...] = ()
    choosing: Choosing = AS_USUAL
    projects: tuple[Path, ...] = ()
    conda: CondaNeeds | None = None


def joined(first: Needs, second: Needs) -> Needs:
    """Return what two say together; of what only one can say, the first goes before."""
    return Needs(
        (*first.lines, *second.lines),
        ",".join(one for one in (first.requires_python, second.requires_python) if one),
        first.index or second.index,
        first.exclude_newer or second.exclude_newer,
        (*first.pins, *second.pins),
        first.choosing if first.choosing != AS_USUAL else second.choosing,
        (*first.projects, *second.projects),
    )


def required(
    path: Path, text: str, items: Iterable[object], *, written: Iterable[str] = ()
) -> tuple[Line, ...]:
    """
    Return requirements with the lines that they stand at.

    :param text: the file's text.
    :param items: the requirements, as in ``requests>=2.31``.
    :param written: what stands in the text for each of them, where that is something else.
    :raises RequirementsError: one is no text.
    :raises RequirementRefusedError: one asks for what can't be deployed.
    """
    found = list(items)
    marks = list(written) or found
    lines = []
    for item, mark in zip(found, marks, strict=True):
        if not isinstance(item, str):
            raise RequirementsError(
                str(path),
                f"{without_credentials(repr(item))} is no requirement. Expected text such as 'requests>=2.31'.",
            )
        line = requirement(Line(str(path), line_with(text, str(mark)), item))
        if line.options:
            raise line.refused("a dependency has no options here. Write it into a requirements.txt.")
        lines.append(line)
    return tuple(lines)


def line_with(text: str, mark: str) -> int:
    """Return the number of the first line that has the mark in it, as a word, or 1."""
    word = re.compile(rf"(?<![\w.-]){re.escape(mark)}(?![\w-])")
    return next((n for n, line in enumerate(text.splitlines(), start=1) if word.search(line)), 1)


def table(path: Path, facts: Any, *keys: str) -> dict[str, Any]:
    """
    Return the table at those keys, or an empty one.

    :raises RequirementsError: something else stands there.
    """
    for number, key in enumerate(keys, start=1):
        facts = facts.get(key, {})
        if not isinstance(facts, dict):
            raise RequirementsError(str(path), f"{'.'.join(keys[:number])} is no table.")
    return dict(facts)


def strings(path: Path, value: Any, name: str) -> list[str]:
    """
    Return a list of texts, or an empty one for None.

    :raises RequirementsError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RequirementsError(str(path), f"{name} is no list of texts, such as ['requests>=2.31'].")
    return value


def unknown_choice(path: Path, name: str, there: Iterable[str]) -> RequirementsError:
    """Return the error for an extra or a group that is not there."""
    names = ", ".join(sorted(there))
    step = f"There are: {names}." if names else f"It has none at all: leave out [{name}]."
    return RequirementsError(str(path), f"it has no extra or group {name!r}. {step}")
