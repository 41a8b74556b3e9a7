"""By whose clock a report writes instants: the report's (Europe/Berlin in these), wherever they stand."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone

import openpyxl
import pytest

from airflow_provider_daybreak.exceptions import TemplateError
from airflow_provider_daybreak.reports.formats.pdf import FILE_NAME as PDF
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import zone

MIDNIGHT = datetime(2026, 3, 28, 23, tzinfo=timezone.utc)
"""The first instant of 29 March in Berlin."""
EVERYWHERE = """{{ at }} / {{ at | date }} / {{ text | datetime }} / {{ at | date("d HH:mm") }}

{{ table(rows, {"at": {"format": "datetime"}, "n": "n"}) }}

{{ metric("Last", at, format="datetime") }}

{{ chart(rows, "at", "n", kind="scatter") }}
"""


@pytest.fixture
def rows():
    return [{"at": MIDNIGHT + timedelta(minutes=30 * n), "n": n} for n in range(3)]


def test_an_instant_is_of_the_reports_day_wherever_it_stands(render_files, rows):
    data = {"rows": rows, "at": MIDNIGHT, "text": MIDNIGHT.isoformat()}

    files = render_files(EVERYWHERE, data, formats=("html", "text", "page", "xlsx", "csv"), locale="en_GB")

    for name in ("report.html", "report.txt", "page.html"):
        text = files[name].decode()
        assert "28 Mar" not in text
        assert "23:00" not in text
        assert text.count("29 Mar 2026, 00:00") >= 4, name
        assert "29 00:00" in text
    sheet = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"])).active
    assert sheet["A2"].value == datetime(2026, 3, 29)  # noqa: DTZ001 - a sheet has no zones
    assert "2026-03-28T23:00:00+00:00" in files["data/rows.csv"].decode()
    assert PDF not in files


@pytest.mark.parametrize(
    "said",
    [
        "{{ at ~ '' }}",
        "{{ 'at ' ~ row.at }}",
        "{{ at.day }}.",
        "{{ row['at'].strftime('%d %H:%M') }}",
        "{{ at.isoformat() }}",
        "{{ at.date() }}",
        "{{ '{:%d}'.format(at) }}",
        "{{ '%s' | format(at) }}",
        "{{ at | string }}",
        "{{ at.replace(hour=5) }}",
        "{{ [at] | join(', ') }}",
        "{{ list | join(', ') }}",
        "{{ list | map('string') | first }}",
        "{{ rows | map(attribute='at.day') | first }}.",
        "{{ (rows | groupby('at.day') | first)[0] }}.",
        "{{ {'at': at} }}",
        "{% for key, value in row.items() %}{{ value ~ key }} {% endfor %}",
        "{% set said = at %}{{ said.day }}.",
        "{% macro say(when) %}{{ when ~ '' }}{% endmacro %}{{ say(rows[0].at) }}",
    ],
)
@pytest.mark.parametrize("kind", [".md.j2", ".html.j2"])
def test_an_instant_is_of_the_reports_day_whatever_prose_makes_of_it(render_files, rows, said, kind):
    data = {"rows": rows[:1], "row": rows[0], "at": MIDNIGHT, "list": [MIDNIGHT]}

    text = render_files(said, data, formats=("text",), locale="en_GB", name=f"report{kind}")[
        "report.txt"
    ].decode()

    words = text.partition("Europe/Berlin")[2]
    assert "29" in words
    assert "28" not in words
    assert "23:" not in words


def test_another_zone_can_be_asked_for(render_files, rows):
    source = """{{ at | time(zone="UTC") }} {{ at | date(zone="UTC") }} {{ at | datetime("short", zone="Asia/Tokyo") }}

{{ table(rows, {"at": {"format": "time", "zone": "UTC"}}) }}

{{ chart(rows, "at", "n", kind="scatter", zone="UTC") }}
"""

    files = render_files(source, {"rows": rows, "at": MIDNIGHT}, formats=("text", "xlsx"), locale="en_GB")

    text = files["report.txt"].decode()
    assert "23:00 28 Mar 2026 29/03/2026, 08:00" in text
    assert "28 Mar 2026, 23:00" in text  # of the chart, in words
    sheet = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"])).active
    assert sheet["A2"].value == datetime(2026, 3, 28, 23)  # noqa: DTZ001 - a sheet has no zones


def test_a_time_without_a_zone_is_written_as_it_is(text_of):
    assert "07:05" in text_of("{{ at | time }}", {"at": "2026-03-29T07:05"}, locale="de")


def test_a_zone_that_there_is_not_is_refused_with_its_place(text_of):
    with pytest.raises(TemplateError, match="line 1.*a zone of the IANA database"):
        text_of('{{ at | time(zone="Berlin") }}', {"at": MIDNIGHT})


@pytest.mark.parametrize(("year", "place"), [(1, "America/New_York"), (9999, "Asia/Tokyo")])
def test_an_end_of_the_calendar_is_written_as_it_is(year, place):
    at = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, 23 * (year > 1), tzinfo=timezone.utc)

    assert Language("en", zone(place)).date(at, "y") == str(year)
