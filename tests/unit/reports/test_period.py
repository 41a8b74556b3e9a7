from __future__ import annotations

import itertools
import os
import time
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.period import WEEKDAYS, parse_date, period_of, report_date_of, zone

FIRST, LAST = date(2024, 1, 1), date(2026, 12, 31)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/Lisbon",
    "America/New_York",
    "America/Santiago",  # clocks change at midnight
    "America/Havana",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Kathmandu",  # 5:45 h
    "Australia/Lord_Howe",  # half an hour of DST
    "Etc/GMT-14",  # 14 h ahead of UTC
    "Etc/GMT+12",
)
QUARTER_OF_AN_HOUR = 900
GROUPS = {
    "day": lambda day: day,
    "week": lambda day: day.isocalendar()[:2],
    "month": lambda day: (day.year, day.month),
    "quarter": lambda day: (day.year, (day.month + 2) // 3),
    "year": lambda day: day.year,
}


@pytest.fixture
def first_instants(request):
    """The first instant of each local day around the three years, by the C library: it shares no code with ours."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    try:
        instants = {}
        start = int(datetime(2022, 12, 20, tzinfo=timezone.utc).timestamp())
        end = int(datetime(2028, 1, 12, tzinfo=timezone.utc).timestamp())
        for instant in range(start, end, QUARTER_OF_AN_HOUR):
            local = time.localtime(instant)
            instants.setdefault((local.tm_year, local.tm_mon, local.tm_mday), instant)
        yield request.param, {date(*day): instant for day, instant in instants.items()}
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@pytest.mark.parametrize("first_instants", ZONES, indirect=True)
def test_every_period_of_three_years_is_what_the_c_library_says(first_instants):
    name, instants = first_instants
    zone_ = ZoneInfo(name)
    days = sorted(instants)[2:-2]

    for period, group in GROUPS.items():
        bounds = [day for day, before in zip(days[1:], days, strict=False) if group(day) != group(before)]
        following = dict(itertools.pairwise(bounds))
        begin = bounds[0]
        for day in days:
            if day in following:
                begin = day
            if FIRST <= day <= LAST:
                ours = period_of(day, timezone=zone_, period=period)
                expected = (instants[begin], instants[following[begin]])
                assert (ours.start.timestamp(), ours.end.timestamp()) == expected, (period, day)


@pytest.mark.parametrize("period", GROUPS)
def test_offsets_lead_from_one_period_to_the_next(period):
    berlin = zone("Europe/Berlin")

    for offset in range(-60, 60):
        this = period_of(date(2026, 3, 29), timezone=berlin, period=period, offset=offset)
        following = period_of(date(2026, 3, 29), timezone=berlin, period=period, offset=offset + 1)
        assert this.end == following.start


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2024, 2, 29), 24)]
)
def test_a_day_is_as_long_as_its_clocks_make_it(day, hours):
    period = period_of(day, timezone=zone("Europe/Berlin"))

    assert (period.end - period.start.astimezone(timezone.utc)) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("period", "options", "first", "last"),
    [
        ("week", {"week_start": "sunday"}, date(2026, 3, 29), date(2026, 4, 4)),
        ("week", {"week_start": "saturday"}, date(2026, 3, 28), date(2026, 4, 3)),
        ("week", {"week_start": "monday"}, date(2026, 3, 23), date(2026, 3, 29)),
        ("year", {"fiscal_year_start": 4}, date(2025, 4, 1), date(2026, 3, 31)),
        ("year", {"fiscal_year_start": 3}, date(2026, 3, 1), date(2027, 2, 28)),
        ("quarter", {"fiscal_year_start": 2}, date(2026, 2, 1), date(2026, 4, 30)),
        ("quarter", {"fiscal_year_start": 10}, date(2026, 1, 1), date(2026, 3, 31)),
        ("month", {"fiscal_year_start": 7, "week_start": "sunday"}, date(2026, 3, 1), date(2026, 3, 31)),
    ],
)
def test_weeks_and_years_begin_where_they_are_said_to(period, options, first, last):
    found = period_of(date(2026, 3, 29), timezone=zone("Europe/Berlin"), period=period, **options)

    assert (found.first, found.last) == (first, last)


@pytest.mark.parametrize(
    "options",
    [*({"week_start": day} for day in WEEKDAYS), *({"fiscal_year_start": month} for month in range(1, 13))],
)
def test_periods_of_any_calendar_follow_each_other_without_a_gap(options):
    berlin = zone("Europe/Berlin")
    for period in ("week", "quarter", "year"):
        for at in range(0, 800, 11):
            day = FIRST + timedelta(days=at)
            one = period_of(day, timezone=berlin, period=period, **options)
            following = period_of(day, timezone=berlin, period=period, offset=1, **options)
            assert one.first <= day <= one.last
            assert one.end == following.start


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"week_start": "Sonntag"}, "week_start 'Sonntag': expected one of monday"),
        ({"fiscal_year_start": 13}, "fiscal_year_start 13: expected a month's number, from 1 to 12"),
        ({"fiscal_year_start": True}, "fiscal_year_start True"),
    ],
)
def test_a_calendar_that_there_is_not_is_refused(options, message):
    with pytest.raises(InvalidValueError, match=message):
        period_of(date(2026, 3, 29), timezone=zone("UTC"), **options)


def test_the_new_year_may_lie_in_week_53():
    period = period_of(date(2027, 1, 1), timezone=zone("UTC"), period="week")

    assert (period.first, period.last) == (date(2026, 12, 28), date(2027, 1, 3))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, date(2026, 3, 30)),
        ({"logical_date": "2026-03-28T23:30"}, date(2026, 3, 29)),
        ({"logical_date": "2026-03-28T22:30"}, date(2026, 3, 28)),
        (
            {"data_interval_start": "2026-03-20T12:00", "data_interval_end": "2026-03-21T12:00"},
            date(2026, 3, 20),
        ),
        (
            {"data_interval_start": "2026-03-20T12:00", "data_interval_end": "2026-03-20T12:00"},
            date(2026, 3, 30),
        ),
        ({"partition_date": "2026-03-10T12:00", "logical_date": "2026-03-28T12:00"}, date(2026, 3, 10)),
        ({"given": "2026-01-02", "partition_date": "2026-03-10T12:00"}, date(2026, 1, 2)),
    ],
)
def test_the_first_date_that_is_there_decides(given, expected):
    instants = {
        name: datetime.fromisoformat(value).replace(tzinfo=timezone.utc) if "T" in value else value
        for name, value in {"run_after": "2026-03-30T12:00", **given}.items()
    }

    assert report_date_of(timezone=zone("Europe/Berlin"), **instants) == expected


@pytest.mark.parametrize("value", ["29.3.2026", "2026-02-30", "today", "", 20260329, datetime(2026, 3, 29)])  # noqa: DTZ001 - naive ones are the point
def test_what_is_no_date_is_refused(value):
    with pytest.raises(InvalidValueError, match="Invalid report_date"):
        parse_date(value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"period": "fortnight"}, "Invalid period 'fortnight': expected one of day, week"),
        ({"period": "year", "offset": -3000}, "Invalid offset -3000"),
        ({"offset": 10**9}, "Invalid offset 1000000000"),
    ],
)
def test_a_period_that_is_none_is_refused(options, message):
    with pytest.raises(InvalidValueError, match=message):
        period_of(date(2026, 3, 29), timezone=zone("UTC"), **options)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "CET+1 DST"])
def test_a_zone_that_is_none_is_refused(name):
    with pytest.raises(InvalidValueError, match="expected a zone of the IANA database"):
        zone(name)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_a_day_at_the_calendars_edge_is_refused_by_its_name(day):
    with pytest.raises(InvalidValueError, match=f"report_date '{day.isoformat()}': expected a period between"):
        period_of(day, timezone=zone("Europe/Berlin"))
