"""Which release is current, which were before, and the one step that changes it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.releases.files import replace_link, sync_folder, write_all
from airflow_provider_daybreak.releases.layout import ID

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.layout import Layout


@dataclass(frozen=True)
class History:
    """
    What the history of a name comes to.

    :param line: the releases that were current and not rolled back, oldest first; the last one is current.
    :param rolled_back: the releases that somebody turned away from.
    """

    line: tuple[str, ...] = ()
    rolled_back: frozenset[str] = frozenset()

    @property
    def previous(self) -> str | None:
        """The release to return to."""
        return self.line[-2] if len(self.line) > 1 else None


def current_id(layout: Layout) -> str | None:
    """Return the id of the current release, or None before the first deploy."""
    try:
        name = layout.current.readlink().name
    except (FileNotFoundError, NotADirectoryError):
        return None
    return name if ID.fullmatch(name) else None


def switch(layout: Layout, release_id: str, *, action: str) -> None:
    """
    Make the release current: the one step that commits a deploy or a roll back.

    :param action: ``deploy`` or ``rollback``, for the history.
    """
    before = current_id(layout)
    replace_link(layout.current, f"releases/{release_id}")
    _append(layout, {"action": action, "release": release_id, "previous": before})


def heal(layout: Layout) -> None:
    """Enter a switch into the history that was interrupted before it was."""
    now, entries = current_id(layout), entries_of(layout)
    if now and (not entries or entries[-1]["release"] != now):
        _append(layout, {"action": "deploy", "release": now, "previous": None, "healed": True})


def read_history(layout: Layout) -> History:
    """Return what the history comes to."""
    line: list[str] = []
    rolled_back: set[str] = set()
    for entry in entries_of(layout):
        release = entry["release"]
        if entry["action"] == "rollback":
            if line and line[-1] != release:
                rolled_back.add(line[-1])
            if release in line:
                rolled_back.update(line[line.index(release) + 1 :])
                del line[line.index(release) :]
        line = [one for one in line if one != release and one not in rolled_back] + [release]
        rolled_back.discard(release)
    return History(tuple(line), frozenset(rolled_back))


def entries_of(layout: Layout) -> list[dict[str, Any]]:
    """Return the history's entries, oldest first. A line that a crash cut off is left out."""
    try:
        lines = layout.history.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and ID.fullmatch(str(entry.get("release"))):
            entries.append(entry)
    return entries


def _append(layout: Layout, entry: dict[str, Any]) -> None:
    entry = {"time": datetime.now(timezone.utc).isoformat(timespec="seconds"), **entry}
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(layout.history, flags, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        cut_off = size and os.pread(descriptor, 1, size - 1) != b"\n"
        write_all(descriptor, (b"\n" if cut_off else b"") + json.dumps(entry).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size:
        sync_folder(layout.state)
