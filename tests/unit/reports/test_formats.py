# ruff: noqa: DTZ001 - a workbook's times have no zone

from __future__ import annotations

import csv
import io
import math
import re
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser

import openpyxl
import pytest
import tinycss2

from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    MissingLibraryError,
    ResourceRefusedError,
    TooManyRowsError,
)
from airflow_provider_daybreak.reports.document import Table
from airflow_provider_daybreak.reports.formats import pdf, xlsx
from airflow_provider_daybreak.reports.formats.csv import neutral
from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.theme import Theme

ALL = ("html", "text", "csv", "xlsx", "pdf", "page")
SOURCE = """
# Sales

Prose with *emphasis*.

{{ metric("Sold", 12, previous=10, trend=[1, 2, 3]) }}
{{ chart(sales, "day", "sold", title="Sold by day", name="sold") }}
{{ table(sales, totals=["sold"], highlight={"sold": {"danger": "< 2"}}) }}
"""
SALES = [
    {"day": date(2026, 3, day), "sold": day, "remark": "=1+1" if day == 1 else "fine"} for day in range(1, 9)
]


@pytest.fixture
def workbook_of(render_files):
    """Return a function that renders a template and opens its workbook."""

    def open_workbook(source, data, **options):
        content = render_files(source, data, formats=("xlsx",), **options)["report.xlsx"]
        return openpyxl.load_workbook(io.BytesIO(content))

    return open_workbook


@pytest.mark.pango
def test_every_format_comes_from_one_document_with_the_same_bytes_each_time(render_files):
    first = render_files(SOURCE, {"sales": SALES}, formats=ALL)
    second = render_files(SOURCE, {"sales": SALES}, formats=ALL)

    assert sorted(first) == [
        "charts/sold.png",
        "charts/sold_2.png",
        "data/sales.csv",
        "page.html",
        "report.html",
        "report.pdf",
        "report.txt",
        "report.xlsx",
    ]
    assert first == second


def test_a_csv_has_all_rows_as_programs_read_them(render_files):
    rows = [
        {
            "day": date(2026, 3, 29),
            "n": 1234.5,
            "ok": True,
            "none": None,
            "nan": math.nan,
            "d": Decimal("1.10"),
        },
        {"day": date(2026, 3, 30), "n": -1, "ok": False, "none": None, "nan": 1.0, "d": Decimal(-2)},
        {"day": "\x00", "n": -math.inf, "ok": None, "none": None, "nan": None, "d": Decimal("-Infinity")},
    ]

    content = render_files("{{ table(rows, limit=0) }}\n", {"rows": rows}, formats=("csv",))["data/rows.csv"]

    assert content.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert lines == [
        ["Day", "N", "Ok", "None", "Nan", "D"],
        ["2026-03-29", "1234.5", "true", "", "", "1.10"],
        ["2026-03-30", "-1", "false", "", "1.0", "-2"],
        ["", "-inf", "", "", "", "-inf"],
    ]


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "  =1", "\u00a0=1", "\u2003=1", "\u200b=1", "＝1"],  # noqa: RUF001 - the full-width sign is the point
)
def test_a_cell_that_a_spreadsheet_would_run_is_neutral(text):
    assert neutral(text) == f"'{text}"


SEPARATORS = (";", "|", "\t", "\n", "\r\n", ",", ";;", '";', ' ; "', ";\u200b", '\n""', ';"";')
FORMULAS = ("=1+1", "+A1", "-2+3", "@SUM(A1)", " =1", "＝1", '=HYPERLINK("x";"y")')  # noqa: RUF001 - as above


@pytest.mark.attack("injections")
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_no_locales_separator_makes_a_formula_of_the_middle_of_a_cell(render_files, delimiter, tried):
    cells = [
        f"{before}{sign}{formula}" for before in ("x", '"', "") for sign in SEPARATORS for formula in FORMULAS
    ]
    rows = [{"a": cell, "b": cell} for cell in cells]

    content = render_files("{{ table(rows) }}\n", {"rows": rows}, formats=("csv",))["data/rows.csv"]
    tried(len(cells))

    read = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=delimiter)
    shown = [cell.lstrip(" \u200b") for line in read for cell in line]
    assert not [cell for cell in shown if cell.startswith(("=", "+", "-", "@", "＝"))]  # noqa: RUF001 - as above
    assert shown


