"""What charts show, say and refuse."""

from __future__ import annotations

import itertools
import re
import time
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_daybreak.exceptions import TemplateError
from airflow_provider_daybreak.reports.charts import drawing
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.charts.legend import Legend
from airflow_provider_daybreak.reports.charts.scales import SLANT, text_width
from airflow_provider_daybreak.reports.theme import Theme
from airflow_provider_daybreak.reports.values import MISSING

MARCH = [date(2026, 3, day) for day in range(1, 32)]
NINE = datetime(2026, 3, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))
BERLIN = ZoneInfo("Europe/Berlin")
PRODUCTS = [
    *("Kaffeebohnen Brasilien", "Espresso", "Milchschaum", "Zucker", "Croissant", "Schokolade"),
    *("Orangensaft frisch", "Tee Darjeeling", "Wasser still", "Brot", "Butterbrezel", "Kuchen des Tages"),
    *("Apfelschorle", "Landjäger", "Rhabarberkuchen", "Sandwich"),
]


@pytest.fixture
def chart_of(make_document):
    """Return a function that gives the chart of these rows, written as a template writes it."""

    def chart(rows, options, **named):
        return make_document(f"{{{{ chart(rows, {options}) }}}}\n", {"rows": rows}, **named).blocks[0]

    return chart


@pytest.fixture
def texts_of(render_files):
    """Return a function that gives the texts in the picture of these rows: where each begins, and what it says."""

    def texts(rows, options, **named):
        source = f"{{{{ chart(rows, {options}) }}}}\n"
        page = render_files(source, {"rows": rows}, formats=("page",), **named)["page.html"].decode()
        drawing = page.partition("<svg")[2].partition("</svg>")[0]
        found = []
        for attributes, text in re.findall(r"<text ([^>]*)>([^<]*)</text>", drawing):
            place = re.search(r'(?:x="|translate\()([\d.]+)(?:" y="| )([\d.]+)', attributes)
            x, y = map(float, place.groups())
            anchor = re.search(r'text-anchor="(\w+)"', attributes)
            width = text_width(text, 18)
            left = x - {"middle": width / 2, "end": width}.get(anchor and anchor[1], 0)
            found.append((left, y, text))
        return found

    return texts


def below(texts):
    """Return the texts on the first line under the axis, from left to right."""
    lowest = max(y for _, y, _ in texts)
    return [text for text in texts if text[1] == lowest]


def said(texts):
    return [text for *_, text in texts]


# What is shown of rows


@pytest.mark.parametrize("kind", ["line", "area", "bar", "stacked_bar"])
def test_a_second_row_of_a_day_and_series_is_refused(chart_of, kind):
    rows = [{"day": MARCH[0], "shop": "Rome", "amount": amount} for amount in (10, 20)]

    with pytest.raises(
        TemplateError, match="day and shop of a chart '2026-03-01, Rome': expected one row for each"
    ):
        chart_of(rows, f"'day', 'amount', series='shop', kind='{kind}'")


@pytest.mark.parametrize("x", [MARCH[0], 7, "2026-03-01T10:00"])
def test_a_second_row_of_a_day_or_number_is_refused(chart_of, x):
    with pytest.raises(TemplateError, match=r"sum them in the query \(GROUP BY x\)"):
        chart_of([{"x": x, "y": 1}, {"x": x, "y": 2}], "'x', 'y', kind='bar'")


def test_bars_may_have_the_same_name(chart_of):
    chart = chart_of([{"x": "Rome", "y": 1}, {"x": "Rome", "y": 2}], "'x', 'y', kind='bar'")

    assert chart.series[0].values == (1, 2)


def test_a_scatter_plot_keeps_all_points_of_a_series(chart_of):
    rows = [{"x": x, "y": y, "s": s} for x, y, s in ((1, 5, "a"), (1, 6, "a"), (0, 7, "b"))]

    assert "a: 2 points between 5 and 6; b: 1 points between 7 and 7" in chart_of(
        rows, "'x', 'y', series='s', kind='scatter'"
    ).alt.replace("1 point ", "1 points ")


