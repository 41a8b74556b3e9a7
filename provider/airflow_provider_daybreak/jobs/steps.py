"""Lines of a pipeline's steps: those that a deploy makes needless are left out, those that ask the pipeline are refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import Fate, Note

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}|\$\{?(CI_\w+|GITHUB_\w+|BUILD_\w+)\}?")
_INSTALLS = re.compile(
    r"(python\d?(\.\d+)? -m )?pip\d? install\b|uv (sync|pip install|venv)\b|poetry install\b|pipenv (install|sync)\b"
    r"|npm (ci|install)\b|(sudo )?apt(-get)? |apk add\b|python\d? -m venv\b|(source|\.) \S*bin/activate$"
)


def commands_of(steps: Iterable[str]) -> tuple[list[str], list[Note]]:
    """Return the lines of a shell that steps run, and a note on each that is left out."""
    lines: list[str] = []
    notes: list[Note] = []
    for line in (each for step in steps for each in step.splitlines()):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _EXPRESSION.search(line)
        if _INSTALLS.match(stripped):
            notes.append(Note(Fate.ADAPTED, stripped, "the deploy installs what the requirements say"))
        elif match:
            notes.append(
                Note(Fate.REFUSED, stripped, f"asks the pipeline for {match[1] or match[2]}: give it by env=")
            )
        else:
            lines.append(line.rstrip())
    return lines, notes
