"""What must hold of a report's data before anybody gets it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_daybreak.exceptions import ExpressionError, InvalidValueError, TemplateError
from airflow_provider_daybreak.reports.apart import apart
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.templates.limits import Limits
from airflow_provider_daybreak.reports.templates.sandbox import evaluate
from airflow_provider_daybreak.reports.values import is_missing, moment_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.reports.period import Period

__all__ = ["Check", "CheckResult", "expression", "fresh", "min_rows", "no_nulls"]

_LONG = timedelta(days=36_500)
_LIMITS = Limits()
_LAST = date.max - timedelta(days=1)


@dataclass(frozen=True)
class CheckResult:
    """
    What a check found.

    :param check: what was checked, such as ``min_rows(sales, 1)``.
    :param passed: whether it holds.
    :param found: what was there, in words.
    """

    check: str
    passed: bool
    found: str

    def info(self) -> dict[str, Any]:
        """Return it as plain JSON, as manifests have it."""
        return {"check": self.check, "passed": self.passed, "found": self.found}


class Check(Protocol):
    """A check of the data by name. Any object with this method is one."""

    def outcome(self, data: Mapping[str, Any], period: Period) -> CheckResult:
        """Return whether it holds."""
        ...


@dataclass(frozen=True)
class _MinRows:
    data: str
    count: int

    def outcome(self, data: Mapping[str, Any], period: Period) -> CheckResult:  # noqa: ARG002 - as every check
        there = len(_rows(data, self.data))
        return CheckResult(f"min_rows({self.data}, {self.count})", there >= self.count, f"{there} rows")


@dataclass(frozen=True)
class _NoNulls:
    data: str
    columns: tuple[str, ...]

    def outcome(self, data: Mapping[str, Any], period: Period) -> CheckResult:  # noqa: ARG002 - as every check
        rows = _rows(data, self.data, *self.columns)
        columns = self.columns or rows.columns
        missing = {column: sum(map(is_missing, rows.values(column))) for column in columns}
        found = ", ".join(f"{count} missing in {column}" for column, count in missing.items() if count)
        return CheckResult(f"no_nulls({self.data}, {', '.join(columns)})", not found, found or "none missing")


@dataclass(frozen=True)
class _Fresh:
    data: str
    column: str
    within: timedelta

    def outcome(self, data: Mapping[str, Any], period: Period) -> CheckResult:
        name = f"fresh({self.data}, {self.column})"
        newest: datetime | None = None
        for value in _rows(data, self.data, self.column).values(self.column):
            instant = None if is_missing(value) else _instant(value, period)
            if instant is not None and (newest is None or instant > newest):
                newest = instant
        if newest is None:
            return CheckResult(name, passed=False, found="no date")
        return CheckResult(name, newest >= period.end - self.within, f"newest is {newest.isoformat()}")


@dataclass(frozen=True)
class _Expression:
    text: str
    name: str

    def outcome(self, data: Mapping[str, Any], period: Period) -> CheckResult:
        name = self.name or f"expression({self.text})"
        return apart(
            lambda _: self._outcome(name, {**data, "period": period}),
            limits=_LIMITS,
            template=name,
            answer=str,  # it asks nothing
        )

    def _outcome(self, name: str, data: Mapping[str, Any]) -> CheckResult:
        try:
            value = evaluate(self.text, data, limits=_LIMITS)
        except TemplateError as error:
            raise ExpressionError(name, 0, 0, self.text, error.problem) from error
        if isinstance(value, Iterator):  # true even if it gives nothing
            problem = (
                "a generator is neither true nor false; ask for what it gives, as in (…) | list | length > 0"
            )
            raise ExpressionError(name, 0, 0, self.text, problem)
        try:
            return CheckResult(name, bool(value), f"it is {value!r:.200}")
        except (TypeError, ValueError) as error:  # as of an array
            problem = f"expected what is true or false, not {value!r:.80}"
            raise ExpressionError(name, 0, 0, self.text, problem) from error


def min_rows(data: str, count: int = 1) -> Check:
    """
    Check that there are rows enough.

    :param data: name of the data.
    :param count: how many rows are enough.
    :raises InvalidValueError: ``count`` is no whole number.
    """
    if isinstance(count, bool) or not isinstance(count, int):
        raise InvalidValueError("number of rows in a check", count, "a whole number, such as 1")
    return _MinRows(data, count)


def no_nulls(data: str, *columns: str) -> Check:
    """
    Check that no value is missing.

    :param data: name of the data.
    :param columns: which columns; all when none is given.
    """
    return _NoNulls(data, columns)


def fresh(data: str, column: str, within: timedelta = timedelta(days=1)) -> Check:
    """
    Check that the data reaches to the period's end.

    :param data: name of the data.
    :param column: holds dates, instants or ISO text of them. A date stands for the whole day.
    :param within: how long before the period's end the newest may lie.
    :raises InvalidValueError: ``within`` is longer than dates reach.
    """
    if abs(within) > _LONG:
        raise InvalidValueError("age of fresh data", str(within), f"one of at most {_LONG.days:,} days")
    return _Fresh(data, column, within)


def expression(text: str, name: str = "") -> Check:
    """
    Check that an expression of Jinja is true, such as ``sales | sum(attribute="amount") > 0``.

    :param text: the expression; it sees the report's data by name.
    :param name: what the check is called; its own text when empty.
    """
    return _Expression(text, name)


def _rows(data: Mapping[str, Any], name: str, *columns: str) -> Rows:
    """Return data of that name as rows; a list without rows, which can't say its columns, has those that are named."""
    if name not in data:
        raise InvalidValueError("data of a check", name, f"a name of the report's data: {', '.join(data)}")
    rows = Rows.of(data[name], name=name)
    return rows if rows.columns else Rows(columns, (), name=name)


def _instant(value: Any, period: Period) -> datetime:
    """Return a value as an instant: naive ones are of the period's zone, and a day lasts to its end."""
    moment = moment_of(value)
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=period.start.tzinfo)
    if isinstance(moment, date):
        following = min(moment, _LAST) + timedelta(days=1)
        return datetime.combine(following, time(), period.start.tzinfo)
    raise InvalidValueError("value in a column of dates", value, "a date, a datetime or ISO text of one")
