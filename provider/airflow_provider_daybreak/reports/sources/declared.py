"""
Sources as a Dag file says them.

Reading them needs connections and is done by the hook.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

FileFormat = Literal["csv", "jsonl", "json", "parquet", "xlsx", "ods"]


@dataclass(kw_only=True)
class CsvOptions:
    """
    How CSV is read where it says too little of itself.

    :param delimiter: between cells, one character; by the line of names when None.
    :param encoding: one of Python's, such as ``cp1252``; when None, what a byte order mark says, or UTF-8.
    :param decimal: the sign before a number's fraction, ``.`` or ``,``.
    :param thousands: the sign between a number's groups of three digits: ``.``, ``,``, ``'`` or a space.
    :param skip_rows: how many lines stand before that of the names.
    :param na: texts that mean that there is no value, beside the empty one.
    """

    delimiter: str | None = None
    encoding: str | None = None
    decimal: str = "."
    thousands: str | None = None
    skip_rows: int = 0
    na: Sequence[str] | str = ()


@dataclass
class SqlSource:
    """
    Rows of a query.

    It may name ``:report_date``, ``:period_start``, ``:period_end`` (instants, the end not included),
    ``:period_first`` and ``:period_last`` (dates, the last included), and parameters of its own. Values
    are bound, never formatted in.

    :param sql: the query, or the path of a ``.sql`` file: absolute, or from the Dag file's folder.
    :param conn_id: a connection of any database that has a common-sql hook. (templated)
    :param parameters: values by name. (templated)
    """

    sql: str
    conn_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    # Airflow renders these in place, which is why this is no frozen value. The query is none of them.
    template_fields = ("conn_id", "parameters")


@dataclass
class FileSource(CsvOptions):
    """
    Rows of a file, or of all files like a pattern. CSV takes the options of :class:`CsvOptions`.

    :param path: a local path or a URI of any object storage that Airflow knows. ``*`` and ``?`` stand for
        parts of a name; ``{report_date}``, ``{period_first}`` and ``{period_last}`` for dates, which take a
        format: ``s3://sales@shop/{report_date:%Y/%m/%d}/*.csv``. (templated)
    :param format: csv, jsonl, json, parquet, xlsx or ods; by the file's name when None.
    :param must_exist: whether it is an error that there is no such file; otherwise there are no rows then.
    :param sheet: of a workbook; its first when None. ``skip_rows`` and ``na`` count for it too.
    """

    path: str
    format: FileFormat | None = None
    must_exist: bool = True
    sheet: str | None = None
    template_fields = ("path",)


@dataclass
class ScriptSource(CsvOptions):
    """
    What a deployed script prints. CSV takes the options of :class:`CsvOptions`.

    :param release: what a deploy returned, whose release runs, or a name, whose current release runs. (templated)
    :param command: program and arguments. (templated)
    :param format: json (all it prints, or its last line) or csv.
    :param env: environment variables beside those of the release. (templated)
    :param clock: ``report_date`` starts the script's clock at the run's instant, on its report date; the script has the
        true time when None.
    :param fail_on: when a script that ends with exit code 0 has failed all the same, as for a ``VenvRunOperator``.
    :param skip_on_exit_code: exit code, or several, with which it says that there is nothing to do: the task is skipped.
    :param encoding: of what it prints; UTF-8 when None.
    :param retry_exit_codes: exit codes after which another try may do better; any but 2 when None, which says that
        what it was given is wrong.
    """

    release: Any
    command: Sequence[str] | str
    format: Literal["json", "csv"] = "json"
    env: Mapping[str, str] = field(default_factory=dict)
    clock: Literal["report_date"] | None = None
    fail_on: object = None
    skip_on_exit_code: int | Collection[int] | None = None
    retry_exit_codes: Collection[int] | None = None
    template_fields = ("release", "command", "env")
