"""Reads what a report's data comes from: connections, files and deployed scripts, at the same time where that is safe."""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
from collections import deque
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import (
    DataUnreadableError,
    DaybreakError,
    InvalidValueError,
    MissingExtraError,
    QueryError,
)
from airflow_provider_daybreak.reports.rows import Rows, as_data
from airflow_provider_daybreak.reports.sources import FileSource, ScriptSource, SqlSource
from airflow_provider_daybreak.reports.sources.csv import read_csv
from airflow_provider_daybreak.reports.sources.files import fill_dates, read_files
from airflow_provider_daybreak.reports.sources.query import bind, period_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.reports.period import Period

log = logging.getLogger(__name__)

_FETCH = 5_000
_AT_A_TIME = 4


_reading: list[Callable[[], object]] = []
"""What ends each script and query that this process reads from at the moment."""


def end_reading() -> None:
    """End the scripts and queries that are read from, as when the task is stopped."""
    for end in tuple(_reading):
        end()


@dataclass(frozen=True)
class Reader:
    """
    Reads for one run.

    :param folder: that of the Dag file, from which relative paths begin.
    :param offset: how many periods the period lies after the report date's own.
    """

    run: Run
    period: Period
    folder: Path
    offset: int = 0
    queries: dict[str, str] = field(default_factory=dict)
    releases: dict[str, str] = field(default_factory=dict)

    def read(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the data by name: rows, or plain JSON as it was given.

        Queries, files and scripts are read at the same time; functions, of which nobody knows whether they
        may be, one after the other.

        :raises DaybreakError: a source can't be read; of several, that of the first.
        """
        jobs = {name: job for name, source in data.items() if (job := self._job(name, source)) is not None}
        futures = _side_by_side(jobs)
        try:
            values = {
                name: futures[name].result() if name in futures else self._value(source)
                for name, source in data.items()
            }
        except BaseException:  # a time limit's too: what still reads is ended, not waited for
            end_reading()
            raise
        finally:
            _reading.clear()
        read = {name: as_data(name, value) for name, value in values.items()}
        for name, value in read.items():
            if isinstance(value, Rows):
                log.info("Data %s: %d rows of %d columns", name, len(value), len(value.columns))
        return read

    def _job(self, name: str, source: Any) -> Callable[[], Any] | None:
        if isinstance(source, SqlSource):
            return partial(self._query, name, source)
        if isinstance(source, FileSource):
            return partial(self._files, name, source)
        if isinstance(source, ScriptSource):
            return partial(self._script, name, source)
        return None

    def _value(self, source: Any) -> Any:
        """Return a value as it is, and of a function what it returns for what it asks for by name."""
        if not callable(source):
            return source
        offered = {"period": self.period, **period_values(self.run.report_date, self.period)}
        parameters = inspect.signature(source).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return source(**offered)
        return source(**{name: value for name, value in offered.items() if name in parameters})

    def _query(self, name: str, source: SqlSource) -> Rows:
        text = self._sql(name, source.sql)
        self.queries[name] = hashlib.sha256(text.encode()).hexdigest()
        try:
            return self._rows_of(name, text, source)
        except DaybreakError:
            raise
        except Exception as error:  # a driver's: they have no base in common
            where = f" ({source.sql.strip()})" if text is not source.sql else ""
            raise QueryError(name, source.conn_id, f"{type(error).__name__}: {error}{where}") from error

    def _rows_of(self, name: str, text: str, source: SqlSource) -> Rows:
        try:
            from airflow.providers.common.sql.hooks.sql import DbApiHook
        except ImportError as error:
            raise MissingExtraError("SqlSource", "sql") from error
        from airflow.exceptions import AirflowException  # type: ignore[attr-defined]  # it is in each version
        from airflow.sdk import BaseHook

        from airflow_provider_daybreak.version_compat import AirflowNotFoundException

        try:
            found: Any = BaseHook.get_connection(source.conn_id)
        except AirflowNotFoundException as error:
            expected = (
                f"one that is defined: as AIRFLOW_CONN_{source.conn_id.upper()}, in a secrets backend, or in the UI; "
                "a preview finds those where Airflow's database is configured"
            )
            raise InvalidValueError(f"connection of data {name!r}", source.conn_id, expected) from error
        try:
            hook = found.get_hook()
        except AirflowException as error:
            provider = f"apache-airflow-providers-{found.conn_type}"
            problem = f"{error}. Is the provider of its type installed? If not: pip install {provider}"
            raise QueryError(name, source.conn_id, problem) from error
        if not isinstance(hook, DbApiHook):
            raise InvalidValueError("connection of a SqlSource", source.conn_id, "one of a database")
        values = {**period_values(self.run.report_date, self.period), **source.parameters}
        if hook.conn_name_attr == "sqlite_conn_id":
            values = {key: _as_text(value) for key, value in values.items()}
        query, bound = bind(text, values, hook.placeholder)
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            _reading.append(partial(_cancel, connection))
            cursor.execute(query, bound)
            if cursor.description is None:
                raise QueryError(name, source.conn_id, "it gives no rows: expected a query")
            return Rows([column[0] for column in cursor.description], _fetched(cursor), name=name)

    def _sql(self, name: str, sql: str) -> str:
        if not sql.strip().endswith(".sql"):
            return sql
        path = self.folder / sql.strip()
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataUnreadableError(name, str(path), f"expected a query as UTF-8 text ({error})") from error

    def _files(self, name: str, source: FileSource) -> Rows:
        path = fill_dates(source.path, self.run.report_date, self.period)
        found = _matching(path, self.folder)
        if not found and source.must_exist:
            problem = "No such file. Correct the path, or say must_exist=False where a day may have none"
            raise DataUnreadableError(name, path, problem)
        return read_files(name, found, source)

    def _script(self, name: str, source: ScriptSource) -> Any:
        from airflow_provider_daybreak.hooks.releases import ReleaseHook
        from airflow_provider_daybreak.releases.conditions import Ending, NoMail
        from airflow_provider_daybreak.releases.running.process import Running

        running = Running()
        _reading.append(running.kill)
        finished = ReleaseHook().capture(
            source.release,
            source.command,
            self.run,
            period=self.period.name,
            offset=self.offset,
            env=source.env,
            clock=source.clock,
            ending=Ending.of(
                retry_exit_codes=source.retry_exit_codes,
                skip_on_exit_code=source.skip_on_exit_code,
                fail_on=source.fail_on,
                without={NoMail: "a VenvRunOperator, whose mail=... keeps its mail"},
            ),
            encoding=source.encoding or "utf-8",
            running=running,
        )
        self.releases[finished.name] = finished.release
        if source.format == "json":
            return finished.json()
        rows = read_csv(
            name, "what it printed", io.BytesIO(finished.whole().encode()), replace(source, encoding="utf-8")
        )
        masked = finished.redactor.for_result
        return Rows(masked(list(rows.columns)), (masked(row) for row in rows.tuples()), name=name)


def _side_by_side(jobs: Mapping[str, Callable[[], Any]]) -> dict[str, Future[Any]]:
    """
    Begin the jobs, a few at a time, and return what becomes of each.

    The threads of a pool are waited for when a process ends, whatever they wait for themselves. These are not.
    """
    futures: dict[str, Future[Any]] = {name: Future() for name in jobs}
    waiting = deque(jobs.items())

    def work() -> None:
        while waiting:
            try:
                name, job = waiting.popleft()
            except IndexError:  # another one took it
                return
            try:
                futures[name].set_result(job())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
                futures[name].set_exception(error)

    for number in range(min(_AT_A_TIME, len(jobs))):
        Thread(target=work, name=f"daybreak-source-{number}", daemon=True).start()
    return futures


def _cancel(connection: Any) -> None:
    """Ask the database to give up a query. Drivers call that cancel (PostgreSQL, Oracle) or interrupt (SQLite, DuckDB)."""
    for name in ("cancel", "interrupt"):
        if callable(cancel := getattr(connection, name, None)):
            try:
                cancel()
            except Exception as error:  # noqa: BLE001 - a driver's: they have no base in common, and the task ends anyway
                log.warning("Cannot cancel a query: %s", error)
            return


def _fetched(cursor: Any) -> Iterator[Sequence[Any]]:
    while batch := cursor.fetchmany(_FETCH):
        for row in batch:
            yield tuple(row)


def _as_text(value: Any) -> Any:
    """
    Return dates as text, for SQLite has no type for them: instants by the clock of the report's zone.

    With an offset, midnight would sort after the ``2026-03-29 00:00:00`` that tables hold.
    """
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(sep=" ")
    return value.isoformat() if isinstance(value, date) else value


def _matching(path: str, folder: Path) -> list[Any]:
    """
    Return the files like a pattern, by name, or the one file of a plain path. Wildcards match no hidden names.

    :raises InvalidValueError: the path leads upwards, or to what is hidden in the Dag's folder. Parts of it may
        come from who triggers the Dag.
    """
    from airflow_provider_daybreak.context.archive import storage_path

    # The pattern begins at the first part with a wildcard; what is before it is a folder.
    parts = path.split("/")
    relative = "://" not in path and not path.startswith("/")
    if ".." in parts or (relative and any(part.startswith(".") and part != "." for part in parts)):
        expected = (
            "one without '..', and, below the Dag file's folder, without hidden parts; or an absolute path"
        )
        raise InvalidValueError("path of a FileSource", path, expected)
    wild = next((index for index, part in enumerate(parts) if "*" in part or "?" in part), len(parts))
    root_text = "/".join(parts[:wild]) or ("/" if path.startswith("/") else "")
    root: Any = storage_path(root_text, name="path of a FileSource") if "://" in path else folder / root_text
    if wild == len(parts):
        return [root] if root.exists() else []
    return sorted((found for found in root.glob("/".join(parts[wild:])) if _is_plain(found, root)), key=str)


def _is_plain(found: Any, root: Any) -> bool:
    """Return whether this is a file with no hidden part below the root: such are somebody's work in progress."""
    hidden = {part for part in found.parts if part.startswith(".")}
    return hidden <= set(root.parts) and found.is_file()
