from __future__ import annotations

import math
import re
from datetime import date
from decimal import Decimal

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, PageTooLargeError, TemplateError
from airflow_provider_daybreak.reports.rows import Rows

FLIGHTS = [
    {"carrier": "AA", "flights": 1200, "delay": 31.5},
    {"carrier": "B6", "flights": 15400, "delay": 4.25},
    {"carrier": "DL", "flights": 7, "delay": None},
]


def test_a_table_has_titles_formats_totals_and_highlights(html_of):
    html = html_of(
        """{{ table(flights, {"carrier": "Airline", "flights": "Flights", "delay": {"title": "Delay", "format": "number:1"}},
                  totals=["flights"], highlight={"delay": {"danger": "> 30"}}) }}""",
        {"flights": FLIGHTS},
    )

    assert ">Airline</th>" in html
    assert ">15,400</td>" in html
    assert ">16,607</td>" in html
    assert "font-weight: bold" in html.split(">31.5<")[0].rsplit("<td", 1)[1]


def test_the_same_table_as_text_is_aligned(text_of):
    text = text_of("{{ table(flights, totals=['flights']) }}\n", {"flights": FLIGHTS})

    assert "Carrier  Flights  Delay\n-------  -------  -----\nAA         1,200  31.50\n" in text
    assert "\nTotal     16,607\n" in text


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([0.0001, 0.0004], ["0.0001", "0.0004"]),
        ([0.000123456, 0.5], ["0.000123", "0.500000"]),
        ([5.5e-17, 1.5], ["0.00", "1.50"]),
        ([1752, 900], ["1,752", "900"]),
        ([2025, 2026], ["2025", "2026"]),
        ([10**400, 1], ["1E400", "1"]),
    ],
)
def test_a_column_without_a_format_is_written_by_its_values(text_of, values, written):
    text = text_of("{{ table(rows) }}\n", {"rows": [{"n": value} for value in values]})

    assert [line.strip() for line in text.splitlines()][-2:] == written


@pytest.mark.parametrize(("value", "written"), [(0.0004, "0.0004"), (1752, "1,752"), (2026, "2,026")])
def test_a_metric_without_a_format_is_written_by_its_value(text_of, value, written):
    assert written in text_of("{{ metric('Sold', value) }}\n", {"value": value})


@pytest.mark.parametrize("first", [date(2026, 3, 29), 1.5])
def test_a_late_value_of_another_kind_is_written_as_it_is(text_of, first):
    rows = [{"x": first}] * 1000 + [{"x": "closed"}]

    assert text_of("{{ table(rows, limit=2000) }}\n", {"rows": rows}).rstrip().endswith("closed")


def test_a_wrong_value_is_named_with_its_row_and_column(text_of):
    rows = [{"day": date(2026, 3, 29)}, {"day": "soon"}]

    with pytest.raises(InvalidValueError, match="value in row 2 of column 'day' 'soon': expected a date"):
        text_of("{{ table(rows, {'day': {'format': 'date'}}) }}\n", {"rows": rows})
    with pytest.raises(InvalidValueError, match="in the format of column 'day' 'HH:mm': expected short"):
        text_of("{{ table(rows, {'day': {'format': 'date:HH:mm'}}) }}\n", {"rows": rows})


def test_text_equals_the_text_of_a_highlight(html_of):
    rows = [{"code": "007", "n": 7}, {"code": "7", "n": 8}, {"code": "nan", "n": 9}]
    source = "{{ table(rows, highlight={'code': {'danger': '== 007', 'info': '== nan'}, 'n': {'danger': '== 007'}}) }}"

    html = html_of(source, {"rows": rows})

    bold = re.findall(r"<td[^>]*font-weight: bold[^>]*>([^<]*)<", html)
    assert bold == ["007", "7", "nan"]


@pytest.mark.parametrize("condition", ["== 0.3", "<= 0.3", ">= 0.3"])
def test_a_decimal_equals_the_number_of_a_highlight(html_of, condition):
    source = f"{{{{ table(rows, highlight={{'x': {{'danger': '{condition}'}}}}) }}}}\n"

    assert (
        "font-weight: bold"
        in html_of(source, {"rows": [{"x": Decimal("0.3")}]}).split(">0.30<")[0].rsplit("<td", 1)[1]
    )


