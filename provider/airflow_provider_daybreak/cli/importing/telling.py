"""What became of each line: for a terminal, as Markdown, and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.jobs.job import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from airflow_provider_daybreak.cli.importing.folder import Written
    from airflow_provider_daybreak.cli.importing.instants import Difference, Times
    from airflow_provider_daybreak.cli.importing.planning import Planned
    from airflow_provider_daybreak.jobs.job import Refusal

_SIGNS = {Fate.KEPT: "=", Fate.ADAPTED: "~", Fate.REFUSED: "!"}


def as_text(
    planned: Sequence[tuple[Planned, Times]], refused: Sequence[Refusal], written: Written, out: str
) -> str:
    """Return it for a terminal."""
    lines: list[str] = []
    for each, times in planned:
        lines += [f"{each.dag.name}.py  {_when(each)}", *(f"    {line}" for line in each.dag.lines)]
        lines += [f"  {_SIGNS[note.fate]} {note.what}: {note.why}" for note in each.notes]
        lines += [f"  ! {_difference(one)}" for one in times.differences]
        lines += [f"    next: {', '.join(_short(one) for one in times.after[:2])}", ""]
    for one in refused:
        lines += [f"! {_place(one)}  {one.place.text}", f"    {one.reason}", ""]
    lines += _summary(planned, refused, written, out)
    return "\n".join(lines)


def _summary(planned: Sequence[object], refused: Sequence[object], written: Written, out: str) -> Iterator[str]:
    count = len(written.new) + len(written.renewed)
    yield f"{len(planned)} Dags, {len(refused)} refused; in {out}: {count} files written, {len(written.same)} as they were."
    if written.kept:
        yield f"Left alone, since somebody made or changed them: {', '.join(written.kept)}."
    if planned:
        yield "They are paused. Look at IMPORT.md, then: airflow dags unpause NAME, once the old place no longer runs it."


def as_markdown(
    planned: Sequence[tuple[Planned, Times]], refused: Sequence[Refusal], sources: Sequence[str]
) -> str:
    """Return it as a document."""
    lines = ["# What was imported", "", f"From {', '.join(f'`{each}`' for each in sources)}.", ""]
    lines += ["`=` kept as it was, `~` adapted, `!` refused or different.", ""]
    if refused:
        lines += ["## Refused", "", "| Where | Line | Why |", "| --- | --- | --- |"]
        lines += [
            f"| {_cell(_place(one))} | {_code(one.place.text)} | {_cell(one.reason)} |" for one in refused
        ]
        lines += [""]
    for each, times in planned:
        lines += [f"## {each.dag.name}", "", f"{_when(each)}. From {each.dag.origin}:", "", "```"]
        lines += [*(line.replace("```", "'''") for line in each.dag.lines), "```", ""]
        if each.notes:
            lines += ["| | What | What became of it |", "| --- | --- | --- |"]
            lines += [
                f"| {_SIGNS[note.fate]} | {_code(note.what)} | {_cell(note.why)} |" for note in each.notes
            ]
            lines += [""]
        lines += ["| Next, before | Next, as a Dag |", "| --- | --- |"]
        lines += [
            f"| {_short(old)} | {_short(new)} |" for old, new in zip(times.before, times.after, strict=False)
        ]
        lines += [""]
        if times.changes:
            lines += ["| Clocks change on | Before | As a Dag | |", "| --- | --- | --- | --- |"]
            lines += [
                f"| {one.day} | {_times(one.before)} | {_times(one.after)} | {'!' if one.before != one.after else '='} |"
                for one in times.changes
            ]
            lines += [""]
    return "\n".join(lines)


def as_data(
    planned: Sequence[tuple[Planned, Times]], refused: Sequence[Refusal], written: Written
) -> dict[str, Any]:
    """Return it as plain data."""
    return {
        "dags": [
            {
                "name": each.dag.name,
                "schedule": list(each.dag.expressions),
                "timezone": each.dag.zone,
                "from": [{"file": job.place.file, "line": job.place.line} for job in each.jobs],
                "lines": list(each.dag.lines),
                "notes": [{"fate": note.fate.value, "what": note.what, "why": note.why} for note in each.notes],
                "next_before": [one.isoformat() for one in times.before],
                "next_after": [one.isoformat() for one in times.after],
                "clock_changes": [
                    {"day": one.day, "before": list(one.before), "after": list(one.after)}
                    for one in times.changes
                ],
            }
            for each, times in planned
        ],
        "refused": [
            {"file": one.place.file, "line": one.place.line, "text": one.place.text, "reason": one.reason}
            for one in refused
        ],
        "files": {
            "new": written.new,
            "renewed": written.renewed,
            "same": written.same,
            "left_alone": written.kept,
        },
    }


def _when(planned: Planned) -> str:
    return f"{' and '.join(repr(each) for each in planned.dag.expressions)} in {planned.dag.zone}"


def _place(refusal: Refusal) -> str:
    return f"{refusal.place.file}:{refusal.place.line}" if refusal.place.line else refusal.place.file


def _short(instant: datetime) -> str:
    return instant.strftime("%a %Y-%m-%d %H:%M %z")


def _times(times: tuple[str, ...]) -> str:
    return ", ".join(times) if times else "not at all"


def _difference(one: Difference) -> str:
    return f"on {one.day}, when clocks change: before {_times(one.before)}, now {_times(one.after)}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _code(text: str) -> str:
    return f"`` {' '.join(text.split()).replace('|', chr(92) + '|')} ``" if text else ""
