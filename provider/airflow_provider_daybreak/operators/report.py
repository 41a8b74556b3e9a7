"""Render a report and keep it as a revision in the archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import BaseOperator, XComArg

from airflow_provider_daybreak.operators.permanent import fail_at_once
from airflow_provider_daybreak.version_compat import AirflowSkipException
from airflow_provider_daybreak.web.links import OpenReportLink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_daybreak.archive import Revision
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.reports.checks import Check
    from airflow_provider_daybreak.reports.report import ReportSpec

__all__ = ["ReportInfo", "ReportOperator"]


class PeriodInfo(TypedDict):
    """The time a report covers, as ISO instants in its zone."""

    start: str
    end: str


class ReportInfo(TypedDict):
    """A published report: what the task returns."""

    report: str
    report_date: str
    period: PeriodInfo
    revision: int
    manifest: str
    digest: str
    title: str
    rows: dict[str, int]
    outcome: str


class ReportOperator(BaseOperator):
    """
    Render a report from a template and data, and publish it in the archive.

    The same content for the same date is the same revision: a retry, a clear or a backfill makes a new one
    only when something in the report has changed. The report's asset (``report_asset``) gets an event.

    :param report: slug of the report, such as ``daily_report``. (templated)
    :param template: path of a ``.md.j2`` or ``.html.j2`` file; a relative one begins at the Dag file's
        folder. (templated)
    :param data: what the template sees, by name: rows (a list of mappings, or a table of pandas, polars or
        Arrow), any plain JSON, the output of an upstream task, a :class:`SqlSource`, a :class:`FileSource`, a
        :class:`ScriptSource`, or a function, which gets what it asks for by name: ``period``,
        ``report_date``, ``period_start``, ``period_end``, ``period_first``, ``period_last``. (templated)
    :param title: of the report and its mail; the template's first heading when None. (templated)
    :param period: the time that the report covers: the ``day``, ``week``, ``month``, ``quarter`` or ``year``
        that holds its date.
    :param offset: how many periods later, or (negative) earlier, than that one.
    :param report_date: ISO date on the report; the run's own when empty. (templated)
    :param timezone: zone in which dates and periods are meant; the Dag's when None. (templated)
    :param locale: how numbers and dates are written. (templated)
    :param formats: what to write: ``html`` and ``text`` for mail, ``csv`` and ``xlsx`` of the tables, ``page`` (one file
        for browsers) and ``pdf``.
    :param attachments: files to keep with the report: URIs, results of container tasks, or artifacts as
        ``{uri, sha256, bytes}``; None is a task that was skipped. (templated)
    :param checks: what must hold of the data; see :mod:`airflow_provider_daybreak.reports.checks`. When one
        fails, so does the task, and the rendering is kept as a draft.
    :param when_empty: what to do when no source has a row: ``send``, ``skip`` or ``fail``.
    :param week_start: the day that weeks begin on, ``monday`` to ``sunday``.
    :param fiscal_year_start: the month, 1 to 12, that years begin with and quarters are counted from.
    :param csv_dialect: ``standard``, as programs read it, or with the separator and decimal sign that spreadsheets of a
        locale open: ``excel-de``; ``excel`` takes the report's locale. (templated)
    :param link: whether the report ends with its name, its period and a link to its page, where ``[api] base_url`` says
        where Airflow is. (It says no revision: the page does.)
    :param archive: URI of the archive; that of ``[daybreak] archive`` when None. (templated)
    :param take_over: id of the Dag whose the report was: a report belongs to the Dag that published it first, and
        any other is refused unless it names that one, as after a Dag was renamed.
    :return: the revision, as :class:`ReportInfo`.
    """

    template_fields: Sequence[str] = (
        "report",
        "template",
        "data",
        "title",
        "report_date",
        "timezone",
        "locale",
        "attachments",
        "csv_dialect",
        "archive",
    )
    template_fields_renderers = {"data": "json"}  # noqa: RUF012 - Airflow's own declaration
    operator_extra_links = (OpenReportLink(),)
    ui_color = "#e8f1ff"
    _announced: tuple[str, str | None] | None = None

    def __init__(
        self,
        *,
        report: str,
        template: str | Path,
        data: Mapping[str, Any] | None = None,
        title: str | None = None,
        period: str = "day",
        offset: int = 0,
        report_date: str = "",
        timezone: str | None = None,
        locale: str = "en",
        formats: Sequence[str] = ("html", "text"),
        attachments: Sequence[Mapping[str, Any] | str | None] = (),
        checks: Sequence[Check] = (),
        when_empty: str = "send",
        week_start: str = "monday",
        fiscal_year_start: int = 1,
        csv_dialect: str = "standard",
        link: bool = True,
        archive: str | None = None,
        take_over: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.template = template
        self.data = data
        self.title = title
        self.period = period
        self.offset = offset
        self.report_date = report_date
        self.timezone = timezone
        self.locale = locale
        self.formats = formats
        self.attachments = attachments
        self.checks = checks
        self.when_empty = when_empty
        self.week_start = week_start
        self.fiscal_year_start = fiscal_year_start
        self.csv_dialect = csv_dialect
        self.link = link
        self.archive = archive
        self.take_over = take_over
        self._announced: tuple[str, str | None] | None = (
            report,
            archive,
        )  # as written here: when the task runs, they are rendered
        for source in (data or {}).values():  # Airflow looks for tasks in the fields of operators alone
            for name in getattr(source, "template_fields", ()):
                XComArg.apply_upstream_relationship(self, getattr(source, name))

    @property
    def outlets(self) -> list[Any]:
        """What the task gives events to: the report's asset among them, which asks the settings for the archive once used."""
        announced, self._announced = self._announced, None
        if announced is not None:
            from airflow_provider_daybreak.context.archive import outlets_of

            self._outlets.extend(outlets_of(*announced))
        return self._outlets

    @outlets.setter
    def outlets(self, given: Iterable[Any]) -> None:
        self._outlets = list(given)

    def execute(self, context: Context) -> ReportInfo:
        """Render and publish."""
        from airflow_provider_daybreak.context.archive import announce
        from airflow_provider_daybreak.context.dag_file import check_only_file
        from airflow_provider_daybreak.hooks.report import ReportHook

        with fail_at_once():
            check_only_file(context)
            run = self.run_in(context)
            hook = ReportHook(self.archive)
            revision = hook.publish(self.spec(context["dag"]), run, take_over=self.take_over)
        if revision is None:
            raise AirflowSkipException(f"Report {self.report!r} for {run.report_date} has no rows: skipped.")
        announce(context, hook.archive, revision)
        return _info(revision)

    def run_in(self, context: Mapping[str, Any]) -> Run:
        """Return the run that the context is of, as the task's report has it."""
        from airflow_provider_daybreak.context.run import run_of

        return run_of(
            context,
            report_date=self.report_date,
            timezone=self.timezone,
            week_start=self.week_start,
            fiscal_year_start=self.fiscal_year_start,
        )

    def on_kill(self) -> None:
        """End the scripts and queries that data is read from."""
        from airflow_provider_daybreak.hooks.sources import end_reading

        end_reading()

    def spec(self, dag: Any) -> ReportSpec:
        """Return what the report is made of; relative paths begin at the folder of the Dag's file."""
        from airflow_provider_daybreak.reports.report import ReportSpec

        folder = Path(getattr(dag, "fileloc", "") or "").parent
        return ReportSpec(
            report=self.report,
            template=folder / self.template,
            period=self.period,
            offset=self.offset,
            folder=folder,
            data=self.data or {},
            title=self.title or "",
            locale=self.locale,
            formats=self.formats,
            attachments=self.attachments,
            checks=self.checks,
            when_empty=self.when_empty,
            csv_dialect=self.csv_dialect,
            link=self.link,
        )


def _info(revision: Revision) -> ReportInfo:
    manifest = revision.manifest
    return {
        "report": manifest.report,
        "report_date": manifest.report_date.isoformat(),
        "period": {"start": manifest.period["start"], "end": manifest.period["end"]},
        "revision": manifest.revision,
        "manifest": revision.uri,
        "digest": manifest.digest,
        "title": manifest.title,
        "rows": dict(manifest.rows),
        "outcome": manifest.outcome,
    }
