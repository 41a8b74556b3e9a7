"""Reports, from a task's side: gather data, check it, render, publish."""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.exceptions import (
    ArchivedFileNotFoundError,
    ChecksFailedError,
    DataUnreadableError,
    EmptyReportError,
    InvalidValueError,
)
from airflow_provider_daybreak.hooks.archive import archive_at, archive_of, storage_path
from airflow_provider_daybreak.hooks.sources import Reader
from airflow_provider_daybreak.reports import rendering, snapshot
from airflow_provider_daybreak.reports.document import Notice, RenderedFile, with_notice
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.template import Subject, render
from airflow_provider_daybreak.reports.theme import find_theme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.archive import Archive, Revision
    from airflow_provider_daybreak.hooks.run import Run
    from airflow_provider_daybreak.reports.checks import Check, Outcome
    from airflow_provider_daybreak.reports.document import Document

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
    attachments: Sequence[Mapping[str, Any] | str] = ()
    checks: Sequence[Check] = ()
    when_empty: str = "send"


@dataclass(frozen=True)
class Rendered:
    """A report before it is published. Outcome is ``ok``, ``empty`` or ``failed_checks``."""

    document: Document
    files: tuple[RenderedFile, ...]
    rows: Mapping[str, int]
    queries: Mapping[str, str]
    checks: tuple[Outcome, ...]
    outcome: str

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed, with what they found."""
        return tuple(f"{one.check}: {one.found}" for one in self.checks if not one.passed)


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

    def publish(self, spec: ReportSpec, run: Run) -> Revision | None:
        """
        Render a report for a run and publish it.

        :return: its revision: the one that is there, when it has the same content; None when it is empty and
            is to be skipped then.
        :raises TemplateError: the template, or a value in it, is wrong.
        :raises EmptyReportError: it is empty, and is to fail then.
        :raises ChecksFailedError: a check failed; the rendering was published as a draft.
        """
        rendered = self.render(spec, run)
        if rendered.outcome == "empty" and spec.when_empty != "send":
            if spec.when_empty == "skip":
                return None
            raise EmptyReportError(spec.report, run.report_date.isoformat(), tuple(rendered.rows))
        revision = self.archive.publish(draft_of(rendered, run))
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
        formats = rendering.check_formats(spec.formats)
        if spec.when_empty not in WHEN_EMPTY:
            raise InvalidValueError("when_empty", spec.when_empty, "one of " + ", ".join(WHEN_EMPTY))
        period, language = run.period(spec.period, spec.offset), Language(spec.locale)
        theme = find_theme(spec.template.parent)
        reader = Reader(run, period, spec.folder, spec.offset)
        data = reader.read(spec.data)
        rows = {name: len(value) for name, value in data.items() if isinstance(value, Rows)}
        outcomes = tuple(check.outcome(data, period) for check in spec.checks)
        for one in outcomes:
            log.log(logging.INFO if one.passed else logging.ERROR, "Check %s: %s", one.check, one.found)

        subject = Subject(spec.report, run.report_date, period, language, spec.title)
        asked: dict[str, None] = {}

        def previous(name: str) -> Any:
            return self._previous(spec, run, data, asked, name)

        document = render(spec.template, subject, data, previous=previous)
        outcome = "empty" if rows and not any(rows.values()) else "ok"
        if not all(one.passed for one in outcomes):
            outcome = "failed_checks"
            document = with_notice(document, Notice(language.word("draft"), "danger", language.word("danger")))
        files = [*rendering.render(document, formats, theme)]
        files += [snapshot.keep(name, data[name]) for name in asked]
        files += [_attached(attachment) for attachment in spec.attachments]
        return Rendered(document, tuple(files), rows, reader.queries, outcomes, outcome)

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
                return snapshot.restore(name, revision.read(snapshot.file_name(name)))
        return snapshot.nothing_like(name, data[name])


def _attached(attachment: Mapping[str, Any] | str) -> RenderedFile:
    """Return a file that goes with the report: by its URI, or as an artifact, whose digest then must be right."""
    import mimetypes

    uri = attachment if isinstance(attachment, str) else str(attachment.get("uri", ""))
    path = storage_path(uri, name="attachment")
    name = PurePosixPath(uri).name
    try:
        content: bytes = path.read_bytes()
    except OSError as error:
        raise DataUnreadableError("attachments", uri, error.strerror or str(error)) from error
    expected = None if isinstance(attachment, str) else attachment.get("sha256")
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise DataUnreadableError("attachments", uri, f"its SHA-256 is not {expected}; it was changed")
    return RenderedFile(
        f"attachments/{name}", mimetypes.guess_type(name)[0] or "application/octet-stream", content
    )


def draft_of(rendered: Rendered, run: Run) -> Draft:
    """Return what the archive gets of a rendering."""
    document, period = rendered.document, rendered.document.period
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
        files=[DraftFile(file.name, file.media_type, file.content) for file in rendered.files],
        rows=rendered.rows,
        run=run.ref,
        template_sha256=document.template_sha256,
        queries=rendered.queries,
        checks=[one.info() for one in rendered.checks],
        outcome=rendered.outcome,
        provider_version=__version__,
        draft=bool(rendered.failed),
    )
