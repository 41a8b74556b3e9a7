"""Jenkinsfiles with ``cron(…)``: the times, with each ``H`` a number that stays the same, and what ``sh`` runs."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.cron import ALIASES, kept
from airflow_provider_daybreak.jobs.job import Fate, Job, Note, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.steps import commands_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXT = r"(?P<quote>'''|\"\"\"|'|\")(?P<text>.*?)(?P=quote)"
_CRON = re.compile(rf"\bcron\s*\(\s*(?:spec:\s*)?{_TEXT}\s*\)", re.DOTALL)
_SHELL = re.compile(rf"\bsh\s*\(?\s*(?:script:\s*)?{_TEXT}", re.DOTALL)
_COMMENT = re.compile(r"/\*.*?\*/|(?<![:'\"])//[^\n]*", re.DOTALL)
_ENVIRONMENT = re.compile(r"\benvironment\s*\{(?P<said>(?:[^{}]|\{[^{}]*\})*)\}")
_TIMEOUT = re.compile(
    r"""\btimeout\s*\(\s*(?:time:\s*)?(?P<time>\d+)(?:\s*,\s*unit:\s*['"](?P<unit>SECONDS|MINUTES|HOURS|DAYS)['"])?"""
)
_LIMITS = (60, 24, 28, 12, 7)  # how many values a field has that every month has too
_FIRST = (0, 0, 1, 1, 0)


def is_jenkinsfile(text: str) -> bool:
    """Say whether a text is a Jenkinsfile that has a time."""
    return (
        _CRON.search(text) is not None and re.search(r"\b(pipeline|node|properties)\b\s*[({]", text) is not None
    )


def read_jenkinsfile(text: str, path: str) -> Iterator[Job | Refusal]:
    """Yield the job of a Jenkinsfile."""
    bare = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    match = _CRON.search(bare)
    name = Path(path).resolve().parent.name if Path(path).name == "Jenkinsfile" else Path(path).stem
    if match is None:
        return
    place = Place(path, bare.count("\n", 0, match.start()) + 1, " ".join(match[0].split()))
    notes: list[Note] = []
    zone: str | None = None
    expressions: list[str] = []
    for line in map(str.strip, match["text"].splitlines()):
        if line.startswith("TZ="):
            zone = line[3:]
        elif line and not line.startswith("#"):
            said = _hashed(line, name)
            good, refused = kept([said], Rule.ROBFIG, place)
            yield from refused
            if good and said != line:
                why = f"is {said}: each H is a number of its own, which stays the same"
                notes.append(Note(Fate.ADAPTED, line, why))
            expressions += good
    if not expressions:
        if not match["text"].strip():
            yield Refusal(place, "It has no time: write one, such as cron('H 9 * * *').")
        return
    lines, more = commands_of(each["text"] for each in _SHELL.finditer(bare))
    if not lines:
        yield Refusal(place, "None of its steps is an sh '…' with a command: write a task for what it does.")
        return
    environment, told = _environment(bare)
    yield Job(
        place,
        When(tuple(expressions), zone, Rule.ROBFIG),
        name=name,
        command="\n".join(lines),
        environment=environment,
        timeout=_timeout(bare),
        overlaps="disableConcurrentBuilds" not in bare,
        notes=(*notes, *told, *more),
    ).noted(
        Fate.ADAPTED,
        "sh",
        "its commands are one script, in their order; stages, agents and post steps are Jenkins' own",
    )


def _environment(text: str) -> tuple[dict[str, str], list[Note]]:
    """Return the variables that a pipeline sets for its steps, and a note on each that Jenkins alone knows."""
    found: dict[str, str] = {}
    notes: list[Note] = []
    for block in _ENVIRONMENT.finditer(text):
        for name, value in re.findall(r"(\w+)\s*=\s*([^\n;]+)", block["said"]):
            plain = re.fullmatch(r"""(['"])([^'"$]*)\1""", value.strip())
            if plain:
                found[name] = plain[2]
            else:
                why = "lies at Jenkins: put the value into the .env"
                notes.append(Note(Fate.REFUSED, f"{name} = {value.strip()}", why))
    return found, notes


def _timeout(text: str) -> timedelta | None:
    """Return after how long a build is ended."""
    match = _TIMEOUT.search(text)
    if match is None:
        return None
    return timedelta(**{(match["unit"] or "MINUTES").lower(): int(match["time"])})


_ALIASES = {
    **{key: re.sub(r"\b0\b", "H", value, count=1 if key == "@hourly" else 2) for key, value in ALIASES.items()},
    "@midnight": "H H(0-2) * * *",
}


def _hashed(line: str, name: str) -> str:
    """Return an expression with a number for each ``H``, the same for the same job."""
    line = _ALIASES.get(line, line)
    fields = line.split()
    said = [
        re.sub(
            r"H(?:\((\d+)-(\d+)\))?(?:/(\d+))?",
            lambda match, index=index: _number(match, index, name),  # type: ignore[misc]  # the index is bound at once
            field,
        )
        for index, field in enumerate(fields)
    ]
    return " ".join(said)


def _number(match: re.Match[str], index: int, name: str) -> str:
    first, last = (
        (int(match[1]), int(match[2]))
        if match[1]
        else (_FIRST[index % 5], _FIRST[index % 5] + _LIMITS[index % 5] - 1)
    )
    spread = int.from_bytes(hashlib.sha256(f"{name}:{index}".encode()).digest()[:4], "big")
    if match[3]:
        step = max(1, int(match[3]))
        return f"{first + spread % step}-{last}/{step}"
    return str(first + spread % (last - first + 1))
