"""Whatever lies in data is written, or refused with a sentence; never a broken file."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.theme import Theme

AHEAD, BEHIND = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
VALUES = [
    None,
    True,
    0,
    -1,
    10**30,
    1e300,
    -1e-300,
    math.nan,
    math.inf,
    -math.inf,
    Decimal("1.5"),
    Decimal("NaN"),
    Decimal("Infinity"),
    Decimal(10) ** 40,
    date(1, 1, 1),
    date(9999, 12, 31),
    datetime(1, 1, 1, tzinfo=AHEAD),
    datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=BEHIND),
    datetime(2026, 3, 29, 10),  # noqa: DTZ001 - naive ones are the point
    datetime(2026, 3, 29, 10, tzinfo=timezone.utc),
    time(10, 5),
    timedelta(days=-3, seconds=4),
    timedelta.max,
    "",
    "x" * 40_000,
    "=1+1",
    "<script>alert(1)</script>",
    "**bold** | cell",
    "2026-03-29",
    "שלום",
    "🙂👩\u200d👩\u200d👧",
    "\x00\x1b\ue000\u2028a\nb",
    "\ud800",
    b"bytes",
    [1, 2],
    {"a": 1},
]
FORMATS = ("html", "text", "csv", "xlsx", "page")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:30])
@pytest.mark.parametrize(
    "source",
    [
        "{{ value }}",
        "{{ notice(value, title=value) }}",
        "{{ metric(value, value, previous=2) }}",
        "{{ table(rows, highlight={'x': {'danger': '> 3'}, 'y': {'info': '== x'}}) }}",
        "{{ table(rows, {'x': {'format': 'number:1'}, 'y': {'format': 'duration'}}) }}",
        "{{ table(rows, {'x': {'format': 'date'}, 'y': {'format': 'size'}}) }}",
        "{{ chart(rows, 'x', 'n', series='y') }}",
        "{{ chart(rows, 'x', 'y', kind='area') }}",
        "{{ chart(rows, 'y', 'x', kind='stacked_bar') }}",
    ],
)
def test_every_value_is_written_or_refused(make_document, value, source):
    rows = [{"x": value, "y": 1, "n": 1}, {"x": 2, "y": value, "n": 2}, {"x": value, "y": None, "n": None}]

    said, files = "", {}
    try:
        document = make_document(source + "\n", {"value": value, "rows": rows})
        files = {file.name: file.content for file in rendering.render(document, FORMATS, Theme())}
    except DaybreakError as error:
        said = str(error)
    assert files or "expected" in said
    page = files.get("page.html", b"").decode()
    assert "<script" not in page
    for drawing in page.split("<svg")[1:]:
        ET.fromstring(f"<svg{drawing.partition('</svg>')[0]}</svg>")


@pytest.mark.parametrize(
    ("minutes", "tick"),
    [(5, "09:00"), (60, "12:00"), (60 * 4, "18:00"), (60 * 24, "30 Mar"), (60 * 24 * 400, "2028")],
)
def test_a_time_axis_is_written_in_units_that_suit_it(make_document, minutes, tick):
    start = datetime(2026, 3, 28, 8, tzinfo=timezone.utc)
    rows = [{"at": start + timedelta(minutes=minutes * index), "n": index} for index in range(13)]

    document = make_document("{{ chart(rows, 'at', 'n') }}\n", {"rows": rows}, locale="en_GB")
    (page,) = rendering.render(document, ("page",), Theme())

    assert f">{tick}</text>" in page.content.decode()