def test_rows_beyond_the_limit_are_counted(html_of, text_of):
    source = "{{ table(rows, limit=3) }}\n"
    data = {"rows": [{"n": n} for n in range(1000)]}

    assert "997 more rows" in html_of(source, data)
    assert "997 more rows" in text_of(source, data)


def test_an_empty_table_says_so_in_the_reports_language(html_of):
    assert "Keine Zeilen." in html_of("{{ table(rows) }}\n", {"rows": []}, locale="de")


@pytest.mark.parametrize("value", [math.nan, None, Decimal("NaN")])
def test_what_is_missing_is_a_dash(text_of, value):
    assert "\n\N{EN DASH}" in text_of("{{ table([{'n': value}]) }}\n", {"value": value})


def test_infinities_decimals_and_right_to_left_text_are_written(html_of):
    rows = [{"name": "שלום 🙂", "n": math.inf, "d": Decimal("1234567.89")}]

    html = html_of("{{ table(rows) }}\n", {"rows": rows})

    assert ">∞</td>" in html
    assert ">1,234,567.9</td>" in html
    assert 'dir="auto"' in html


def test_a_metric_says_how_it_changed_and_whether_that_is_good(html_of):
    html = html_of('{{ metric("Sales", 1200, previous=1000, good="up") }}\n')

    assert "▲ 20% against the day before" in html.replace(".0%", "%")
    assert "#176b3a" in html


def test_a_metric_that_had_been_zero_changes_absolutely(text_of):
    assert "▲ 12 against the day before" in text_of('{{ metric("Sales", 12, previous=0) }}\n')


def test_notices_say_their_tone_in_words(text_of):
    assert "[!] Attention: Disk is full" in text_of("{{ notice('Disk is full', 'danger') }}\n")


NOTICE = """
{% call notice("warning", title="Stock") %}
  Low on **{{ name }}**:

  - {{ 3 | number }} left
{% endcall %}
## Next
"""


def test_a_notice_may_hold_markdown_with_values_that_stay_text(html_of, text_of):
    html = html_of(NOTICE, {"name": "**tea** <script>"})

    assert re.search(
        r"<strong[^>]*>Stock</strong> <p[^>]*>Low on <strong[^>]*>\*\*tea\*\* &lt;script&gt;</strong>:</p>",
        html,
    )
    assert re.search(r"<li[^>]*>3 left</li>", html)
    assert re.search(r"</div>\s*<h2[^>]*>Next</h2>", html)
    assert text_of(NOTICE, {"name": "tea"}).endswith("""
[!] Stock:
    Low on *tea*:

    - 3 left

Next
----
""")


def test_a_notice_may_hold_a_table_that_every_format_has(render_files):
    source = "{% call notice() %}\n{{ table(rows, name='late') }}\n{% endcall %}\n"
    files = render_files(source, {"rows": FLIGHTS}, formats=("html", "text", "csv", "page"))

    assert all(b"15,400" in files[name] for name in ("report.html", "report.txt", "page.html"))
    assert b"15400" in files["data/late.csv"]


