"""Which revisions an argument means: the result of a report task, or a report's slug."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.exceptions import InvalidValueError, RevisionNotFoundError

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_daybreak.archive.archive import Archive, Revision

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


def find_revisions(archive: Archive, report: object, *, report_date: date | None) -> dict[str, Revision]:
    """
    Return the revisions that are meant, by their reports.

    :param report: what :func:`find_revision` takes, or a list of these.
    :raises InvalidValueError: one is neither, or two are of one report.
    """
    given = [report] if isinstance(report, (str, Mapping)) or not isinstance(report, Iterable) else list(report)
    found: dict[str, Revision] = {}
    for each in given:
        revision = find_revision(archive, each, report_date=report_date)
        if revision.manifest.report in found:
            raise InvalidValueError("report", revision.manifest.report, "each report once")
        found[revision.manifest.report] = revision
    if not found:
        raise InvalidValueError("report", report, _EXPECTED)
    return found