def test_both_hours_are_kept_where_clocks_go_back(chart_of):
    hours = [
        (datetime(2026, 10, 24, 22, tzinfo=timezone.utc) + timedelta(hours=n)).astimezone(BERLIN)
        for n in range(6)
    ]
    rows = [{"at": at, "zone": "Berlin", "n": n} for n, at in enumerate(hours)]

    assert chart_of(rows, "'at', 'n', series='zone'").series[0].values == (0, 1, 2, 3, 4, 5)
    assert chart_of(rows[::-1], "'at', 'n'").series[0].values == (0, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (
            datetime(2026, 3, 28, 23, tzinfo=timezone.utc),
            ["00:00", "01:00", "03:00", "04:00", "05:00", "06:00"],
        ),
        (
            datetime(2026, 10, 24, 22, tzinfo=timezone.utc),
            ["00:00", "01:00", "02:00", "02:00", "03:00", "04:00"],
        ),
    ],
)
def test_a_time_axis_has_the_hours_that_clocks_had(texts_of, first, expected):
    rows = [{"at": (first + timedelta(hours=n)).astimezone(BERLIN), "n": n} for n in range(6)]

    texts = said(below(texts_of(rows, "'at', 'n'", locale="de")))

    assert [text for text in texts if text.endswith(":00")] == expected


def test_a_series_with_several_columns_is_refused(chart_of):
    with pytest.raises(TemplateError, match=r"y of a chart with series \['a', 'b'\]: expected one column"):
        chart_of([{"x": 1, "a": 1, "b": 2, "s": "t"}], "'x', ['a', 'b'], series='s'")


@pytest.mark.parametrize("kind", ["line", "area", "scatter"])
def test_days_stand_in_their_order_whatever_that_of_the_rows(chart_of, kind):
    rows = [{"day": day, "n": day.day} for day in reversed(MARCH[:3])]

    chart = chart_of(rows, f"'day', 'n', kind='{kind}'")

    assert "Mar 1, 2026 to Mar 3, 2026" in chart.alt
    assert chart.series[0].values == (1, 2, 3)


def test_bars_of_numbered_things_keep_their_ranking(chart_of):
    chart = chart_of([{"shop": 7, "n": 9}, {"shop": 3, "n": 5}], "'shop', 'n', kind='bar'")

    assert chart.x == (7, 3)


@pytest.mark.parametrize("series", ["", ", series='s'"])
@pytest.mark.parametrize("missing", [None, " "])
def test_rows_without_a_name_are_a_category_of_their_own(chart_of, series, missing):
    rows = [{"x": "Rome", "y": 1, "s": "a"}, {"x": missing, "y": 2, "s": None}]

    assert chart_of(rows, f"'x', 'y'{series}, kind='bar'").x == ("Rome", MISSING)


def test_a_crowd_of_bars_is_refused(chart_of):
    rows = [{"x": f"n{n}", "a": n, "b": n} for n in range(1001)]

    with pytest.raises(
        TemplateError, match="bars in a chart 2002: expected at most 2,000; aggregate .* or use kind='line'"
    ):
        chart_of(rows, "'x', ['a', 'b'], kind='bar'")


# The axis of values


@pytest.mark.parametrize(
    ("values", "lowest", "highest"),
    [
        ([1e16] * 2, "0", "20,000,000,000,000,000"),
        ([-4, -4], "-8", "0"),
        ([0, 5e-324], "0", "1"),
        ([0.0002] * 2, "0.0000", "0.0004"),
        ([0, 0.0004], "0.0000", "0.0004"),
        ([1e22, 1e22 + 4e18], "1e+22", "1.0004e+22"),
        ([0, 4e-20], "0.0", "4e-20"),
    ],
)
def test_each_tick_has_a_text_of_its_own(texts_of, values, lowest, highest):
    texts = said(texts_of([{"x": x, "y": y} for x, y in enumerate(values)], "'x', 'y'"))
    ticks = texts[: texts.index(highest) + 1]

    assert ticks[0] == lowest
    assert len(set(ticks)) == len(ticks) > 2


