"""What several commands take: a report that is there, and a range of its dates."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive.layout import check_report
from airflow_provider_daybreak.exceptions import InvalidValueError, ReportNotFoundError
from airflow_provider_daybreak.reports.period import parse_date

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import date

    from airflow_provider_daybreak.archive import Archive


def known_report(archive: Archive, report: str) -> str:
    """
    Return a report's slug, where the archive has it.

    :raises InvalidValueError: it is no slug.
    :raises ReportNotFoundError: there is none of that name.
    """
    names = list(archive.reports())
    if check_report(report) not in names:
        raise ReportNotFoundError(report, archive.uri, get_close_matches(report, names))
    return report


def dates_of(args: Namespace) -> tuple[date | None, date | None]:
    """
    Return the first and the last report date that are asked for; None where that is open.

    :raises InvalidValueError: one is no date, or the last lies before the first.
    """
    since = parse_date(args.since, name="--since") if args.since else None
    until = parse_date(args.until, name="--until") if args.until else None
    if since and until and until < since:
        raise InvalidValueError("--until", args.until, f"a date that is not before --since {args.since}")
    return since, until
