"""Which revisions an argument means: the result of a report task, or a report's slug."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.exceptions import (
    ArchivedFileChangedError,
    InvalidValueError,
    RevisionNotFoundError,
)

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_daybreak.archive.archive import Archive, Revision

_STAY_OPEN = 64  # revisions: a manifest of a few kB each
_EXPECTED = "the result of a report task, or a report's slug"


def find_revision(archive: Archive, report: object, *, report_date: date | None) -> Revision:
    """
    Return the revision that is meant.

    :param report: the result of a report task, or a slug.
    :param report_date: of which date the latest revision is taken, for a slug; with None no slug will do.
    :raises InvalidValueError: it is neither.
    :raises RevisionNotFoundError: there is none.
    """
    if isinstance(report, Mapping) and "manifest" in report:
        return archive.open(str(report["manifest"]))
    if isinstance(report, str) and report and report_date is not None:
        revision = archive.latest(report, report_date)
        if revision is None:
            raise RevisionNotFoundError(f"{archive.uri}/{report}/{layout.day_name(report_date)}")
        return revision
    raise InvalidValueError("report", report, _EXPECTED)


def find_revisions(archive: Archive, report: object, *, report_date: date | None) -> Iterator[Revision]:
    """
    Yield the revisions that are meant.

    :param report: what :func:`find_revision` takes, or a list of these.
    :raises InvalidValueError: one is neither, or there is none.
    """
    given = [report] if isinstance(report, (str, Mapping)) or not isinstance(report, Iterable) else report
    none = True
    for each in given:
        none = False
        yield find_revision(archive, each, report_date=report_date)
    if none:
        raise InvalidValueError("report", report, _EXPECTED)


class Revisions(Mapping[str, "Revision"]):
    """
    Revisions by their reports. Of thousands a few stay open, and the others are opened again when they are asked for.

    :param archive: that they are of.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._open: dict[str, Revision] = {}
        self._places: dict[str, tuple[str, str]] = {}

    def add(self, revision: Revision) -> None:
        """
        Add one.

        :raises InvalidValueError: there is one of the same report.
        """
        report = revision.manifest.report
        if report in self._places:
            raise InvalidValueError("report", report, "each report once")
        self._places[report] = revision.uri, revision.manifest.digest
        if len(self._open) < _STAY_OPEN:
            self._open[report] = revision

    def __getitem__(self, report: str) -> Revision:
        """
        Return the revision that was added, the same content.

        :raises ArchivedFileChangedError: another one lies in its place meanwhile.
        """
        if report in self._open:
            return self._open[report]
        uri, digest = self._places[report]
        revision = self._archive.open(uri)
        if revision.manifest.digest != digest:
            raise ArchivedFileChangedError(uri, layout.MANIFEST, "it is not the one that was looked at before")
        return revision

    def __contains__(self, report: object) -> bool:
        return report in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