@pytest.mark.parametrize(
    "text", ["a; b", "cold;-5", "1;2;-3.5", "a|b", "mail@example.org; ann@example.org", "x=1; y=2", "a\nb"]
)
def test_a_cell_with_separators_and_no_formula_stays_as_it_is(text):
    assert neutral(text) == text


@pytest.mark.attack("injections")
@pytest.mark.parametrize("text", ["\x00=1", "\x0b=1", "\ue000=1"])
def test_what_cannot_be_shown_hides_no_formula(text):
    assert neutral(text) == "'=1"


@pytest.mark.parametrize("text", ["-5", "+49", "-1.5e3", "a=b", "", "plain", "-", "a\nb"])
def test_other_cells_stay_as_they_are(text):
    assert neutral(text) == text


def test_a_workbooks_cells_have_their_own_types(workbook_of):
    rows = [
        {
            "text": "=HYPERLINK(1)",
            "whole": 7,
            "share": 0.25,
            "money": Decimal("12.50"),
            "day": date(2026, 3, 29),
            "iso": "2026-03-29",
            "at": datetime(2026, 3, 29, 7, 30, tzinfo=timezone(timedelta(hours=2))),
            "took": timedelta(minutes=90),
            "clock": time(9, 5),
            "ok": True,
            "nothing": None,
            "nan": math.nan,
            "endless": math.inf,
            "long": 12345678901234567890,
            "old": date(1850, 1, 1),
        }
    ]
    columns = (
        "{'text': none, 'whole': none, 'share': {'format': 'percent:1'}, 'money': {'format': 'currency:EUR'}, "
    )
    columns += "'day': none, 'iso': {'format': 'date'}, 'at': none, 'took': none, 'clock': none, 'ok': none, "
    columns += "'nothing': none, 'nan': none, 'endless': none, 'long': none, 'old': none}"

    sheet = workbook_of(f"{{{{ table(rows, {columns}) }}}}\n", {"rows": rows})["rows"]
    cells = {head.value.lower(): cell for head, cell in zip(sheet[1], sheet[2], strict=True)}

    assert {name: cell.value for name, cell in cells.items()} == {
        "text": "=HYPERLINK(1)",
        "whole": 7,
        "share": 0.25,
        "money": 12.5,
        "day": datetime(2026, 3, 29),
        "iso": datetime(2026, 3, 29),
        "at": datetime(2026, 3, 29, 7, 30),
        "took": timedelta(minutes=90),
        "clock": time(9, 5),
        "ok": True,
        "nothing": None,
        "nan": None,
        "endless": "∞",
        "long": "12345678901234567890",
        "old": "1850-01-01",
    }
    assert cells["text"].data_type == "s"
    assert cells["share"].number_format == "0.0%"
    assert cells["money"].number_format == '"€"#,##0.00'


def test_a_sheet_has_a_header_that_stays_filters_and_totals(workbook_of):
    book = workbook_of("{{ table(sales, totals=['sold'], limit=2) }}\n", {"sales": SALES})
    sheet = book["sales"]

    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:C9"
    assert [cell.value or None for cell in sheet[10]] == ["Total", 36, None]


@pytest.mark.parametrize(
    ("totals", "last_line"),
    [
        (["a"], ["6", "Total", ""]),
        (["a", "b"], ["6", "15", "Total"]),
        (["a", "b", "c"], ["6", "15", "24"]),
        (["b"], ["Total", "15", ""]),
    ],
)
def test_the_word_total_stands_in_the_first_column_that_has_none(render_files, totals, last_line):
    rows = [{"a": n, "b": n + 3, "c": n + 6} for n in (1, 2, 3)]

    files = render_files(
        "{{ table(rows, totals=totals) }}\n",
        {"rows": rows, "totals": totals},
        formats=("html", "text", "xlsx"),
    )

    foot = re.search(r"<tfoot.*</tfoot>", files["report.html"].decode())[0]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", foot) == last_line
    assert files["report.txt"].decode().splitlines()[-1].split() == [text for text in last_line if text]
    sheet = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]))["rows"]
    assert [str(cell.value or "") for cell in sheet[5]] == last_line


