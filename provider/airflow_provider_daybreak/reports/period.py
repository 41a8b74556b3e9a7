"""The date on a report and the time it covers: the one place that decides either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_daybreak.exceptions import InvalidValueError

PeriodName = Literal["day", "week", "month", "quarter", "year"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS: dict[PeriodName, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class Period:
    """
    The time a report covers, from start up to and without end, both in the report's zone.

    Its length is what the zone's clocks make it: a day of 23, 24 or 25 hours.

    :param fiscal_year_start: month that begins the year whose quarter, or which, this is.
    """

    name: PeriodName
    start: datetime
    end: datetime
    fiscal_year_start: int = 1

    @property
    def timezone(self) -> str:
        """Key of the zone in the IANA database."""
        return str(self.start.tzinfo)

    @property
    def key(self) -> str:
        """What tells this period from any other, such as ``day:2026-03-29:Europe/Berlin``."""
        return f"{self.name}:{self.start.date().isoformat()}:{self.timezone}"

    @property
    def first(self) -> date:
        """First day of the period."""
        return self.start.date()

    @property
    def last(self) -> date:
        """Last day of the period."""
        return self.end.date() - timedelta(days=1)


def zone(name: str) -> ZoneInfo:
    """
    Return the zone of that name.

    :param name: key of the IANA database, such as ``Europe/Berlin``.
    :raises InvalidValueError: the database has no such key.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        expected = "a zone of the IANA database, such as Europe/Berlin or UTC"
        raise InvalidValueError("timezone", name, expected) from error


def parse_date(value: object, *, name: str = "report_date") -> date:
    """
    Return the date that ISO text such as ``2026-03-29`` names.

    :param value: ISO text or a date.
    :param name: what the value is called where it was given, for the error.
    :raises InvalidValueError: the value is no date.
    """
    if isinstance(value, datetime):
        raise InvalidValueError(name, value.isoformat(), "a date without a time, such as 2026-03-29")
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return datetime.strptime(value.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a date has no zone
        except ValueError:
            pass
    raise InvalidValueError(name, value, "a date such as 2026-03-29")


def report_date_of(
    *,
    timezone: ZoneInfo,
    given: str | date | None = None,
    partition_date: datetime | None = None,
    data_interval_start: datetime | None = None,
    data_interval_end: datetime | None = None,
    logical_date: datetime | None = None,
    run_after: datetime | None = None,
) -> date:
    """
    Return the date on the report of a run, in the report's zone, never from the wall clock.

    The first of these that is there decides: the date that was given, the run's partition, the start of
    its data interval (unless that is empty, as cron triggers make it), its logical date, and the time it
    was due.

    :raises InvalidValueError: what was given is no date, or nothing says a date.
    """
    if given:
        return parse_date(given)
    if data_interval_start is not None and data_interval_start == data_interval_end:
        data_interval_start = None
    for instant in (partition_date, data_interval_start, logical_date, run_after):
        if instant is not None:
            return instant.astimezone(timezone).date()
    raise InvalidValueError(
        "report_date", given, "a date such as 2026-03-29, since the run has none of its own"
    )


def instant_of(
    report_date: date,
    *,
    timezone: ZoneInfo,
    data_interval_start: datetime | None = None,
    data_interval_end: datetime | None = None,
    logical_date: datetime | None = None,
    run_after: datetime | None = None,
    time_of_day: time | None = None,
) -> datetime:
    """
    Return when a run is due, as its report has it: on the report date, in the report's zone, never by the wall clock.

    The first of these that is there: the start of its data interval (unless that is empty), its logical date, and the
    time it was due. Where that is on another day than the report date, which was given or is that of a partition, it
    is the report date at the time of day that the schedule says, or else at the run's own.

    :param time_of_day: what the schedule says, in the report's zone.
    :raises InvalidValueError: the instant lies outside of the calendar.
    """
    if data_interval_start is not None and data_interval_start == data_interval_end:
        data_interval_start = None
    own = next((one for one in (data_interval_start, logical_date, run_after) if one is not None), None)
    if own is not None:
        own = own.astimezone(timezone)
        if own.date() == report_date:
            return own
        time_of_day = time_of_day or own.time()
    try:
        return _existing(datetime.combine(report_date, time_of_day or time(), timezone))
    except OverflowError as error:
        raise InvalidValueError(
            "report_date", report_date.isoformat(), "a date between the years 1 and 9999"
        ) from error


def period_of(
    report_date: date,
    *,
    timezone: ZoneInfo,
    period: PeriodName = "day",
    offset: int = 0,
    week_start: str = "monday",
    fiscal_year_start: int = 1,
) -> Period:
    """
    Return the period that holds the report date, or one before or after it.

    :param report_date: the date on the report.
    :param timezone: the zone in which the period begins and ends at midnight.
    :param period: its length.
    :param offset: how many periods later (or, negative, earlier) than the one that holds the date.
    :param week_start: the day that weeks begin on; Monday by ISO 8601.
    :param fiscal_year_start: the month that years begin with, 1 to 12, and that quarters are counted from.
    :raises InvalidValueError: the period's name, a day or a month is unknown, or it lies outside of the calendar.
    """
    if week_start not in WEEKDAYS:
        raise InvalidValueError("week_start", week_start, "one of " + ", ".join(WEEKDAYS))
    if isinstance(fiscal_year_start, bool) or fiscal_year_start not in range(1, 13):
        raise InvalidValueError("fiscal_year_start", fiscal_year_start, "a month's number, from 1 to 12")
    if period not in get_args(PeriodName):
        raise InvalidValueError("period", period, "one of " + ", ".join(get_args(PeriodName)))
    try:
        begins = WEEKDAYS.index(week_start) if period == "week" else fiscal_year_start - 1
        first, following = _days(report_date, period, offset, begins)
        return Period(period, _midnight(first, timezone), _midnight(following, timezone), fiscal_year_start)
    except (ValueError, OverflowError) as error:
        name, value = ("offset", offset) if offset else ("report_date", report_date.isoformat())
        raise InvalidValueError(name, value, "a period between the years 1 and 9999") from error


def _days(day: date, period: PeriodName, offset: int, begins: int) -> tuple[date, date]:
    """
    Return the first day of the period and the first day after it.

    :param begins: day, of a week, or month, of a year, that it is counted from; 0 is Monday and January.
    """
    if period in _MONTHS:
        length = _MONTHS[period]
        index = (day.year * 12 + day.month - 1 - begins) // length + offset
        return _first_of_month(index * length + begins), _first_of_month((index + 1) * length + begins)
    length = 7 if period == "week" else 1
    into = (day.weekday() - begins) % 7 if period == "week" else 0
    first = day - timedelta(days=into) + timedelta(days=length * offset)
    return first, first + timedelta(days=length)


def _first_of_month(index: int) -> date:
    return date(index // 12, index % 12 + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the day's first instant: where clocks skip midnight, the first that exists."""
    return _existing(datetime.combine(day, time(), zone))


def _existing(instant: datetime) -> datetime:
    """Return the instant, or, where clocks skip it, the one that they show instead."""
    return instant.astimezone(timezone.utc).astimezone(instant.tzinfo)