@pytest.mark.parametrize(
    ("top", "format_", "expected"),
    [
        (0.004, "percent", ["0.0%", "0.1%", "0.2%", "0.3%", "0.4%"]),
        (10, "currency:EUR:0", ["€0.0", "€2.5", "€5.0", "€7.5", "€10.0"]),
        (0.4, "percent", ["0%", "10%", "20%", "30%", "40%"]),
        (10, "duration", ["0", "5 sec", "10 sec"]),
        (300, "duration", ["0", "2 min", "4 min", "6 min"]),
        (4 * 3600, "duration", ["0", "1 hr", "2 hr", "3 hr", "4 hr"]),
    ],
)
def test_ticks_have_the_digits_that_their_format_lacks(texts_of, top, format_, expected):
    texts = said(texts_of([{"x": 0, "y": 0}, {"x": 1, "y": top}], f"'x', 'y', y_format='{format_}'"))

    assert texts[: len(expected)] == expected


def test_words_have_the_digits_of_the_axis(chart_of):
    rows = [{"x": x, "y": x * 0.001} for x in range(5)]

    assert "from 0.0% (0) to 0.4% (4), at the end 0.4%" in chart_of(rows, "'x', 'y', y_format='percent'").alt


# The axis of places


def test_a_single_huge_place_is_drawn(texts_of):
    assert "1,774,771,200,000,000,000" in said(texts_of([{"x": 1774771200000000000, "y": 1}], "'x', 'y'"))


def test_years_have_no_separator(texts_of, chart_of):
    rows = [{"year": year, "n": year} for year in range(2015, 2027)]

    assert said(below(texts_of(rows, "'year', 'n'")))[0] == "2016"
    assert "2015 to 2026" in chart_of(rows, "'year', 'n', kind='bar'").alt


@pytest.mark.parametrize(
    ("first", "step", "count", "expected"),
    [
        (NINE, timedelta(0), 1, ["Mar 1 9:00 AM"]),
        (MARCH[0], timedelta(0), 1, ["Mar 1"]),
        (NINE, timedelta(milliseconds=100), 11, ["9:00:00 AM", "9:00:01 AM"]),
        (NINE + timedelta(milliseconds=5), timedelta(milliseconds=1), 11, ["Mar 1 9:00 AM"]),
        (NINE, timedelta(seconds=1), 50, ["9:00:00 AM", "9:00:15 AM", "9:00:30 AM", "9:00:45 AM"]),
        (date(1, 1, 1), timedelta(days=3_652_058), 2, [f"{year}000" for year in range(1, 10)]),
        (date(1600, 1, 1), timedelta(days=146_097), 2, ["1600", "1650", "1700", "1750", "1800", "1850", "1900", "1950", "2000"]),
    ],
)  # fmt: skip
def test_a_time_axis_of_any_length_has_labels(texts_of, first, step, count, expected):
    rows = [{"at": first + index * step, "n": index} for index in range(count)]

    assert [text.replace("\u202f", " ") for text in said(below(texts_of(rows, "'at', 'n'")))] == expected


@pytest.mark.parametrize("locale", ["en", "de", "fr", "es", "ja"])
@pytest.mark.parametrize("days", [0.01, 0.5, 2, 9, 10, 31, 89, 364, 1000, 9000])
def test_labels_stand_apart_and_inside(texts_of, locale, days):
    rows = [{"at": NINE + timedelta(days=days * index / 50), "n": index} for index in range(51)]

    texts = below(texts_of(rows, "'at', 'n'", locale=locale))

    assert len(texts) >= 2
    ends = [left + text_width(text, 18) for left, _, text in texts]
    assert texts[0][0] > 0
    assert ends[-1] < 600
    assert all(end < left for end, (left, *_) in zip(ends, texts[1:], strict=False))


def test_the_format_of_places_is_that_of_a_time_axis_too(texts_of):
    rows = [{"day": day, "n": 1} for day in MARCH[:10]]

    texts = said(below(texts_of(rows, "'day', 'n', x_format='date:EEEE'")))

    assert texts == ["Sunday", "Tuesday", "Thursday", "Saturday", "Monday"]