def test_a_notice_of_an_html_template_holds_html(html_of, text_of):
    source = "{% call notice('danger') %}<em>{{ name }}</em> is full{% endcall %}"
    options = {"name": "report.html.j2"}

    assert "<em>/var &lt;b&gt;</em> is full" in html_of(source, {"name": "/var <b>"}, **options)
    assert "[!] Attention:\n    /var is full" in text_of(source, {"name": "/var"}, **options)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% call notice('Low!') %}x{% endcall %}", "tone of a notice 'Low!': expected one of info"),
        ("{{ chart(rows, 'x', 'y', kind='pie') }}", "kind of a chart 'pie': expected one of line"),
        ("{{ chart(rows, 'x', 'z') }}", "No column 'z'"),
        ("{{ chart(rows) }}", "x and y of a chart"),
        ("{{ chart([{'x': 1, 'y': 'many'}], 'x', 'y') }}", "value in column 'y' of a chart 'many'"),
        ("{{ table(rows, {'x': {'format': 'euro'}}) }}", "format 'euro': expected one of text"),
        ("{{ table(rows, {'x': {'format': 'currency'}}) }}", "ISO 4217 code"),
        ("{{ table(rows, highlight={'x': {'danger': '> inf'}}) }}", "'> inf': expected a finite number"),
        ("{{ table(rows, highlight={'x': {'danger': '== 1e400'}}) }}", "'== 1e400': expected a finite number"),
        ("{{ table(rows, highlight={'x': {'danger': '> late'}}) }}", "'> late': expected a finite number"),
        (
            "{{ table([{'x': 1e308}, {'x': 1e308}], totals=['x']) }}",
            "which has a total 1e+308: expected numbers",
        ),
        ("{{ table(rows, {'x': {'format': 'currency:EURO'}}) }}", "currency 'EURO': expected an ISO 4217 code"),
        ("{{ table(rows, highlight={'x': {'red': '> 1'}}) }}", "expected a tone"),
        ("{{ table(rows, totals={'x': 'median'}) }}", "total of column 'x' 'median'"),
        ("{{ table('text') }}", "Cannot use data 'given' as rows"),
        ("{{ table([1, 2]) }}", "expected each row to be a mapping"),
        ("{{ metric('a', 1, good='left') }}", "good direction"),
        ("{{ notice('a', 'loud') }}", "tone of a notice 'loud'"),
        ("{{ 'x' | currency('EURO') }}", "number 'x'"),
        ("{{ 1 | currency('EURO') }}", "ISO 4217"),
        ("{{ 'soon' | date }}", "date or time 'soon'"),
    ],
)
def test_a_wrong_option_names_value_and_expectation(make_document, source, message):
    with pytest.raises(TemplateError) as caught:
        make_document(source + "\n", {"rows": [{"x": 1, "y": 2}]})

    assert message in str(caught.value)
    assert caught.value.line == 1


def test_a_chart_without_alt_text_tells_its_numbers(text_of):
    rows = [{"day": date(2026, 3, day), "sold": sold} for day, sold in ((1, 5), (2, 9), (3, 7))]

    text = " ".join(text_of("{{ chart(rows, 'day', 'sold', title='Sales') }}\n", {"rows": rows}).split())

    assert "Line chart: Sales, Mar 1, 2026 to Mar 3, 2026." in text
    assert "Sold from 5 (Mar 1, 2026) to 9 (Mar 2, 2026), at the end 7." in text


def test_a_chart_of_millions_of_rows_is_refused(make_document):
    class Many(Rows):
        def __len__(self):
            return 5_000_000

    with pytest.raises(TemplateError, match="rows of a chart 5000000: expected at most 500,000; aggregate"):
        make_document("{{ chart(rows, 'x', 'y') }}\n", {"rows": Many(("x", "y"), [])})