def test_each_table_has_a_sheet_of_its_own(workbook_of):
    book = workbook_of(
        "{{ table(sales) }}\n{{ table(sales) }}\n{{ table(sales, name='x' * 60) }}\n", {"sales": SALES}
    )

    assert book.sheetnames == ["sales", "sales_2", "x" * 28]


def test_a_hundred_tables_of_one_long_name_have_sheets(workbook_of):
    source = "{% for _ in range(101) %}{{ table(sales, name='x' * 30 ~ loop.index) }}\n{% endfor %}"

    names = workbook_of(source, {"sales": SALES}).sheetnames

    assert (len(set(names)), names[0], names[-1]) == (101, "x" * 28, "x" * 27 + "_101")


def test_no_sheet_has_the_name_that_a_workbook_keeps_to_itself(workbook_of):
    assert workbook_of("{{ table(sales, name='history') }}\n", {"sales": SALES}).sheetnames == ["history_2"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("31.5000000000000000"), 31.5),
        (Decimal("0.12345678901234567890"), pytest.approx(0.12345678901234568)),
        (Decimal("1234567890123456.5"), pytest.approx(1234567890123456.5)),
        (Decimal("1000000000000000.00"), "1000000000000000.00"),
        (10**15, "1000000000000000"),
        (10**15 - 1, 10**15 - 1),
        (1e20, 1e20),
        (1.7e308, "1.7e+308"),
        (Decimal("Infinity"), "∞"),
    ],
)
def test_a_number_is_text_only_where_a_cell_would_lose_whole_digits(workbook_of, value, cell):
    sheet = workbook_of("{{ table(rows) }}\n", {"rows": [{"x": value}]})["rows"]

    assert sheet["A2"].value == cell


@pytest.mark.parametrize(("value", "number_format"), [(7, "#,##0"), (1234.5, "#,##0.0##")])
def test_a_number_as_needed_has_no_lone_point_in_a_workbook(workbook_of, value, number_format):
    sheet = workbook_of("{{ table(rows, {'x': {'format': 'number'}}) }}\n", {"rows": [{"x": value}]})["rows"]

    assert sheet["A2"].number_format == number_format


def test_totals_of_long_decimals_are_numbers(workbook_of):
    rows = [{"x": Decimal("31.50000000000000000000")}, {"x": Decimal("0.1")}]

    assert workbook_of("{{ table(rows, totals=['x']) }}\n", {"rows": rows})["rows"]["A4"].value == 31.6


def test_a_condition_on_text_is_text_in_a_workbook(workbook_of):
    source = """{{ table(rows, highlight={'x': {'danger': '== say "hi" now'}}) }}\n"""

    sheet = workbook_of(source, {"rows": [{"x": "late"}]})["rows"]

    rules = [rule for each in sheet.conditional_formatting for rule in each.rules if rule.type == "cellIs"]
    assert [rule.formula for rule in rules] == [['"say ""hi"" now"']]


def test_halves_of_characters_in_titles_do_no_harm_to_a_workbook(workbook_of):
    book = workbook_of("{{ table(rows) }}\n", {"rows": [{"\ud800": 1}]}, title="\ud800")

    assert (book["rows"]["A1"].value, book.properties.title) == ("\ufffd", "\ufffd")


def test_more_columns_than_a_sheet_holds_are_refused(render_files):
    rows = [dict.fromkeys(map(str, range(16_385)), 1)]

    with pytest.raises(
        InvalidValueError, match="number of columns of table 'rows' 16385: expected at most 16,384"
    ):
        render_files("{{ table(rows) }}\n", {"rows": rows}, formats=("xlsx",))


