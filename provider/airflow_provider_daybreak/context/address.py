"""Where readers find a report: its page in Airflow's UI, at an address that stays."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from datetime import date

    from airflow_provider_daybreak.archive import Archive

log = logging.getLogger(__name__)

APP_PREFIX = "/daybreak"
"""Where our pages are, below the UI's base."""


def address_of(report: str, report_date: date, archive: Archive) -> str:
    """
    Return the address of a report's latest revision for a date, or nothing where readers have none.

    It says no revision, so that a report that is made again is the same, byte for byte.

    :param report: slug of the report.
    :param archive: where it is; only that of the settings has pages.
    """
    from airflow_provider_daybreak.archive.layout import check_report
    from airflow_provider_daybreak.context.archive import archive_of

    base = _base()
    if not base or archive.uri != archive_of().uri:
        return ""
    return f"{base}/{_page_of(check_report(report), report_date.isoformat())}"


def report_address(report: str, report_date: str, revision: int) -> str:
    """
    Return where a revision is shown, relative to the UI's base: Airflow may sit under a path prefix.

    :param report_date: ISO date.
    """
    return f"{_page_of(report, report_date)}/{revision}/"


def run_address(dag_id: str, run_id: str) -> str:
    """Return the address of a run's page for readers, or nothing where they have none."""
    base = _base()
    return f"{base}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}" if base else ""


def _page_of(report: str, report_date: str) -> str:
    return f"{APP_PREFIX.lstrip('/')}/reports/{quote(report)}/{quote(report_date)}"


def _base() -> str:
    """Return ``[api] base_url`` without a slash at its end, or nothing where it is none that mails can hold."""
    from airflow.configuration import conf

    said = (conf.get("api", "base_url", fallback="") or "").strip()
    if not said:
        return ""
    try:
        parts = urlsplit(said)
        usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        log.warning(
            "Reports have no link: [api] base_url is no address for readers; expected one like "
            "https://airflow.example.org, without a user's name"
        )
        return ""
    return said.rstrip("/")