# Names


@pytest.mark.parametrize("count", [8, 10, 12, 16])
def test_each_bar_can_be_told_by_its_name(texts_of, count):
    names = PRODUCTS[:count]
    texts = said(texts_of([{"x": name, "y": 1} for name in names], "'x', 'y', kind='bar'"))[-count:]

    assert all(name.startswith(text.rstrip("…")[:10]) for name, text in zip(names, texts, strict=True))
    assert all(len(text) >= min(10, len(name)) for name, text in zip(names, texts, strict=True))


def test_short_names_stand_level(render_files):
    rows = [{"x": name, "y": 1} for name in ("Rome", "Oslo", "Frankfurt am Main", "Paris")]
    page = render_files("{{ chart(rows, 'x', 'y', kind='bar') }}\n", {"rows": rows}, formats=("page",))[
        "page.html"
    ]

    assert f"rotate(-{SLANT})".encode() not in page
    assert b">Frankfurt am<" in page
    assert b">Main<" in page


def test_short_names_without_room_stay_level(texts_of):
    rows = [{"x": f"{hour:02}h", "y": 1} for hour in range(24)]

    assert said(below(texts_of(rows, "'x', 'y', kind='bar'")))[:2] == ["00h", "02h"]


@pytest.mark.parametrize("name", [" " * 300, "x" * 40_000, "ab " * 20_000, "a\nb\tc" * 100])
def test_a_name_of_any_length_is_drawn_at_once(texts_of, name):
    start = time.perf_counter()
    texts = texts_of([{"x": name, "y": 1}, {"x": "Rome", "y": 2}], "'x', 'y', kind='bar'")

    assert "Rome" in said(texts)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("height", [120, 280])
def test_every_series_is_named_in_the_legend(texts_of, height):
    names = [
        "Frankfurt am Main (Flughafen)",
        "München",
        *(f"{name} {'und mehr' * 9}" for name in PRODUCTS[:10]),
    ]
    rows = [{"x": x, **dict.fromkeys(names, x)} for x in range(3)]

    texts = texts_of(rows, f"'x', {names}, height={height}")[-len(names) :]

    assert said(texts)[:2] == names[:2]
    assert all(name.startswith(text.rstrip("…")) for name, text in zip(names, said(texts), strict=True))
    assert all(left + text_width(text, 18) <= 600 for left, _, text in texts)
    assert len({(left, y) for left, y, _ in texts}) == len(names)


def test_a_legend_of_several_lines_makes_the_picture_higher(render_files):
    names = [f"Number {n} of the series" for n in range(6)]
    rows = [{"x": x, **dict.fromkeys(names, x)} for x in range(3)]

    html = render_files(f"{{{{ chart(rows, 'x', {names}) }}}}\n", {"rows": rows})["report.html"].decode()

    assert 'height="326"' in html


@pytest.mark.parametrize(
    "options", ["kind='line'", "kind='bar'", "kind='stacked_bar'", "kind='bar', horizontal=True"]
)
def test_a_legend_is_laid_out_once_and_the_picture_has_the_size_that_it_was_given(
    make_document, monkeypatch, options
):
    names = [f"Number {n} of the series" for n in range(6)]
    rows = [{"x": f"d{x}", **dict.fromkeys(names, x)} for x in range(3)]
    document = make_document(f"{{{{ chart(rows, 'x', {names}, {options}) }}}}\n", {"rows": rows})
    (chart,) = document.charts
    laid_out, of = [], Legend.of
    monkeypatch.setattr(Legend, "of", lambda series: laid_out.append(series) or of(series))

    markup = drawing.svg(chart, document.language, Colours.of(Theme()))

    assert laid_out == [chart.series]
    wide, high = drawing.size(chart)
    assert f'width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"' in markup
    assert all(markup.count(f">{name}</text>") == 1 for name in names)
    lines = {float(y) for y in re.findall(r'<rect x="[^"]*" y="([^"]*)" width="11" height="11"', markup)}
    bars = [float(y) for y in re.findall(r'<rect x="[^"]*" y="([^"]*)" width="(?!11")', markup)]
    assert len(lines) > 1
    assert all(top > max(lines) + 11 for top in bars if top > 0)