def test_a_report_without_tables_is_a_workbook_too(workbook_of):
    assert workbook_of("Nothing.\n", {})["report"]["A1"].value == "Report"


def test_more_rows_than_a_sheet_holds_are_refused(make_document):
    class Many(Rows):
        def __len__(self):
            return 5_000_000

    document = make_document("{{ table(sales, name='x') }}\n", {"sales": Many(("n",), [])})

    with pytest.raises(TooManyRowsError, match="'x' has 5,000,000 rows: expected at most 1,048,575"):
        list(xlsx.render(document, Theme()))


def test_mail_says_where_all_rows_are(render_files):
    html = render_files("{{ table(sales, limit=3) }}\n", {"sales": SALES}, formats=("html", "csv"))[
        "report.html"
    ]

    assert b"5 more rows in sales.csv" in html


def test_the_page_needs_nothing_beside_it(render_files):
    page = render_files(SOURCE, {"sales": SALES}, formats=("page",))["page.html"].decode()

    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<script" not in page
    assert 'role="img" aria-label="Line chart: Sold by day' in page
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page


@pytest.mark.pango
def test_a_pdf_fetches_nothing(render_files):
    with pytest.raises(ResourceRefusedError, match="etc/passwd"):
        render_files('<img src="file:///etc/passwd">', name="report.html.j2", formats=("pdf",))


def test_a_mail_has_no_classes_left(html_of):
    assert "class=" not in html_of(SOURCE, {"sales": SALES})


HOSTILE = [
    "</style><h1>FORGED</h1>",
    "</style><img src='http://169.254.169.254/'>",
    "T\r;}}body{display:none}",
    'T";}}body{display:none}',
    "T\n;}}body{display:none}",
    "T\f;}}body{display:none}",
    "T\\",
    "/* T",
    "Ends with 7 \u2028 ünï שלום 🙂",
]


@pytest.mark.attack("injections")
@pytest.mark.parametrize("title", HOSTILE)
@pytest.mark.parametrize("format_", ["html", "page"])
def test_a_title_is_text_in_every_page(render_files, title, format_):
    files = render_files("Sold.\n", formats=(format_,), title=title)

    pieces, tags = [], []
    parser = HTMLParser()
    parser.handle_data = pieces.append
    parser.handle_starttag = lambda tag, _: tags.append(tag)
    parser.feed(next(iter(files.values())).decode())
    assert printable(title).replace("\r", "\n") in [piece.replace("\r", "\n") for piece in pieces]
    assert tags.count("h1") == 1
    assert "img" not in tags


@pytest.mark.attack("injections")
@pytest.mark.parametrize("title", HOSTILE)
def test_the_footer_of_a_pdf_says_the_title_and_nothing_else(make_document, title):
    document = make_document("Sold.\n", title=title)

    css = pdf._css(document, Theme())
    page_rule, *others = tinycss2.parse_stylesheet(css)
    footer = next(token for token in page_rule.content if token.type == "{} block")
    assert next(token.value for token in footer.content if token.type == "string") == printable(title)
    assert len(others) == len(tinycss2.parse_stylesheet(pdf._css(make_document("Sold.\n"), Theme()))) - 1
    assert "<" not in css


@pytest.mark.pango
@pytest.mark.parametrize("title", HOSTILE)
def test_a_pdf_takes_every_title(render_files, title):
    assert render_files("Sold.\n", formats=("pdf",), title=title)["report.pdf"].startswith(b"%PDF-")


@pytest.mark.pango
def test_html_templates_have_all_formats(render_files):
    source = '<h2>Sales</h2><p>Good &amp; many: {{ n }}</p>{{ table(sales, limit=2) }}<a href="https://example.org/">x</a>'

    files = render_files(source, {"sales": SALES, "n": 3}, name="report.html.j2", formats=ALL)

    assert b"Good & many: 3" in files["report.txt"]
    assert b"Day          Sold" in files["report.txt"]
    assert b"<h2" in files["report.html"]
    assert "data/sales.csv" in files


