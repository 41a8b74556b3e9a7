"""Which release is current, which were before, and the one step that changes it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import OwnedByAnotherDagError
from airflow_provider_daybreak.releases.layout import ID
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_daybreak.releases.dag_version import DagVersion
    from airflow_provider_daybreak.releases.layout import Layout


@dataclass(frozen=True)
class History:
    """
    What the history of a name comes to.

    :param line: the releases that were current and not rolled back, oldest first; the last one is current.
    :param rolled_back: the releases that somebody turned away from.
    :param recent: the releases that were deployed and not rolled back, current or aside, in the order of the last time.
    :param owner: id of the Dag that deployed last, or None while only people did.
    """

    line: tuple[str, ...] = ()
    rolled_back: frozenset[str] = frozenset()
    recent: tuple[str, ...] = ()
    owner: str | None = None

    @property
    def current(self) -> str | None:
        """The release that runs next."""
        return self.line[-1] if self.line else None


def current_id(layout: Layout) -> str | None:
    """Return the id of the current release, or None before the first deploy."""
    try:
        name = layout.current.readlink().name
    except (FileNotFoundError, NotADirectoryError):
        return None
    return name if ID.fullmatch(name) else None


def new_entry(
    layout: Layout, release_id: str, *, action: str, dag_id: str = "", version: DagVersion | None = None
) -> dict[str, Any]:
    """
    Return the history's entry for a switch that is about to be made.

    :param action: ``deploy``, ``rollback``, or ``aside`` for a release that is used and does not become current.
    :param dag_id: the Dag that deploys; "" where a person does.
    :param version: the version of the Dag that deploys it, where it has any.
    """
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    entry: dict[str, Any] = {
        "time": now,
        "action": action,
        "release": release_id,
        "previous": current_id(layout),
    }
    if dag_id:
        entry["dag_id"] = dag_id
    return {**entry, "dag": version.entry()} if version else entry


def check_owner(name: str, owner: str | None, dag_id: str, *, take_over: str | None = None) -> None:
    """
    Refuse a Dag that deploys under a name which is another's.

    :param owner: id of the Dag whose the name is, if it is one's.
    :param dag_id: the Dag that deploys; "" where a person does.
    :param take_over: id of the Dag from which the name may be taken.
    :raises OwnedByAnotherDagError: it is another's.
    """
    if owner and dag_id and owner not in (dag_id, take_over):
        raise OwnedByAnotherDagError("release", name, owner, dag_id)


def switch(layout: Layout, entry: dict[str, Any]) -> None:
    """Make the entry's release current, unless it is for one aside: the one step that commits a deploy or a roll back."""
    if entry["action"] != "aside":
        point_to(layout, entry["release"])
    _append(layout, entry)


def point_to(layout: Layout, release_id: str) -> None:
    """Point ``current`` at the release, and leave the history alone."""
    local.replace_link(layout.current, f"releases/{release_id}")


def replace_history(layout: Layout, entries: list[dict[str, Any]]) -> None:
    """Take over the history that the workers share."""
    lines = [json.dumps(entry).encode() + b"\n" for entry in entries]
    local.write(layout.history, b"".join(lines), mode=0o644)


def heal(layout: Layout) -> None:
    """Enter a switch into the history that was interrupted before it was."""
    now, entries = current_id(layout), entries_of(layout)
    if now and history_of(entries).current != now:
        _append(layout, {**new_entry(layout, now, action="deploy"), "previous": None, "healed": True})


def read_history(layout: Layout) -> History:
    """Return what the history of the name comes to."""
    return history_of(entries_of(layout))


def history_of(entries: Sequence[Mapping[str, Any]]) -> History:
    """Return what the entries come to."""
    line: list[str] = []
    rolled_back: set[str] = set()
    recent: dict[str, None] = {}
    owner = None
    for entry in entries:
        release, owner = entry["release"], entry.get("dag_id") or owner
        recent.pop(release, None)
        recent[release] = None
        if entry["action"] == "aside":
            continue
        if entry["action"] == "rollback":
            if line and line[-1] != release:
                rolled_back.add(line[-1])
            if release in line:
                rolled_back.update(line[line.index(release) + 1 :])
                del line[line.index(release) :]
        line = [one for one in line if one != release and one not in rolled_back] + [release]
        rolled_back.discard(release)
    made = tuple(one for one in recent if one not in rolled_back)
    return History(tuple(line), frozenset(rolled_back), made, owner)


def entries_of(layout: Layout) -> list[dict[str, Any]]:
    """Return the history's entries, oldest first. A line that a crash cut off is left out."""
    try:
        lines = layout.history.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    return [entry for line in lines if (entry := entry_in(line))]


def entry_in(line: bytes) -> dict[str, Any] | None:
    """Return the history's entry in a line, or None where there is none."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    known = isinstance(entry, dict) and "action" in entry and ID.fullmatch(str(entry.get("release")))
    return entry if known else None


def _append(layout: Layout, entry: dict[str, Any]) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    descriptor = os.open(layout.history, flags, 0o644)
    try:
        size = os.fstat(descriptor).st_size
        cut_off = size and os.pread(descriptor, 1, size - 1) != b"\n"
        local.write_all(descriptor, (b"\n" if cut_off else b"") + json.dumps(entry).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if not size:
        local.synchronise(layout.state)
