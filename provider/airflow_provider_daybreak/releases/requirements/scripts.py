"""Which scripts of a source say themselves what they need (PEP 723), and which of these a Dag runs."""

from __future__ import annotations

import logging
import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.metadata import has_metadata

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import FileEntry, Source

log = logging.getLogger(__name__)

NOT_THE_SCRIPTS = frozenset({"doc", "docs", "example", "examples", "test", "tests"})
"""Folders whose scripts are not what is deployed, unless a command runs one of them."""

_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def scripts_with_metadata(source: Source, commands: Sequence[Sequence[str] | str] = ()) -> list[Path]:
    """
    Return the scripts whose own metadata says what is needed: those that commands run, or else the only one.

    :param commands: what is run in the release, as far as that is known.
    :raises RequirementsError: several have metadata, and nothing tells which of them is run.
    """
    run = [_run_by(command, source) for command in commands]
    named: set[str] = set().union(*run)
    there = [
        one["path"]
        for one in source.files
        if _is_script(one)
        and (one["path"] in named or not NOT_THE_SCRIPTS.intersection(PurePosixPath(one["path"]).parts[:-1]))
        and _has_metadata(source, one)
    ]
    chosen = [path for path in there if path in named]
    if chosen:
        return [source.folder / path for path in chosen]
    if run and all(run):
        if there:
            log.info(
                "No command of the Dag runs %s: what its metadata asks for is not installed", ", ".join(there)
            )
        return []
    if there[1:]:
        others = ", ".join(there[1:])
        problem = f"{others} has metadata too. Name one of them in requirements, or run one by a VenvRunOperator of the same Dag."
        raise RequirementsError(str(source.folder / there[0]), problem)
    return [source.folder / path for path in there]


def _is_script(file: FileEntry) -> bool:
    suffix = PurePosixPath(file["path"]).suffix
    return suffix == ".py" or (file["executable"] and not suffix)


def _has_metadata(source: Source, file: FileEntry) -> bool:
    place = source.folder / file["path"]
    return source.file_at(place) is not None and has_metadata(place)


def _words(said: str) -> list[str]:
    """Return the words of what may be a shell's line, as those of ``bash -c`` are."""
    try:
        return shlex.split(said, comments=False) if re.search(r"\s", said) else [said]
    except ValueError:  # a quote is never closed, which the run itself will say
        return said.split()


def _run_by(command: Sequence[str] | str, source: Source) -> set[str]:
    """Return the files of the source that a command names, as paths, modules or parts of a shell's line."""
    words = [command] if isinstance(command, str) else [word for word in command if isinstance(word, str)]
    parts = [part for word in words for part in _words(word)]
    files = {one["path"] for one in source.files if _is_script(one)}
    found = set()
    for before, part in zip(["", *parts], parts, strict=False):
        if _MODULE.fullmatch(part) and before == "-m":
            place = part.replace(".", "/")
            found |= {path for path in files if path in (f"{place}.py", f"{place}/__main__.py")}
        elif not part.startswith(("-", "/")):
            found |= {path for path in files if path == str(PurePosixPath(part))}
    return found