def test_a_page_has_an_html_templates_own_tags_as_they_are(render_files):
    source = (
        '<table border="1" cellspacing="0"><tr><td style="color:red" align="right" nowrap>7</td></tr></table>'
    )

    assert source in render_files(source, name="report.html.j2", formats=("page",))["page.html"].decode()


@pytest.mark.pango
def test_a_pdf_lays_out_by_an_html_templates_attributes(render_files):
    right, styled, left = (
        render_files(f"<table><tr><td {attribute}>7</td></tr></table>", name="report.html.j2", formats=("pdf",))
        for attribute in ('align="right"', 'style="text-align:right"', "")
    )

    assert right == styled != left


def test_a_table_is_a_type_that_formats_share(make_document):
    document = make_document(SOURCE, {"sales": SALES})

    assert [type(block) for block in document.tables] == [Table]


def test_a_missing_library_of_the_system_is_named_with_the_packages_that_bring_it(render_files, monkeypatch):
    class WithoutPango:
        def find_spec(self, name, *_):
            if name == "weasyprint":
                raise OSError("cannot load library 'libpango-1.0-0'")  # as WeasyPrint's own import does

    monkeypatch.setattr(sys, "meta_path", [WithoutPango(), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "weasyprint"]:
        monkeypatch.delitem(sys.modules, name)

    with pytest.raises(MissingLibraryError, match="needs the library pango.*apt install libpango-1.0-0"):
        render_files("Sold.\n", formats=("pdf",))


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Sales", "Sunday 29 March 2026 · Europe/Berlin"),
        ("Sales of 29 March 2026", "Sunday · Europe/Berlin"),
    ],
)
def test_no_date_is_said_twice(render_files, title, line):
    files = render_files("", {}, formats=("html", "text", "page"), locale="en_GB", title=title)

    assert files["report.txt"].decode().replace(",", "").splitlines()[2] == line
    assert all(f">{line}</p>" in files[name].decode().replace(",", "") for name in ("report.html", "page.html"))


def test_a_list_of_mails_shows_the_first_figures_after_the_subject(html_of):
    html = html_of('{{ metric("Sold", 1234) }}\n{{ metric("Speed", 7, unit="km/h") }}\n\nProse.', {})

    before, _, after = html.partition("</div>")
    assert re.search(r'<body[^>]*><div style="display: none;[^>]*>Sold 1,234 · Speed 7 km/h', before)
    assert "Prose" in after


def test_a_number_stays_on_one_line_with_its_unit(html_of):
    html = html_of('{{ metric("Day", 46020, format="duration", note="4 min more") }}', {}).partition("</div>")[
        2
    ]

    assert re.search(r"12(&nbsp;|\u00a0)hrs? 47(&nbsp;|\u00a0)mins?<", html)
    assert re.search(r"4(&nbsp;|\u00a0)min more", html)


@pytest.mark.parametrize(("locale", "below"), [("ja", "-￥1,235"), ("en", "-¥1,235")])
def test_an_amount_below_nothing_stays_on_one_line(render_files, locale, below):
    source = '{{ table(rows, {"x": {"format": "currency:JPY"}}) }}\n'

    files = render_files(source, {"rows": [{"x": -1235}, {"x": 1235}]}, formats=("html", "page"), locale=locale)

    for name, whole in (("report.html", "nowrap"), ("page.html", "data-whole")):
        first, second = re.findall(r"<td([^>]*)>([^<]*)</td>", files[name].decode())
        assert whole in first[0]
        assert below in first[1]
        assert whole not in second[0]


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ("fr", "29\u00a0mars\u00a02026, 10:30"),
        ("en", "Mar\u00a029,\u00a02026, 10:30\u202fAM"),
        ("ar", "29\u200f/03\u200f/2026، 10:30\u00a0ص"),
    ],
)
def test_where_there_are_many_columns_a_date_breaks_before_its_time_alone(html_of, locale, shown):
    rows = [{"at": datetime(2026, 3, 29, 10, 30), **dict.fromkeys("abcdef", 1)}]

    assert f">{shown}</td>" in unescape(html_of("{{ table(rows) }}\n", {"rows": rows}, locale=locale))
