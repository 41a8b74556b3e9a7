"""
Revisions of reports, published atomically.

A publisher claims a number by creating ``claim.json``, which names what it writes, in the revision's folder;
writes the files; and creates ``manifest.json``. The revision exists from then on, complete. A publisher
that dies leaves a claim that the same content can take over; other content takes the next number.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout, owner
from airflow_provider_daybreak.archive.artifacts import store_artifact
from airflow_provider_daybreak.archive.manifest import Manifest, claim_of
from airflow_provider_daybreak.archive.zones import one_key
from airflow_provider_daybreak.exceptions import (
    ArchivedFileChangedError,
    ArchivedFileNotFoundError,
    ManifestUnreadableError,
    OutsideArchiveError,
    RevisionNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.archive.artifacts import Artifact
    from airflow_provider_daybreak.archive.manifest import ArchivedFile, Draft
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

_VERIFY = "`airflow daybreak reports verify` lists all that is damaged."


@dataclass(frozen=True)
class Revision:
    """
    One rendering of one report for one date, complete.

    :param uri: URI of its manifest.
    :param manifest: what it is made of.
    :param folder: where its files lie.
    :param existing: whether publishing found it there.
    """

    uri: str
    manifest: Manifest
    folder: StoragePath = field(repr=False, compare=False)
    existing: bool = field(default=False, compare=False)

    @property
    def number(self) -> int:
        """1 for the first of its date, and so on."""
        return self.manifest.revision

    @property
    def files(self) -> tuple[ArchivedFile, ...]:
        """What readers get, sorted by name: the manifest's files without snapshots."""
        return tuple(file for file in self.manifest.files if not file.snapshot)

    def file(self, name: str, *, snapshot: bool = False) -> ArchivedFile:
        """
        Return what the manifest says of a file.

        :param snapshot: whether a snapshot is meant. What readers are given is asked for without.
        :raises ArchivedFileNotFoundError: the revision has no file of that name and kind.
        """
        for file in self.manifest.files:
            if file.name == name and file.snapshot == snapshot:
                return file
        raise ArchivedFileNotFoundError(self.uri, name, [file.name for file in self.files])

    def path(self, name: str) -> StoragePath:
        """
        Return where a file lies that readers get.

        :raises ArchivedFileNotFoundError: the revision has no file of that name.
        """
        return storage.below(self.folder, self.file(name).name)

    def read(self, name: str, *, snapshot: bool = False) -> bytes:
        """
        Return a file's bytes, which are those that were published.

        :param snapshot: whether a snapshot is meant. What readers are given is read without.
        :raises ArchivedFileNotFoundError: the revision has no file of that name and kind.
        :raises ArchivedFileChangedError: the file is gone, or differs from what the manifest says.
        """
        file = self.file(name, snapshot=snapshot)
        try:
            data = storage.read(storage.below(self.folder, file.name))
        except FileNotFoundError as error:
            raise ArchivedFileChangedError(self.uri, name, "it is gone") from error
        except OSError as error:
            if not storage.is_no_file(error):
                raise
            raise ArchivedFileChangedError(self.uri, name, "something else lies in its place") from error
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise ArchivedFileChangedError(self.uri, name, "its bytes are not those that were published")
        return data