def test_series_beyond_the_palette_have_a_tone_of_their_own(render_files):
    names = [f"s{n}" for n in range(7)]
    source = f"{{{{ chart([{{'x': 0, {', '.join(f'{name!r}: 1' for name in names)}}}], 'x', {names}, kind='bar') }}}}\n"

    page = render_files(source, formats=("page",))["page.html"].decode()

    inks = re.findall(r'<rect x="[^>]*rx="2" ([^>]*)/>', page)
    assert len(set(inks)) == 7


# Metrics


@pytest.mark.parametrize(
    ("now", "before", "options", "expected"),
    [
        (100.01, 100, "", "unchanged"),
        (99.99, 100, "", "unchanged"),
        (18, -5, "", "▲ 23 "),
        (-18, 5, ", format='currency:EUR'", "▼ €23.00 "),
        (-10, -5, "", "▼ 100.0% "),
        (0, 5, "", "▼ 100.0% "),
        (0.25, 0, ", format='percent'", "▲ 25.0 pp "),
        (0.25, 0.2, ", format='percent', change='absolute'", "▲ 5.0 pp "),
        (0.25, 0.2, ", format='percent'", "▲ 25.0% "),
        ("5", "3", ", change='absolute'", "▲ 2 "),
        (10.2, 10, ", format='number:0', change='absolute'", "unchanged"),
        (timedelta(hours=2), timedelta(hours=1), ", change='absolute'", "▲ 1 hr "),
    ],
)
def test_a_change_says_what_it_means(text_of, now, before, options, expected):
    text = text_of(
        f"{{{{ metric('Sales', now, previous=before{options}) }}}}\n", {"now": now, "before": before}
    )

    assert expected + ("against the day before" if expected.endswith(" ") else "") in text


def test_a_trend_may_be_any_values_and_is_told_in_the_metrics_format(make_document):
    rows = [{"a": value} for value in (1200, None, 3055.594, 2000)]
    source = "{{ metric('Sales', 2000, format='currency:EUR:0', trend=rows | map(attribute='a')) }}\n"

    (metric,) = make_document(source, {"rows": rows}).blocks

    assert metric.trend.alt == "Trend: Sales, from €1,200 to €3,056, at the end €2,000."


def test_an_empty_trend_is_none(make_document):
    (metric,) = make_document("{{ metric('Sales', 1, trend=[] | map('int')) }}\n").blocks

    assert metric.trend is None


def test_none_is_not_said(text_of):
    source = (
        "{{ metric('Sales', 1, unit=none, note=none, trend=none) }}\n\n"
        "{{ table(rows, caption=none, name=none) }}\n\n"
        "{{ chart(rows, 'x', 'y', title=none, alt=none, name=none, reference={'value': 1, 'label': none}) }}\n"
    )

    assert "None" not in text_of(source, {"rows": [{"x": 1, "y": 2}]})


def test_a_reference_beyond_what_can_be_drawn_names_the_limit(chart_of):
    with pytest.raises(
        TemplateError, match=r"reference of a chart 1e\+200: expected a number of at most 1e\+100"
    ):
        chart_of([{"x": 1, "y": 2}], "'x', 'y', reference=1e200")


YEAR = [{"day": f"2026-{month:02d}-01", "seconds": 3600 * month} for month in range(1, 13)]


def test_a_day_is_marked_on_the_curve_where_it_is(chart_of, texts_of, render_files):
    options = (
        "'day', 'seconds', kind='area', y_format='duration', reference={'at': '2026-03-01', 'label': 'today'}"
    )

    assert chart_of(YEAR, options).reference.value == 3 * 3600
    assert "; today: 3 hr" in chart_of(YEAR, options).alt
    source = f"{{{{ chart(rows, {options}) }}}}\n"
    page = render_files(source, {"rows": YEAR}, formats=("page",))["page.html"].decode()
    x, y = re.search(r'<circle cx="([\d.]+)" cy="([\d.]+)"', page).groups()
    assert f"L{x} {y}L" in page, "the mark is on the line"
    [left] = {left for left, _, text in texts_of(YEAR, options) if text == "today"}
    assert 0 < left - float(x) < 20


