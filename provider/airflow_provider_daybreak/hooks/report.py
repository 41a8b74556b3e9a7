"""Reports, from a task's side: read data, render, publish."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive.zones import one_key
from airflow_provider_daybreak.context.address import address_of
from airflow_provider_daybreak.context.archive import archive_at, archive_of
from airflow_provider_daybreak.context.attachments import attached_files
from airflow_provider_daybreak.context.draft import draft_of
from airflow_provider_daybreak.context.metrics import count
from airflow_provider_daybreak.exceptions import (
    ArchivedFileNotFoundError,
    ChecksFailedError,
    EmptyReportError,
    TemplateError,
)
from airflow_provider_daybreak.hooks.sources import Reader
from airflow_provider_daybreak.reports.report import check_spec, gather, render_report

if TYPE_CHECKING:
    from airflow_provider_daybreak.archive import Archive, Revision
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.reports.report import Gathered, Rendered, ReportSpec

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

    def publish(self, spec: ReportSpec, run: Run, *, take_over: str | None = None) -> Revision | None:
        """
        Render a report for a run and publish it.

        :param take_over: id of the Dag whose the report was, where the run's Dag is to go on with it.
        :return: its revision: the one that is there, when it has the same content; None when it is empty and
            is to be skipped then.
        :raises TemplateError: the template, or a value in it, is wrong.
        :raises EmptyReportError: it is empty, and is to fail then.
        :raises ChecksFailedError: a check failed; the rendering was published as a draft.
        :raises OwnedByAnotherDagError: the report is another Dag's.
        """
        found = self._gathered(spec, run)
        if found.outcome == "empty" and spec.when_empty != "send":
            if spec.when_empty == "skip":
                return None
            raise EmptyReportError(spec.report, run.report_date.isoformat(), tuple(found.rows))
        try:
            rendered = self._rendered(spec, run, found)
        except TemplateError as error:
            if found.failed:  # late data is what's wrong, and may be there at the next try
                raise ChecksFailedError(spec.report, run.report_date.isoformat(), found.failed, "") from error
            raise
        revision = self.archive.publish(draft_of(rendered, run), take_over=take_over)
        count("daybreak.report.built", report=spec.report)
        count("daybreak.report.archived", 0 if revision.existing else 1, report=spec.report)
        said = "was there already" if revision.existing else "published"
        log.info("Report %s for %s %s: %s", spec.report, run.report_date, said, revision.uri)
        if rendered.failed:
            raise ChecksFailedError(spec.report, run.report_date.isoformat(), rendered.failed, revision.uri)
        return revision

    def render(self, spec: ReportSpec, run: Run) -> Rendered:
        """
        Render a report for a run without publishing it.

        :raises DaybreakError: an argument is wrong, data can't be read, or the template can't be rendered.
        """
        return self._rendered(spec, run, self._gathered(spec, run))

    def _gathered(self, spec: ReportSpec, run: Run) -> Gathered:
        check_spec(spec)
        period = run.period(spec.period, spec.offset)
        reader = Reader(run, period, spec.folder, spec.offset)
        return gather(spec, period, reader.read(spec.data), reader.queries, reader.releases)

    def _rendered(self, spec: ReportSpec, run: Run, found: Gathered) -> Rendered:
        attached = attached_files(spec.attachments)
        address = address_of(spec.report, run.report_date, self.archive) if spec.link else ""
        return render_report(
            spec, run.report_date, found, attached, partial(self._stored, spec, run), address=address
        )

    def _stored(self, spec: ReportSpec, run: Run, name: str) -> bytes | None:
        """Return a file that the last report of the period before kept for the next one, or None."""
        key = one_key(run.period(spec.period, spec.offset - 1).key)
        since = run.period(spec.period, -1).first
        days = self.archive.revisions(spec.report, since=since, until=run.report_date)
        found = [one for one in days if one_key(one.manifest.period_key) == key and not one.manifest.draft]
        for revision in reversed(found):
            with suppress(ArchivedFileNotFoundError):  # made before the template asked for it
                return revision.read(name, snapshot=True)
        return None
