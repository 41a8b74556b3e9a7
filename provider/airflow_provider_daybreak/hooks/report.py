"""Reports, from a task's side: gather data, render, publish."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.hooks.archive import archive_at, archive_of
from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.rows import Rows, taken
from airflow_provider_daybreak.reports.template import Subject, render
from airflow_provider_daybreak.reports.theme import find_theme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.archive import Archive, Revision
    from airflow_provider_daybreak.hooks.run import Run
    from airflow_provider_daybreak.reports.document import Document
    from airflow_provider_daybreak.reports.period import Period

log = logging.getLogger(__name__)


class ReportHook:
    """
    Renders reports into an archive.

    :param archive: its URI; that of ``[daybreak] archive`` when None.
    """

    def __init__(self, archive: str | None = None) -> None:
        self._archive_uri = archive

    @property
    def archive(self) -> Archive:
        """The archive that reports go to."""
        return archive_at(self._archive_uri) if self._archive_uri else archive_of()

    def publish(
        self,
        *,
        report: str,
        template: Path,
        run: Run,
        period: Period,
        data: Mapping[str, Any],
        title: str = "",
        locale: str = "en",
        formats: Sequence[str] = ("html", "text"),
    ) -> Revision:
        """
        Render a report for a run and publish it.

        :return: its revision: the one that is there, when it has the same content.
        :raises TemplateError: the template, or a value in it, is wrong.
        """
        wanted = rendering.check_formats(formats)
        named = {name: taken(name, value) for name, value in data.items()}
        subject = Subject(
            report=report, report_date=run.report_date, period=period, language=Language(locale), title=title
        )
        document = render(template, subject, named)
        files = [
            DraftFile(file.name, file.media_type, file.content)
            for file in rendering.render(document, wanted, find_theme(template.parent))
        ]
        revision = self.archive.publish(_draft(document, run, files, named))
        said = "was there already" if revision.existing else "published"
        log.info(
            "Report %s for %s %s as revision %s: %s",
            report,
            run.report_date,
            said,
            revision.number,
            revision.uri,
        )
        return revision


def _draft(document: Document, run: Run, files: Sequence[DraftFile], data: Mapping[str, Any]) -> Draft:
    period = document.period
    return Draft(
        report=document.report,
        report_date=document.report_date,
        period={
            "name": period.name,
            "start": period.start.isoformat(),
            "end": period.end.isoformat(),
            "timezone": period.timezone,
        },
        title=document.title,
        files=files,
        rows={name: len(value) for name, value in data.items() if isinstance(value, Rows)},
        run=run.ref,
        template_sha256=document.template_sha256,
        provider_version=__version__,
    )