class Archive:
    """
    The place where revisions of reports live.

    :param root: its folder; made when something is first published.
    """

    def __init__(self, root: StoragePath) -> None:
        self.root: StoragePath = root.absolute() if isinstance(root, Path) else root
        self.uri = storage.uri_of(self.root)

    def __repr__(self) -> str:
        return f"Archive({self.uri!r})"

    def publish(self, draft: Draft, *, take_over: str | None = None) -> Revision:
        """
        Put a rendering into the archive, whole or not at all.

        When the latest revision for its date and period has the same content, that one is returned, with
        ``existing`` set. A later one that is damaged may have been anything: then this is a new revision.

        :param take_over: id of the Dag whose the report was, where the draft's Dag is to go on with it.
        :raises OwnedByAnotherDagError: the report is another Dag's.
        :raises OSError: storage refused something. Nothing of the revision is then visible, and publishing
            the same draft again takes up where this ended.
        """
        if dag_id := draft.run.get("dag_id"):
            owner.claim(layout.report_folder(self.root, draft.report), dag_id, take_over=take_over)
        number = 0
        for taken, revision in self._newest_first(draft.report, draft.report_date):
            number = max(number, taken)
            if isinstance(revision, ManifestUnreadableError):
                log.warning("Publishing a new revision, whatever this one was: %s %s", revision, _VERIFY)
                break
            if _stands_for(revision.manifest, draft):
                if revision.manifest.digest == draft.digest_for(revision.manifest.period):
                    return replace(revision, existing=True)
                break
        number += 1
        while not _claim(self.folder(draft.report, draft.report_date, number), draft):
            number += 1
        return self._publish_as(number, draft)

    def _publish_as(self, number: int, draft: Draft) -> Revision:
        folder = self.folder(draft.report, draft.report_date, number)
        paths = [storage.below(folder, file.name) for file in draft.files]
        for path, file in zip(paths, draft.files, strict=True):
            storage.write(path, file.read())
        storage.synchronise({folder, *(path.parent for path in paths)})
        manifest = Manifest.of(draft, revision=number, created=datetime.now(timezone.utc))
        if not storage.create_if_absent(folder / layout.MANIFEST, manifest.to_json()):
            # Another publisher of the same content finished it first.
            return replace(self.revision(draft.report, draft.report_date, number), existing=True)
        return Revision(self._manifest_uri(draft.report, draft.report_date, number), manifest, folder)

    def latest(
        self, report: str, report_date: date, period_key: str | None = None, *, drafts: bool = False
    ) -> Revision | None:
        """
        Return the newest revision for a date, or None.

        :param period_key: only revisions for that period, such as ``day:2026-03-29:Europe/Berlin``.
        :param drafts: whether a revision whose checks failed counts.
        :raises ManifestUnreadableError: the manifest of one that may be it is damaged.
        """
        for _, revision in self._newest_first(report, report_date):
            if isinstance(revision, ManifestUnreadableError):
                raise revision
            manifest = revision.manifest
            of_period = period_key is None or one_key(period_key) == one_key(manifest.period_key)
            if of_period and (drafts or not manifest.draft):
                return revision
        return None

    def revision(self, report: str, report_date: date, number: int) -> Revision:
        """
        Return one revision.

        :raises RevisionNotFoundError: there is none of that number.
        :raises ManifestUnreadableError: its manifest is damaged.
        """
        uri = self._manifest_uri(report, report_date, number)
        folder = self.folder(report, report_date, number)
        try:
            data = storage.read(folder / layout.MANIFEST)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise RevisionNotFoundError(uri) from error
        except OSError as error:
            if not storage.is_no_file(error):
                raise
            raise ManifestUnreadableError(uri, "something else lies in its place; remove that") from error
        return Revision(uri, Manifest.from_json(data, uri=uri), folder)

    def open(self, manifest_uri: str) -> Revision:
        """
        Return the revision whose manifest lies at that URI.

        :raises OutsideArchiveError: no revision of this archive can lie there.
        :raises RevisionNotFoundError: none lies there.
        """
        prefix = f"{self.uri}/"
        relative = manifest_uri[len(prefix) :] if manifest_uri.startswith(prefix) else ""
        place = layout.parse_manifest(relative)
        if place is None:
            raise OutsideArchiveError(manifest_uri, self.uri)
        return self.revision(*place)

    def open_own(self, manifest_uri: str) -> Revision:
        """
        Return the revision that this archive itself names so, wherever the archive lay when that was written.

        :param manifest_uri: as it stands in a file of this archive; one from elsewhere is for :meth:`open`.
        :raises OutsideArchiveError: no archive keeps a manifest at such a place.
        :raises RevisionNotFoundError: there is none.
        """
        return self.open(f"{self.uri}/{'/'.join(manifest_uri.split('/')[-layout.MANIFEST_DEPTH :])}")

    def revisions(
        self, report: str | None = None, *, since: date | None = None, until: date | None = None
    ) -> Iterator[Revision]:
        """
        Yield complete revisions by report, date and number.

        One whose manifest is damaged is left out, with a warning in the log.

        :param report: only that report's.
        :param since: first report date.
        :param until: last report date, included.
        """
        for name in self.reports() if report is None else [layout.check_report(report)]:
            days = self.days(name, since=since, until=until)
            for found in storage.each(self.root, partial(self._of_day, name), days):
                yield from found

    def reports(self) -> list[str]:
        """Return the slugs of all reports that were ever published."""
        return [name for name in storage.names(self.root) if layout.is_report(name)]

    def owner(self, report: str) -> str | None:
        """Return the id of the Dag whose the report is, or None while it is nobody's."""
        return owner.owner_of(layout.report_folder(self.root, report))

    def days(self, report: str, *, since: date | None = None, until: date | None = None) -> Iterator[date]:
        """
        Yield the dates that have a folder, in order, looking only into months that may hold one.

        :param since: first date.
        :param until: last date, included.
        """
        since, until = since or date.min, until or date.max
        folder = layout.report_folder(self.root, report)
        for year in _numbered(folder, since.year, until.year):
            for month in _numbered(
                folder / year,
                since.month if int(year) == since.year else 1,
                until.month if int(year) == until.year else 12,
            ):
                for day in _numbered(folder / year / month, 1, 31):
                    with suppress(ValueError):  # a folder that names no day is not ours
                        found = date(int(year), int(month), int(day))
                        if since <= found <= until:
                            yield found

    def numbers(self, report: str, report_date: date) -> list[int]:
        """Return the numbers that publishers took for a date, in order, finished or not."""
        folder = layout.day_folder(self.root, report, report_date)
        return sorted(filter(None, map(layout.revision_number, storage.names(folder))))

    def folder(self, report: str, report_date: date, number: int) -> StoragePath:
        """Return where a revision lies, or would lie."""
        return layout.day_folder(self.root, report, report_date) / layout.revision_name(number)

    def deliveries(self, report: str, report_date: date) -> StoragePath:
        """Return the folder of what was mailed for a report's date. It may not be there yet."""
        return layout.day_folder(self.root, report, report_date) / layout.DELIVERIES

    def store_artifact(self, name: str, stream: BinaryIO) -> Artifact:
        """
        Keep a file under its digest, whole or not at all.

        :param name: what it is called, such as ``report.pdf``: one part, no path.
        :param stream: its bytes, read in pieces.
        :return: where it lies. The same bytes under the same name lie there once.
        :raises InvalidValueError: the name is no plain file name.
        """
        return store_artifact(self.root, name, stream)

    def mark(self) -> str:
        """
        Return what tells this archive from all others, also from one at the same address elsewhere: 32 hexadecimal digits.

        :raises OSError: storage refused something.
        """
        path = self.root / layout.MARK
        try:
            text = storage.read(path)
        except FileNotFoundError:
            storage.create_if_absent(path, f"{uuid4().hex}\n".encode())
            text = storage.read(path)
        return hashlib.sha256(self.uri.encode() + b"\n" + text).hexdigest()[:32]

    def _manifest_uri(self, report: str, report_date: date, number: int) -> str:
        day, name = layout.day_name(report_date), layout.revision_name(number)
        return f"{self.uri}/{layout.check_report(report)}/{day}/{name}/{layout.MANIFEST}"

    def _of_day(self, report: str, report_date: date) -> list[Revision]:
        revisions = []
        for _, revision in self._newest_first(report, report_date):
            if isinstance(revision, ManifestUnreadableError):
                log.warning("Left out: %s %s", revision, _VERIFY)
            else:
                revisions.append(revision)
        return revisions[::-1]

    def _newest_first(
        self, report: str, report_date: date
    ) -> Iterator[tuple[int, Revision | ManifestUnreadableError]]:
        """Yield the number of each complete revision with what it is, or with what is wrong with its manifest."""
        for number in reversed(self.numbers(report, report_date)):
            with suppress(RevisionNotFoundError):
                try:
                    yield number, self.revision(report, report_date, number)
                except ManifestUnreadableError as error:
                    yield number, error


def _numbered(folder: StoragePath, first: int, last: int) -> list[str]:
    return [name for name in storage.names(folder) if name.isdecimal() and first <= int(name) <= last]


def _stands_for(manifest: Manifest, draft: Draft) -> bool:
    """Return whether a revision is of the draft's period and kind, so that it may be the one it repeats."""
    instants = all(manifest.period[key] == draft.plain_period[key] for key in ("start", "end"))
    same = one_key(manifest.period_key) == one_key(draft.period_key)
    return manifest.draft == draft.draft and same and instants


def _claim(folder: StoragePath, draft: Draft) -> bool:
    """Return whether the number is free for this content: never taken, or by this content too."""
    claim, path = claim_of(draft), folder / layout.CLAIM
    try:
        return storage.create_if_absent(path, claim) or storage.read(path) == claim
    except OSError as error:
        if not storage.is_no_file(error):
            raise
        return False
