"""
Removing what is older than it has to be kept.

What was mailed to whom is never removed, and a revision that it may speak of keeps its number: made again, the
same content, with the same snapshots, gets the same number, and other content another one.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.archive.manifest import claim_of
from airflow_provider_daybreak.exceptions import ManifestUnreadableError, RevisionNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.archive.archive import Archive, Revision
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

_SHA256 = re.compile(rb"[0-9a-f]{64}")
_LONGEST_PERIOD = timedelta(days=366)


@dataclass(frozen=True)
class Removal:
    """
    Something that pruning removed, or would remove.

    :param kind: a revision; what a publisher left that died; or a file that no kept report refers to.
    :param uri: its manifest's, its folder's or its own.
    """

    kind: Literal["revision", "unfinished", "artifact"]
    uri: str


def prune(
    archive: Archive, *, before: date, report: str | None = None, dry_run: bool = False
) -> Iterator[Removal]:
    """
    Remove revisions that are older, and, when that is done for all reports, artifacts that nothing refers to.

    It may run beside publishers. When it is killed, the next call goes on where it ended.

    :param before: revisions whose date, and whose making, lie before this day are removed.
    :param report: only that report's.
    :param dry_run: whether to leave all as it is.
    :return: what was removed, each right after it was.
    """
    for name in archive.reports() if report is None else [layout.check_report(report)]:
        for day in list(archive.days(name, until=before - timedelta(days=1))):
            for number in archive.numbers(name, day):
                removal = _prune_revision(archive, name, day, number, before=before, dry_run=dry_run)
                if removal is not None:
                    yield removal
            if not dry_run:
                storage.remove_empty(layout.day_folder(archive.root, name, day), archive.root)
    if report is None:
        yield from _prune_artifacts(archive, before=before, dry_run=dry_run)


def _prune_revision(
    archive: Archive, report: str, report_date: date, number: int, *, before: date, dry_run: bool
) -> Removal | None:
    folder = archive.folder(report, report_date, number)
    try:
        revision = archive.revision(report, report_date, number)
    except RevisionNotFoundError:
        return _prune_unfinished(folder, before=before, dry_run=dry_run)
    except ManifestUnreadableError as error:
        log.warning("Kept, for somebody to look at: %s", error)
        return None
    if date.fromisoformat(revision.manifest.created[:10]) >= before:
        return None
    if not dry_run:
        claim = claim_of(revision.manifest).decode() if _was_mailed(archive, revision) else None
        _remove(folder, claim)
    return Removal("revision", revision.uri)


def _was_mailed(archive: Archive, revision: Revision) -> bool:
    """Return whether a ledger may speak of the revision: that of its date, or of its period's first day."""
    manifest = revision.manifest
    days = {manifest.report_date, date.fromisoformat(manifest.period["start"][:10])}
    return any(storage.names(archive.deliveries(manifest.report, day)) for day in days)


def _prune_unfinished(folder: StoragePath, *, before: date, dry_run: bool) -> Removal | None:
    """Remove what lies in a folder without manifest, unless a publisher may still be at work there."""
    files = storage.files_below(folder)
    names = [name for name, _ in files]
    pruned = _pruned_claim(folder) if layout.CLAIM in names else None
    if pruned is None:
        if names == [layout.CLAIM] or any(changed.date() >= before for _, changed in files):
            return None  # a number that is kept, or too young
        pruned = {"keep": None}
    if not dry_run:
        _remove_rest(folder, pruned)
    return Removal("unfinished", storage.uri_of(folder))


def _remove(folder: StoragePath, claim: str | None) -> None:
    """
    Remove a revision, and leave a claim that keeps its number, or None.

    A publisher of the same content joins a claim that it can read. So first of all the claim becomes one that
    nobody can join, while the revision is still complete; only then its files go.
    """
    storage.write(folder / layout.CLAIM, json.dumps({"pruned": {"keep": claim}}).encode())
    storage.synchronise([folder])
    storage.remove(folder, [layout.MANIFEST])
    storage.synchronise([folder])
    _remove_rest(folder, {"keep": claim})


def _remove_rest(folder: StoragePath, pruned: dict[str, str | None]) -> None:
    """Remove the files of a revision that is none any more, and in the end the claim, or make it what it was."""
    names = [name for name, _ in storage.files_below(folder)]
    storage.remove(folder, [name for name in names if name != layout.CLAIM])
    if pruned["keep"] is None:
        storage.remove(folder, [layout.CLAIM])
        storage.remove_empty(folder, folder.parent)
    else:
        storage.write(folder / layout.CLAIM, pruned["keep"].encode())
        storage.synchronise([folder])


def _pruned_claim(folder: StoragePath) -> dict[str, str | None] | None:
    """Return what is to become of the claim where pruning has begun, or None where it has not."""
    try:
        claim = json.loads(storage.read(folder / layout.CLAIM))
    except ValueError:
        return None
    except OSError as error:
        if not storage.is_no_file(error):
            raise
        return None
    pruned = claim.get("pruned") if isinstance(claim, dict) else None
    return pruned if isinstance(pruned, dict) and "keep" in pruned else None


def _prune_artifacts(archive: Archive, *, before: date, dry_run: bool) -> Iterator[Removal]:
    folder = archive.root / layout.ARTIFACTS
    old = [name for name, changed in storage.files_below(folder) if changed.date() < before]
    mentioned = _mentioned(archive, since=before) if old else set()
    for name in old:
        if name.partition("/")[0] not in mentioned:
            # Reading the ledgers took long: a task may have stored the same bytes meanwhile, to mail them.
            changed = storage.changed(storage.below(folder, name))
            if changed is None or changed.date() >= before:
                continue
            if not dry_run:
                storage.remove(folder, [name])
            yield Removal("artifact", f"{storage.uri_of(folder)}/{name}")


def _mentioned(archive: Archive, *, since: date) -> set[str]:
    """
    Return every digest that the ledgers of kept dates mention, of which some are those of artifacts.

    A ledger lies at the first day of its period, which may begin a year before the report's date.
    """
    found: set[str] = set()
    for report in archive.reports():
        for day in archive.days(report, since=since - _LONGEST_PERIOD):
            folder = archive.deliveries(report, day)
            for name, _ in storage.files_below(folder):
                if not layout.is_hidden(name):
                    data = storage.read(storage.below(folder, name))
                    found.update(match.decode() for match in _SHA256.findall(data))
    return found
