"""Whether what an archive holds is what was published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive.layout import MANIFEST
from airflow_provider_daybreak.archive.manifest import content_digest
from airflow_provider_daybreak.exceptions import (
    ArchivedFileChangedError,
    ManifestUnreadableError,
    RevisionNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from airflow_provider_daybreak.archive.archive import Archive, Revision
    from airflow_provider_daybreak.archive.manifest import ArchivedFile


@dataclass(frozen=True)
class Damage:
    """A file that is not what was published."""

    name: str
    problem: str


@dataclass(frozen=True)
class Verified:
    """
    A revision that was looked at.

    :param uri: URI of its manifest.
    :param bytes: size of its files, as the manifest has it.
    :param damages: empty when all is as it was published.
    """

    uri: str
    bytes: int
    damages: tuple[Damage, ...]


def verify(
    archive: Archive, report: str | None = None, *, since: date | None = None, until: date | None = None
) -> Iterator[Verified]:
    """
    Read every file of every revision, and compare it with the manifest.

    :param report: only that report's.
    :param since: first report date.
    :param until: last report date, included.
    """
    for name in archive.reports() if report is None else [report]:
        for day in archive.days(name, since=since, until=until):
            for number in archive.numbers(name, day):
                verified = _verify(archive, name, day, number)
                if verified is not None:
                    yield verified


def _verify(archive: Archive, report: str, report_date: date, number: int) -> Verified | None:
    """Return what was found, or None where no publisher finished."""
    try:
        revision = archive.revision(report, report_date, number)
    except RevisionNotFoundError:
        return None
    except ManifestUnreadableError as error:
        return Verified(error.uri, 0, (Damage(MANIFEST, error.problem),))
    manifest = revision.manifest
    damages = [damage for file in manifest.files if (damage := _damage(revision, file))]
    if (manifest.report, manifest.report_date, manifest.revision) != (report, report_date, number):
        damages.append(Damage(MANIFEST, "it is that of another revision"))
    if manifest.digest != content_digest(manifest.files, title=manifest.title, period=manifest.period):
        damages.append(Damage(MANIFEST, "its digest is not that of its files, title and period"))
    return Verified(revision.uri, sum(file.bytes for file in manifest.files), tuple(damages))


def _damage(revision: Revision, file: ArchivedFile) -> Damage | None:
    try:
        revision.read(file.name, snapshot=file.snapshot)
    except ArchivedFileChangedError as error:
        return Damage(file.name, error.problem)
    except OSError as error:
        return Damage(file.name, f"it can't be read: {error.strerror or error}")
    return None
