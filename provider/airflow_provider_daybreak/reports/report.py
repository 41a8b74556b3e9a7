"""A report from its data to its files: what it is made of, the checks of its data, and its rendering."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError, TemplateError
from airflow_provider_daybreak.reports import rendering, snapshot
from airflow_provider_daybreak.reports.apart import apart
from airflow_provider_daybreak.reports.document import Notice, RenderedFile, with_notice
from airflow_provider_daybreak.reports.formats.csv import dialect_of
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.templates.limits import Limits
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import find_theme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

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
    csv_dialect: str = "standard"
    link: bool = True


@dataclass(frozen=True)
class Gathered:
    """
    What a report's data is, before anything is rendered.

    :param rows: how many rows each table has.
    :param queries: SHA-256 of each query.
    :param releases: id of each release that data came from, by its name.
    """

    period: Period
    data: Mapping[str, Any]
    rows: Mapping[str, int]
    queries: Mapping[str, str]
    checks: tuple[CheckResult, ...]
    releases: Mapping[str, str] = field(default_factory=dict)

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
    data: Gathered

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed, with what they found."""
        return self.data.failed


def check_spec(spec: ReportSpec) -> None:
    """
    Refuse what can be refused before any data is read.

    :raises InvalidValueError: an argument can't be used.
    """
    rendering.check_formats(spec.formats)
    dialect_of(spec.csv_dialect, Language(spec.locale))
    if spec.when_empty not in WHEN_EMPTY:
        raise InvalidValueError("when_empty", spec.when_empty, "one of " + ", ".join(WHEN_EMPTY))
    if isinstance(spec.offset, bool) or not isinstance(spec.offset, int):
        raise InvalidValueError("offset", spec.offset, "a number of periods, such as -1")
    if not isinstance(spec.checks, (list, tuple)):
        raise InvalidValueError("checks", spec.checks, "a list of checks, such as [min_rows('sales', 1)]")


def gather(
    spec: ReportSpec,
    period: Period,
    data: Mapping[str, Any],
    queries: Mapping[str, str],
    releases: Mapping[str, str],
) -> Gathered:
    """
    Count what was read, and check it.

    :param data: what was read, by name.
    :param queries: as in :class:`Gathered`, like ``releases``.
    :raises TemplateError: a check can't be made of data that is there.
    """
    # A list without rows is a table whose columns nobody knows.
    rows = {
        name: len(value)
        for name, value in data.items()
        if isinstance(value, Rows) or (isinstance(value, (list, tuple)) and not value)
    }
    found = Gathered(period, data, rows, queries, (), releases)
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


def render_report(
    spec: ReportSpec,
    report_date: date,
    found: Gathered,
    attached: Iterable[RenderedFile],
    stored: Callable[[str], bytes | None],
    *,
    address: str = "",
) -> Rendered:
    """
    Return the report's document and files.

    :param attached: files that go with it.
    :param stored: returns the file of that name that the last report of the period before kept for this one, or None.
    :param address: where readers find the report, or nothing.
    :raises TemplateError: the template, or a value in it, is wrong.
    """
    language, theme = Language(spec.locale), find_theme(spec.template.parent)
    subject = Subject(spec.report, report_date, found.period, language, spec.title)

    def work(ask: Callable[[str], bytes | None]) -> tuple[Document, dict[str, frozenset[str] | None]]:
        previous = snapshot.Previous(found.data, ask)
        document = render(spec.template, subject, previous.data, previous=previous)
        return document, previous.needs(document.names)

    document, needs = apart(
        work,
        limits=Limits(),
        template=str(spec.template),
        answer=stored,
        rows=[value for value in found.data.values() if isinstance(value, Rows)],
    )
    document = replace(document, address=address)
    if found.failed:
        document = with_notice(document, Notice(language.word("draft"), "danger", language.word("danger")))
    files = (*rendering.render(document, spec.formats, theme, csv_dialect=spec.csv_dialect), *attached)
    snapshots = tuple(snapshot.keep(name, found.data[name], names) for name, names in needs.items())
    return Rendered(document, files, snapshots, found)
