"""Errors of reports: templates, data, checks and what they are written as."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError


class ReportError(DaybreakError):
    """Base of what goes wrong between data and a published report."""


class TemplateUnreadableError(ReportError, permanent=True):
    """A report's template that is missing or no text."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read template {self.path!r}: {self.problem}."


class TemplateError(ReportError, permanent=True):
    """A template, or a value in it, that can't be rendered. Line and column begin at 1; 0 where unknown."""

    path: str
    line: int
    column: int
    text: str
    problem: str

    def __str__(self) -> str:
        place = f" line {self.line}, column {self.column}" if self.line else ""
        sentence = f"Cannot render {self.path!r}{place}: {self.problem.rstrip('.')}."
        return f"{sentence}\n    {self.text}\n    {' ' * (self.column - 1)}^" if self.text else sentence


class ExpressionError(TemplateError):
    """An expression of a check that the data can't answer. Its path is the check's name."""

    def __str__(self) -> str:
        return f"Cannot tell whether {self.path!r} holds: {self.problem.rstrip('.')}. Its expression is: {self.text}"


class TemplateLimitError(ReportError, permanent=True):
    """A template that ran too long or grew too big."""

    path: str
    problem: str
    line: int = 0

    def __str__(self) -> str:
        place = f" line {self.line}" if self.line else ""
        return (
            f"Stopped {self.path!r}{place}: it {self.problem}. "
            "Look for a loop that never ends, and leave sums over many rows to the query."
        )


class InvalidThemeError(ReportError, permanent=True):
    """A theme file that can't be used."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot use theme {self.path!r}: {self.problem}."


class InvalidRowsError(ReportError, permanent=True):
    """Data of a report that is no table."""

    name: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot use data {self.name or 'given'!r} as rows: {self.problem}."


class UnwritableValueError(ReportError, permanent=True):
    """A value of a type that no format can write. Place says where it is, and is empty where that is said beside it."""

    kind: str
    place: str = ""

    def __str__(self) -> str:
        where = f" in {self.place}" if self.place else ""
        return (
            f"Cannot write the value{where}, which is a Python {self.kind}: expected text, a number, a date or time, bytes, "
            "a list or a mapping. Let the query, or the function that gives it, make one of these of it."
        )


class InvalidSpecificationError(ReportError, permanent=True):
    """A specification of a chart that can't be drawn, or would fetch something."""

    problem: str

    def __str__(self) -> str:
        return f"Cannot draw the specification: {self.problem}."


class MissingColumnError(ReportError, permanent=True):
    """A column that the data doesn't have."""

    column: str
    data: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        there = ", ".join(self.columns)
        expected = f"one of its columns: {there}" if there else "rows, of which it has none that names a column"
        return f"No column {self.column!r} in data {self.data or 'given'!r}: expected {expected}."


class UnboundParameterError(ReportError, permanent=True):
    """A name in a query that has no value."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"The query names :{self.name}, which has no value: expected one of {', '.join(self.known)}. "
            "Give it in the source's parameters."
        )


class QueryError(ReportError):
    """A query that the database refused. Holds the database's own words, and no value."""

    data: str
    conn_id: str
    problem: str

    def __str__(self) -> str:
        return f"The query of data {self.data!r} failed on connection {self.conn_id!r}: {self.problem}"


class DataUnreadableError(ReportError):
    """A file of a report's data that is missing or can't be read."""

    data: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r} for data {self.data!r}: {self.problem}."


class SnapshotUnreadableError(ReportError, permanent=True):
    """What a report kept of its data for the next one, that can't be read any more."""

    data: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot read what the report before kept of data {self.data!r} for previous(): {self.problem}. Expected what "
            "this version of Daybreak, or an earlier one, wrote; 'airflow daybreak reports verify' says whether it was changed."
        )


class EmptyReportError(ReportError):
    """A report without any row, where that was said to be a failure."""

    report: str
    report_date: str
    sources: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Report {self.report!r} for {self.report_date} has no rows in {', '.join(self.sources)}: expected some, "
            "since when_empty is 'fail'. Look at its sources, or say when_empty='send' or 'skip'."
        )


class ChecksFailedError(ReportError):
    """
    Data that isn't as it should be.

    :param manifest: of the draft that the rendering is kept as; empty when the data couldn't be rendered either.
    """

    report: str
    report_date: str
    failed: tuple[str, ...]
    manifest: str

    def __str__(self) -> str:
        kept = f"What it would have been is kept as a draft: {self.manifest}"
        return (
            f"Report {self.report!r} for {self.report_date} failed {len(self.failed)} of its checks, so nothing is "
            f"sent: {'; '.join(self.failed)}. {kept if self.manifest else 'Nor could the data be rendered.'}"
        )


class DagFileError(ReportError, permanent=True):
    """A Dag file that has no task to preview or to export."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot use {self.path!r}: {self.problem}."


class DagCheckError(ReportError, permanent=True):
    """Dag files that could not be parsed because Airflow itself could not be loaded."""

    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot parse the Dag files: the program that does has failed: {self.problem}. Look whether Airflow works here: "
            "airflow version."
        )


class TooManyRowsError(ReportError, permanent=True):
    """A table that a sheet of a workbook can't hold."""

    table: str
    rows: int
    limit: int

    def __str__(self) -> str:
        return (
            f"Table {self.table!r} has {self.rows:,} rows: expected at most {self.limit:,}, which is what a sheet "
            "of a workbook can hold. Aggregate them in the query, or take 'csv' instead of 'xlsx'."
        )


class ResourceRefusedError(ReportError, permanent=True):
    """Something that a report's PDF would have to fetch."""

    url: str

    def __str__(self) -> str:
        return f"Refused to fetch {self.url!r} for a PDF: expected a report that holds all it shows. Use a data: URI."


class ReportTooLargeError(ReportError, permanent=True):
    """A report whose HTML is too large for a mail even without rows of tables."""

    report: str
    size: int
    limit: int

    def __str__(self) -> str:
        return (
            f"The HTML of report {self.report!r} has {self.size:,} bytes without any row of a table: expected at most "
            f"{self.limit:,}, since mail programs clip it there. Shorten its prose, or leave 'html' out of formats."
        )


class PageTooLargeError(ReportError, permanent=True):
    """A report whose page, or what its PDF is made of, is too large to be looked at."""

    report: str
    size: int
    limit: int

    def __str__(self) -> str:
        return (
            f"The page of report {self.report!r} has {self.size:,} bytes: expected at most {self.limit:,}. Show fewer rows of its "
            "tables (limit=) and fewer charts, or leave 'page' and 'pdf' out of formats."
        )
