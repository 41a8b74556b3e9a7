"""Whatever lies in data is written, or refused with a sentence; never a broken file."""

from __future__ import annotations

import io
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import openpyxl
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
    10**400,
    Decimal("1e400"),
    Decimal("-1e9999999"),
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
    rows = [{"x": value, "y": 1, "n": 1}, {"x": 2, "y": value, "n": 2}, {"x": 3, "y": None, "n": None}]

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


TABLES = "{{ table(rows, name='rows') }}\n\n{{ table(empty, ['nothing'], name='empty') }}\n"
ROWS = [
    {"text": "<script>alert(1)</script>", "number": math.nan, "at": None},
    {"text": "**bold** | _cell_", "number": math.inf, "at": datetime(2026, 3, 29, 10)},  # noqa: DTZ001 - naive ones are the point
    {"text": "=1+1", "number": Decimal("1234.5"), "at": datetime(2026, 3, 29, 10, tzinfo=AHEAD)},
    {"text": "שלום", "number": -math.inf, "at": None},
    {"text": "🙂", "number": None, "at": None},
]
FOR_READERS = ("∞", "1,234.5", "\N{MINUS SIGN}∞", "\N{EN DASH}", "Mar 29, 2026, 10:00", "No rows.")


def text_of_html(content):
    """Return what a page says, each piece of text on a line of its own."""
    parser, pieces = HTMLParser(), []
    parser.handle_data = pieces.append
    parser.feed(content.decode())
    return "\n".join(pieces)


def text_of_workbook(content):
    """Return the cells as repr, a row on a line; a formula would be no string here."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert {cell.data_type for sheet in book for row in sheet for cell in row} <= {"s", "n", "d"}
    return "\n".join(repr([cell.value for cell in row]) for sheet in book for row in sheet)


@pytest.mark.parametrize(
    ("format_", "file", "text_of", "expected"),
    [
        ("html", "report.html", text_of_html, FOR_READERS),
        ("page", "page.html", text_of_html, FOR_READERS),
        ("text", "report.txt", bytes.decode, FOR_READERS),
        (
            "csv",
            "data/rows.csv",
            bytes.decode,
            ("inf", "1234.5", "'=1+1", "2026-03-29T10:00:00+14:00", "שלום,-inf,\r\n"),
        ),
        ("csv", "data/empty.csv", bytes.decode, ("\ufeffNothing\r\n",)),
        (
            "xlsx",
            "report.xlsx",
            text_of_workbook,
            ("'∞'", "'-∞'", "1234.5", "datetime(2026, 3, 29, 10, 0)", "['Nothing']"),
        ),
    ],
)
def test_each_format_says_what_the_cells_say(render_files, format_, file, text_of, expected):
    files = render_files(TABLES, {"rows": ROWS, "empty": []}, formats=(format_,))

    said = text_of(files[file])
    if file != "data/empty.csv":
        expected += tuple(row["text"] for row in ROWS)
    assert [part for part in expected if part not in said] == []


@pytest.mark.pango
def test_a_pdf_takes_every_value(render_files):
    rows = [{"value": value, "text": str(value)[:200]} for value in VALUES if not isinstance(value, bytes)]
    rows += ROWS

    pdf = render_files("{{ table(rows, limit=100) }}\n" + TABLES, {"rows": rows, "empty": []}, formats=("pdf",))

    assert pdf["report.pdf"].startswith(b"%PDF-")


def test_a_chart_without_rows_says_so_in_every_format(render_files):
    files = render_files("{{ chart(rows, 'x', 'y', name='none') }}\n", {"rows": []}, formats=FORMATS)

    assert all(b"without data" in files[name] for name in ("report.html", "report.txt", "page.html"))


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
