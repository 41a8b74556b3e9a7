"""Specifications of Vega-Lite: what they show, in whose words and by whose clock, and what they never reach."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from airflow_provider_daybreak.exceptions import InvalidSpecificationError, TemplateError
from airflow_provider_daybreak.reports.charts import specification, vega
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import zone
from airflow_provider_daybreak.reports.picture import SIGNATURE
from airflow_provider_daybreak.reports.theme import Theme

HEAT = {
    "mark": "rect",
    "encoding": {
        "x": {"field": "hour", "type": "ordinal"},
        "y": {"field": "name", "type": "nominal"},
        "color": {"field": "calls", "type": "quantitative"},
    },
}
CALLS = [
    {"hour": hour, "name": name, "calls": Decimal(hour * 1000 + at)}
    for at, name in enumerate(["<b>Ann</b>", "Bo"])
    for hour in range(3)
]
SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]  # against the clock, as RFC 7946 has outlines


def drawn(spec, data=None, *, locale="en", place="Europe/Berlin", **options):
    options = {"alt": "What it shows.", "name": "chart", **options}
    return vega.drawn(spec, data, Language(locale, zone(place)), **options)


def texts(drawing):
    return re.findall(r"<text [^>]*>([^<]*)</text>", drawing.svg)


@pytest.fixture(scope="module")
def heat():
    return drawn(HEAT, CALLS, locale="de", name="heat")


def test_numbers_and_names_are_in_the_picture_as_the_language_writes_them(heat):
    said = texts(heat)

    assert "&lt;b&gt;Ann&lt;/b&gt;" in said
    assert "2.000" in said


def test_what_parts_of_a_picture_refer_to_has_a_name_that_no_other_picture_has(heat):
    names = re.findall(r'id="([^"]*)"', heat.svg)

    assert names
    assert all(name.startswith("heat-") for name in names)
    assert set(re.findall(r"url\(#([^)]*)\)", heat.svg)) <= set(names)


def test_a_picture_is_drawn_in_the_themes_colours_and_a_page_has_them_for_both_modes(heat, make_document):
    from dataclasses import replace

    from airflow_provider_daybreak.reports import rendering

    document = replace(make_document("Calls.\n"), body="\ue0010\ue002", blocks=(heat,))
    files = {
        one.name: one.content for one in rendering.render(document, ("html", "page"), Theme(accent="#b00000"))
    }
    page = files["page.html"].decode()

    assert files["charts/heat.png"].startswith(SIGNATURE)
    assert 'width="600" height="280" alt="What it shows."' in files["report.html"].decode()
    assert "color-mix(in srgb, var(--series-0) 8%, var(--background))" in page
    assert 'role="img" aria-label="What it shows."' in page
    assert not re.search("#0d0[ab]|rgb\\(1, ", page)
    assert '<stop offset="1" stop-color="#b00000"' in vega.coloured(heat, vega_colours(Theme(accent="#b00000")))


def vega_colours(theme):
    from airflow_provider_daybreak.reports.charts.colours import Colours

    return Colours.of(theme)


@pytest.mark.pango
def test_a_scale_of_colours_is_in_a_pdf_too(make_document, heat):
    from dataclasses import replace

    from airflow_provider_daybreak.reports import rendering

    document = replace(make_document("Calls.\n"), body="\ue0010\ue002", blocks=(heat,))
    (pdf,) = rendering.render(document, ("pdf",), Theme())

    assert b"/Subtype /Image" in pdf.content  # which its SVG's gradient would be missing from


@pytest.mark.parametrize("place", ["America/New_York", "Asia/Tokyo"])
def test_a_day_is_that_day_and_an_instant_stands_by_the_reports_clock(place):
    spec = {
        "mark": "text",
        "encoding": {
            "text": {"field": "at", "type": "temporal", "timeUnit": "yearmonthdatehours"},
            "y": {"field": "at", "type": "temporal"},
        },
    }
    noon = datetime(2026, 3, 29, 12, tzinfo=timezone.utc)
    said = texts(drawn(spec, [{"at": date(2026, 3, 29)}, {"at": "2026-03-29"}, {"at": noon}], place=place))

    assert said.count("Mar 29, 2026 00:00") == 2
    assert noon.astimezone(zone(place)).strftime("%b %d, %Y %H:00") in said


def test_months_are_called_in_the_reports_language():
    spec = {
        "mark": "line",
        "encoding": {"x": {"field": "day", "type": "temporal"}, "y": {"field": "n", "type": "quantitative"}},
    }

    said = texts(
        drawn(spec, [{"day": date(2026, month, 1), "n": month} for month in range(1, 13)], locale="fr")
    )

    assert "février" in said


@pytest.mark.parametrize(
    ("locale", "day", "month", "clock"),
    [
        ("en", "Mar 9, 2026", "Mar 2026", "6:00\u202fPM"),
        ("en_GB", "9 Mar 2026", "Mar 2026", "18:00"),
        ("de", "9. März 2026", "März 2026", "18:00"),
        ("fr", "9 mars 2026", "mars 2026", "18:00"),
        ("ja", "2026年3月9日", "2026年3月", "18:00"),
        ("ru", "9 мар. 2026\u202f\u0433.", "мар. 2026\u202f\u0433.", "18:00"),
        ("ar", "9 مارس 2026", "مارس 2026", "6:00 م"),
        ("he", "9 במרץ 2026", "מרץ 2026", "18:00"),
    ],
)
def test_dates_of_a_unit_and_hours_are_written_as_the_language_does(locale, day, month, clock):
    def said(unit, days):
        at = {"field": "at", "type": "temporal", **({"timeUnit": unit} if unit else {})}
        return texts(
            drawn({"mark": "point", "encoding": {"x": at}}, [{"at": each} for each in days], locale=locale)
        )

    assert day in said("yearmonthdate", [date(2026, 3, 9), date(2026, 3, 10)])
    assert month in said("yearmonth", [date(2026, 3, 9), date(2026, 4, 10)])
    assert clock in said("", [datetime(2026, 3, 9, hour, tzinfo=zone("Europe/Berlin")) for hour in (12, 23)])


def test_a_date_is_written_as_its_specification_says():
    at = {"field": "at", "type": "temporal", "axis": {"format": "%Y!"}}

    assert "2026!" in texts(
        drawn({"mark": "point", "encoding": {"x": at}}, [{"at": date(2026, 3, 9)}], locale="de")
    )


def test_outlines_of_a_map_are_filled_inside_whichever_way_they_run():
    spec = {"mark": "geoshape", "projection": {"type": "mercator"}}
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [SQUARE]}, "properties": {}}
    other = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [SQUARE[::-1]]},
        "properties": {},
    }

    one = drawn(spec, {"type": "FeatureCollection", "features": [feature]})

    assert one.svg == drawn(spec, [other]).svg
    assert (
        len(re.findall(r"[MLZ]", re.findall(r'<path[^>]* d="([^"]*)"', one.svg)[-1])) < 20
    )  # no frame of the world


def test_the_same_specification_is_the_same_picture(heat):
    assert drawn(HEAT, CALLS, locale="de", name="heat") == heat


def test_what_altair_gives_is_as_wide_as_other_charts():
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.20.1.json",
        "config": {"view": {"continuousWidth": 300, "continuousHeight": 300}},
        "data": {"name": "data-1"},
        "datasets": {"data-1": [{"a": 1, "b": 2}]},
        "mark": {"type": "point"},
        "encoding": {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "b", "type": "quantitative"}},
    }

    assert drawn(spec).box[2:] == (600, 280)


REFUSED = [
    ({"data": {"url": "file:///etc/passwd"}, "mark": "bar"}, "data.url would fetch something"),
    ({"data": {"url": "http://169.254.169.254/"}, "mark": "bar"}, "data.url would fetch something"),
    (
        {**HEAT, "transform": [{"lookup": "a", "from": {"data": {"url": "x.csv"}, "key": "a"}}]},
        r"transform.0.from.data.url would",
    ),
    ({"layer": [{"mark": {"type": "image"}}]}, "mark 'image' shows pictures that lie elsewhere"),
    ({**HEAT, "encoding": {"href": {"field": "name"}}}, "encoding.href is a link"),
    ({**HEAT, "encoding": {"url": {"field": "name"}}}, "encoding.url would fetch"),
    (
        {**HEAT, "transform": [{"calculate": "random( )", "as": "a"}]},
        r"has 'random\( \)', so that a report made again",
    ),
    ({**HEAT, "transform": [{"filter": {"and": ["datum.t < now()"]}}]}, r"has 'now\(\)'"),
    ({**HEAT, "transform": [{"sample": 5}]}, "takes rows by chance"),
    (
        {**HEAT, "$schema": "https://vega.github.io/schema/vega/v5.json"},
        "it is one of Vega; write it in Vega-Lite",
    ),
    ("{", "it is no JSON"),
    ({**HEAT, "data": {"values": [{"a": 1}]}}, "it holds data of its own, and is given other"),
]


@pytest.mark.attack("injections")
@pytest.mark.parametrize(("spec", "message"), REFUSED)
def test_what_no_report_shows_is_refused_before_anything_is_drawn(spec, message, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)

    with pytest.raises(InvalidSpecificationError, match=message):
        drawn(spec, CALLS)


@pytest.mark.attack("injections")
@pytest.mark.parametrize("target", ["file:///etc/passwd", "/etc/passwd", "http://127.0.0.1:9/"])
def test_what_would_be_fetched_all_the_same_is_not(target, monkeypatch):
    monkeypatch.setattr(specification, "_refusals", lambda _: ())
    spec = {
        "data": {"url": target, "format": {"type": "dsv", "delimiter": ":", "header": ["user"]}},
        "mark": "text",
        "encoding": {"text": {"field": "user", "type": "nominal"}},
    }

    try:
        said = drawn(spec).svg
    except InvalidSpecificationError as error:
        said = str(error)
    assert "root" not in said


def test_the_process_that_draws_gets_no_secret_of_this_one(monkeypatch):
    asked = {}
    run = subprocess.run
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://u:secret@db")
    monkeypatch.setattr(
        subprocess, "run", lambda *args, **options: asked.update(options) or run(*args, **options)
    )

    drawn(HEAT, CALLS)

    assert set(asked["env"]) == {"TZ", "LANG"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("vega(spec, calls)", "alt of a chart by vega"),
        ("vega(spec, calls, alt='x', height=5000)", "height of a chart 5000: expected 120 to 800"),
        ("vega(7, calls, alt='x')", "specification of a chart 7: expected a mapping"),
        ("vega(spec, [{'hour': 1, 'name': 'a'}], alt='x')", "No column 'calls'"),
        ("vega(spec, alt='x')", "it has no data"),
        ("vega({'mark': 'nonsense', 'data': {'values': []}}, alt='x')", "Cannot draw the specification: "),
    ],
)
def test_what_cannot_be_drawn_is_said_with_its_line(make_document, source, message):
    with pytest.raises(TemplateError, match=message) as caught:
        make_document(f"\n{{{{ {source} }}}}\n", {"spec": HEAT, "calls": CALLS})

    assert caught.value.line == 2
    assert "http" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ({"width": 5000, "autosize": "pad"}, "at most 1200 wide"),
        ({"height": 3000}, "at most 1200 wide, and 800 high"),
    ],
)
def test_a_picture_that_no_page_has_room_for_is_refused(size, message):
    from airflow_provider_daybreak.exceptions import InvalidValueError

    with pytest.raises(InvalidValueError, match=message):
        drawn({**HEAT, **size}, CALLS)


def test_a_specification_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(vega, "_SECONDS", 0.01)

    with pytest.raises(InvalidSpecificationError, match="drawing took more than"):
        drawn(HEAT, CALLS)


def test_a_process_that_dies_of_what_it_draws_is_said(monkeypatch, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import os; os.abort()")
    monkeypatch.setattr(vega, "_PROGRAM", program)

    with pytest.raises(InvalidSpecificationError, match="drawing ended with -6"):
        drawn(HEAT, CALLS)


def test_a_version_that_is_not_known_is_refused_with_those_that_are():
    with pytest.raises(InvalidSpecificationError, match=r"version 2 of Vega-Lite; those known here are 5"):
        drawn({**HEAT, "$schema": "https://vega.github.io/schema/vega-lite/v2.json"}, CALLS)


def test_a_template_has_it_in_every_format(render_files):
    files = render_files(
        "{{ vega(spec, calls, alt='Most at two.', title='Calls') }}\n",
        {"spec": HEAT, "calls": CALLS},
        formats=("html", "text", "page"),
    )

    assert "[Most at two.]" in files["report.txt"].decode()
    assert files["charts/calls.png"].startswith(SIGNATURE)
    assert sys.getsizeof(files["page.html"]) > 5000