@pytest.mark.parametrize("kind", ["line", "area", "bar", "stacked_bar", "scatter", "sparkline"])
def test_each_kind_of_chart_is_a_picture(render_files, kind):
    rows = [{"x": x, "a": x * 2, "b": None if x == 3 else 5 - x} for x in range(8)]

    files = render_files(f"{{{{ chart(rows, 'x', ['a', 'b'], kind='{kind}', name='c') }}}}\n", {"rows": rows})

    assert files["charts/c.png"].startswith(b"\x89PNG")
    assert b'src="charts/c.png"' in files["report.html"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"x": None, "y": None}],
        [{"x": "", "y": 1}],
        [{"x": "", "y": 1}, {"x": "Rome", "y": 2}],
        [{"x": "2026-03-29", "y": math.nan}],
        [{"x": "a", "y": math.inf}],
        [{"x": 1, "y": 1e300}, {"x": 2, "y": -1e300}],
        [{"x": 1, "y": 1e-300}],
        [{"x": "<script>&\"'", "y": 1}],
    ],
)
def test_a_chart_of_odd_values_is_a_picture_nonetheless(render_files, rows):
    files = render_files(
        "{{ chart(rows, 'x', 'y', name='c') }}\n",
        {"rows": rows},
    )

    assert files["charts/c.png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("values", "anchor", "above"),
    [
        ([1, 3, 1, 1], "end", True),
        ([1, 3, 2.1, 2.1], "end", False),
        ([1, 3, 1, 2.1], "start", True),
        ([2, 3, 1] * 10, "end", True),  # nowhere is free
    ],
)
def test_the_label_of_a_reference_keeps_off_the_curve(render_files, values, anchor, above):
    rows = [{"x": x, "y": value} for x, value in enumerate(values)]
    source = "{{ chart(rows, 'x', 'y', reference={'value': 2, 'label': 'goal'}) }}\n"

    page = render_files(source, {"rows": rows}, formats=("page",))["page.html"].decode()

    line = re.search(r'<path d="M\d+ ([\d.]+)H[^>]*dasharray', page)
    label = re.search(r'y="([\d.]+)" text-anchor="(\w+)"[^>]*>goal<', page)
    assert label[2] == anchor
    assert (float(label[1]) < float(line[1])) == above


def test_the_same_input_gives_the_same_bytes(render_files):
    source = "{{ table(rows) }}\n\n{{ chart(rows, 'carrier', 'flights', kind='bar') }}\n"

    assert render_files(source, {"rows": FLIGHTS}) == render_files(source, {"rows": FLIGHTS})


@pytest.mark.parametrize(
    ("columns", "locale", "hint"), [(12, "en", "12 columns scroll"), (12, "de", "12 Spalten"), (3, "en", "")]
)
def test_a_mail_says_that_a_wide_table_scrolls(render_files, columns, locale, hint):
    rows = [{f"column_{n}": 123456 for n in range(columns)}]

    files = render_files("{{ table(rows) }}\n", {"rows": rows}, formats=("html", "page"), locale=locale)

    assert ("scroll sideways" in files["report.html"].decode()) is (hint == "12 columns scroll")
    assert hint in files["report.html"].decode()
    assert "scroll sideways" not in files["page.html"].decode()


def test_a_mail_stays_below_what_gmail_clips(html_of):
    rows = [{"name": f"name {n} " + "x" * 40, "other": "y" * 40, "n": n} for n in range(3000)]

    html = html_of("{{ table(rows, limit=3000) }}\n", {"rows": rows})

    assert len(html.encode()) <= 90_000
    assert "more rows" in html


def test_a_picture_that_stands_many_times_is_one_file(render_files):
    source = (
        "{% for _ in range(150) %}{{ chart(rows, 'x', 'y', title='Sales') }}\n\n{% endfor %}\n"
        "{% for _ in range(9) %}{{ metric('Sales', 3, trend=[1, 2, 3]) }}\n\n{% endfor %}\n{{ chart(rows, 'x', 'y', title='Sales', name='again') }}\n"
    )

    files = render_files(source, {"rows": [{"x": 1, "y": 2}, {"x": 2, "y": 3}]})

    assert [name for name in files if name.startswith("charts/")] == [
        "charts/sales.png",
        "charts/sales_2.png",
        "charts/again.png",
    ]
    assert files["report.html"].count(b'src="charts/sales.png"') == 150


def test_charts_of_one_name_that_differ_are_two_files(render_files):
    source = (
        "{% for top in (3, 4) %}{{ chart([{'x': 1, 'y': top}], 'x', 'y', title='Sales') }}\n\n{% endfor %}\n"
    )

    files = render_files(source)

    assert [name for name in files if name.startswith("charts/")] == ["charts/sales.png", "charts/sales_2.png"]


def test_a_page_that_is_too_large_is_refused(render_files, monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.reports.formats.page.MAX_BYTES", 20_000)

    with pytest.raises(PageTooLargeError, match="expected at most 20,000"):
        render_files("{{ table(rows) }}\n", {"rows": [{"a": "x" * 30_000}]}, formats=("page",))
