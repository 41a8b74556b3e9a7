"""The files that a script left, by the patterns they were asked for with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ScriptOutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from airflow_provider_daybreak.releases.running.workspace import Left


def all_like(command: str, patterns: Sequence[str], files: Callable[[str], Sequence[Left]]) -> dict[str, Left]:
    """Return the files that fit the patterns, by their path in the output or the working directory."""
    found: dict[str, Left] = {}
    for pattern in patterns:
        fitting = files(pattern)
        if not fitting:
            problem = f"it left no file like {pattern!r} in its output directory (DAYBREAK_OUTPUT_DIR)."
            raise ScriptOutputError(command, problem)
        found.update({left.name: left for left in fitting})
    return found
