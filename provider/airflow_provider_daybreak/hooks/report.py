"""Reports, from a task's side: gather data, check it, render, publish."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.context.archive import archive_at, archive_of, storage_path
from airflow_provider_daybreak.context.attachments import each_attachment, name_of
from airflow_provider_daybreak.delivery.attachments import media_type_of
from airflow_provider_daybreak.exceptions import (
    ArchivedFileNotFoundError,
    ChecksFailedError,
    DataUnreadableError,
    EmptyReportError,
    InvalidValueError,
    TemplateError,
)
from airflow_provider_daybreak.hooks.sources import Reader
from airflow_provider_daybreak.reports import rendering, snapshot
from airflow_provider_daybreak.reports.document import Notice, RenderedFile, with_notice
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import find_theme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.archive import Archive, Revision
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.reports.checks import Check, CheckResult
    from airflow_provider_daybreak.reports.document import Document
    from airflow_provider_daybreak.reports.period import Period

log = logging.getLogger(__name__)

WHEN_EMPTY = ("send", "skip", "fail")


@dataclass(frozen=True)
class ReportSpec:
    """
    What a report is made of. The operator's arguments of the same names say what each means.

    :param folder: of the Dag's file, from which relative paths begin.
    """

    report: str
    template: Path
    period: str
    offset: int
    folder: Path
    data: Mapping[str, Any]
    title: str = ""
    locale: str = "en"
    formats: Sequence[str] = ("html", "text")
    attachments: object = ()
    checks: Sequence[Check] = ()
    when_empty: str = "send"


@dataclass(frozen=True)
class _Gathered:
    """
    What a report's data is, before anything is rendered.

    :param rows: how many rows each table has.
    :param queries: SHA-256 of each query.
    """

    period: Period
    data: Mapping[str, Any]
    rows: Mapping[str, int]
    queries: Mapping[str, str]
    checks: tuple[CheckResult, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed, with what they found."""
        return tuple(f"{one.check}: {one.found}" for one in self.checks if not one.passed)

    @property
    def outcome(self) -> str:
        """One of ``ok``, ``empty`` or ``failed_checks``."""
        if self.failed:
            return "failed_checks"
        return "empty" if self.rows and not any(self.rows.values()) else "ok"


@dataclass(frozen=True)
class Rendered:
    """
    A report before it is published, and the data that it was made of.

    :param snapshots: what the next report compares with. No reader sees it.
    """

    document: Document
    files: tuple[RenderedFile, ...]
    snapshots: tuple[RenderedFile, ...]
    data: _Gathered

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed, with what they found."""
        return self.data.failed


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
        found = _gathered(spec, run)
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
        return self._rendered(spec, run, _gathered(spec, run))

    def _rendered(self, spec: ReportSpec, run: Run, found: _Gathered) -> Rendered:
        language, theme = Language(spec.locale), find_theme(spec.template.parent)
        attached = _attached(spec.attachments)
        asked: dict[str, None] = {}

        def previous(name: str) -> Any:
            return self._previous(spec, run, found.data, asked, name)

        subject = Subject(spec.report, run.report_date, found.period, language, spec.title)
        document = render(spec.template, subject, found.data, previous=previous)
        if found.failed:
            document = with_notice(document, Notice(language.word("draft"), "danger", language.word("danger")))
        files = (*rendering.render(document, spec.formats, theme), *attached)
        snapshots = tuple(snapshot.keep(name, found.data[name]) for name in asked)
        return Rendered(document, files, snapshots, found)

    def _previous(
        self, spec: ReportSpec, run: Run, data: Mapping[str, Any], asked: dict[str, None], name: str
    ) -> Any:
        """Return data as the last report of the period before had it, and see to it that the next report can."""
        if name not in data:
            raise InvalidValueError(
                "data of previous()", name, f"a name of the report's data: {', '.join(data)}"
            )
        asked[name] = None
        key = run.period(spec.period, spec.offset - 1).key
        since = run.period(spec.period, -1).first
        days = self.archive.revisions(spec.report, since=since, until=run.report_date)
        found = [one for one in days if one.manifest.period_key == key and not one.manifest.draft]
        for revision in reversed(found):
            with suppress(ArchivedFileNotFoundError):  # made before the template asked for it
                return snapshot.restore(name, revision.read(snapshot.file_name(name), snapshot=True))
        return snapshot.nothing_like(name, data[name])


def _gathered(spec: ReportSpec, run: Run) -> _Gathered:
    rendering.check_formats(spec.formats)
    if spec.when_empty not in WHEN_EMPTY:
        raise InvalidValueError("when_empty", spec.when_empty, "one of " + ", ".join(WHEN_EMPTY))
    if isinstance(spec.offset, bool) or not isinstance(spec.offset, int):
        raise InvalidValueError("offset", spec.offset, "a number of periods, such as -1")
    if not isinstance(spec.checks, (list, tuple)):
        raise InvalidValueError("checks", spec.checks, "a list of checks, such as [min_rows('sales', 1)]")
    period = run.period(spec.period, spec.offset)
    reader = Reader(run, period, spec.folder, spec.offset)
    data = reader.read(spec.data)
    # A list without rows is a table whose columns nobody knows.
    rows = {
        name: len(value)
        for name, value in data.items()
        if isinstance(value, Rows) or (isinstance(value, (list, tuple)) and not value)
    }
    found = _Gathered(period, data, rows, reader.queries, ())
    for check in spec.checks:
        try:
            outcome = check.outcome(data, period)
        except TemplateError as error:
            if found.outcome == "ok":
                raise
            log.warning("A check can't be made of data like that: %s", error)
            continue
        log.log(logging.INFO if outcome.passed else logging.ERROR, "Check %s: %s", outcome.check, outcome.found)
        found = replace(found, checks=(*found.checks, outcome))
    return found


def _attached(given: object) -> list[RenderedFile]:
    """Return the files that go with the report: by their URIs, or as artifacts, whose digests then must be right."""
    files: dict[str, RenderedFile] = {}
    for one in each_attachment(given):
        if isinstance(one, str):
            name, uri, path = name_of(one), one, storage_path(one, name="uri of an attachment")
        else:
            name, uri, path = one.name, one.uri, one.path
        try:
            content: bytes = path.read_bytes()
        except OSError as error:
            raise DataUnreadableError("attachments", uri, error.strerror or str(error)) from error
        if not isinstance(one, str) and hashlib.sha256(content).hexdigest() != one.sha256:
            raise DataUnreadableError("attachments", uri, f"its SHA-256 is not {one.sha256}; it was changed")
        if name in files:
            raise InvalidValueError(
                "attachments", uri, f"one file called {name!r}; give the other another name"
            )
        files[name] = RenderedFile(f"attachments/{name}", media_type_of(name), content)
    return list(files.values())


def draft_of(rendered: Rendered, run: Run) -> Draft:
    """Return what the archive gets of a rendering."""
    document, period, data = rendered.document, rendered.document.period, rendered.data
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
        files=[
            *(DraftFile(file.name, file.media_type, file.content) for file in rendered.files),
            *(
                DraftFile(file.name, file.media_type, file.content, snapshot=True)
                for file in rendered.snapshots
            ),
        ],
        rows=data.rows,
        run=run.ref,
        template_sha256=document.template_sha256,
        queries=data.queries,
        checks=[one.info() for one in data.checks],
        outcome=data.outcome,
        provider_version=__version__,
        draft=bool(data.failed),
    )