def test_a_place_without_a_value_is_marked_by_a_line_alone(chart_of, texts_of):
    options = "'day', 'seconds', reference={'at': '2026-03-15', 'label': 'moved'}"

    assert chart_of(YEAR, options).alt.endswith(f"moved: {MISSING} (Mar 15, 2026).")
    assert "moved" in said(texts_of(YEAR, options))


def test_a_bar_is_marked_by_its_name(chart_of):
    rows = [{"shop": "Köln", "n": 3}, {"shop": "Ulm", "n": 5}]

    assert chart_of(rows, "'shop', 'n', kind='bar', reference={'at': 'Ulm'}").reference.value == 5


@pytest.mark.parametrize(
    ("rows", "at"),
    [([{"x": "a", "y": 1}], "'b'"), ([{"x": date(2026, 3, 1), "y": 1}], "7"), ([{"x": 1, "y": 1}], "'Monday'")],
)
def test_a_place_that_the_axis_has_not_is_refused_with_what_it_has(chart_of, rows, at):
    with pytest.raises(TemplateError, match="at of a chart's reference"):
        chart_of(rows, f"'x', 'y', reference={{'at': {at}}}")


def test_an_axis_of_a_year_names_months_at_even_distances(texts_of):
    rows = [{"day": date(2026, 1, 1) + timedelta(days=day), "n": day} for day in range(365)]

    assert said(below(texts_of(rows, "'day', 'n'"))) == ["Jan", "Mar", "May", "Jul", "Sep", "Nov"]


def test_hours_begin_at_nothing(texts_of):
    assert "0" in said(texts_of(YEAR, "'day', 'seconds', kind='area', y_format='duration'"))


@pytest.mark.parametrize("kind", ["bar", "stacked_bar"])
def test_bars_lie_beside_names_that_would_be_slanted(render_files, texts_of, chart_of, kind):
    rows = [{"name": name, "n": at, "m": -at} for at, name in enumerate(PRODUCTS)]
    options = f"'name', ['n', 'm'], kind='{kind}', reference=5"

    page = render_files(f"{{{{ chart(rows, {options}) }}}}\n", {"rows": rows}, formats=("page",))["page.html"]
    placed = texts_of(rows, options)

    assert b"rotate(" not in page
    assert [text for _, _, text in placed if text in PRODUCTS] == PRODUCTS
    assert all(left >= -2 for left, _, _ in placed)
    lines = sorted(y for _, y, text in placed if text in PRODUCTS)
    assert min(after - before for before, after in itertools.pairwise(lines)) >= 20
    assert chart_of(rows, options).height <= 800


def test_bars_stand_where_names_have_room_and_where_that_is_asked_for(chart_of):
    few = [{"name": name, "n": 1} for name in ("a", "b")]
    many = [{"name": name, "n": 1} for name in PRODUCTS]

    assert not chart_of(few, "'name', 'n', kind='bar'").horizontal
    assert chart_of(few, "'name', 'n', kind='bar', horizontal=true").horizontal
    assert not chart_of(many, "'name', 'n', kind='bar', horizontal=false").horizontal
    assert not chart_of(many * 4, "'name', 'n', kind='bar'").horizontal  # which no page has room for


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("'name', 'n', kind='line', horizontal=true", "kind of a horizontal chart 'line': expected bar"),
        ("'name', 'n', kind='bar', horizontal=true", "number of bars of a horizontal chart 64"),
    ],
)
def test_what_cannot_lie_is_refused(chart_of, options, message):
    with pytest.raises(TemplateError, match=message):
        chart_of([{"name": name, "n": 1} for name in PRODUCTS * 4], options)
