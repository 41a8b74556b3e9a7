"""Reports in languages that are written from the right."""

from __future__ import annotations

import io
import re

import openpyxl
import pytest

from airflow_provider_daybreak.reports.charts.scripts import with_fonts
from airflow_provider_daybreak.reports.language import Language

ROWS = [{"shop": "القاهرة", "amount": -987.25}, {"shop": "Rome", "amount": 50000}]
TABLE = "{{ table(rows, {'shop': 'المتجر', 'amount': {'title': 'المبلغ', 'format': 'currency:EUR'}}, totals=['amount']) }}\n"
CHART = "{{ chart(rows, 'shop', 'amount', kind='bar', y_format='currency:EUR:0') }}\n"


def test_text_stands_at_the_side_where_lines_begin_and_numbers_by_their_digits(html_of):
    html = html_of(TABLE, {"rows": ROWS}, locale="ar")

    sides = re.findall(r"<th [^>]*align=\"(\w+)\"", html)
    assert sides == ["right", "right"]
    assert 'align="left"' not in html
    assert '<td align="right" dir="auto"' in html  # a name in the other script keeps its column's side


@pytest.mark.parametrize(
    ("align", "ltr", "rtl"), [("start", "left", "right"), ("end", "right", "left"), ("left", "left", "left")]
)
def test_an_author_may_say_a_side_or_an_end_of_the_line(html_of, align, ltr, rtl):
    source = f"{{{{ table(rows, {{'shop': {{'align': '{align}'}}}}) }}}}\n"

    for locale, side in (("en", ltr), ("he", rtl)):
        assert re.findall(r'<th [^>]*align="(\w+)"', html_of(source, {"rows": ROWS}, locale=locale)) == [side]


def test_texts_of_a_chart_keep_their_place_and_run_their_own_way(render_files):
    page = render_files(CHART, {"rows": ROWS}, formats=("page",), locale="ar")["page.html"].decode()

    assert 'direction="ltr"' in page
    assert "\N{RIGHT-TO-LEFT ISOLATE}القاهرة\N{POP DIRECTIONAL ISOLATE}</text>" in page
    assert (
        "\N{RIGHT-TO-LEFT ISOLATE}"
        not in render_files(CHART, {"rows": ROWS}, formats=("page",))["page.html"].decode()
    )


@pytest.mark.pango
@pytest.mark.parametrize(("locale", "picture"), [("ar", True), ("he", True), ("fr", False)])
def test_a_pdf_has_a_picture_of_what_weasyprint_would_mirror(render_files, locale, picture):
    rows = ROWS if locale == "ar" else [{"shop": "חיפה" if picture else "Orléans", "amount": 1}]

    pdf = render_files(CHART, {"rows": rows}, formats=("pdf",), locale=locale)["report.pdf"]

    assert (b"/Subtype /Image" in pdf) is picture


def test_a_sheet_begins_at_the_right(render_files):
    for locale, rtl in (("ar", True), ("en", False)):
        content = render_files(TABLE, {"rows": ROWS}, formats=("xlsx",), locale=locale)["report.xlsx"]
        assert bool(openpyxl.load_workbook(io.BytesIO(content))["rows"].sheet_view.rightToLeft) is rtl


@pytest.mark.parametrize(
    ("text", "locale", "font"),
    [
        ("القاهرة", "ar", "Noto Sans Arabic"),
        ("23 مارس", "ar", "Noto Sans Arabic"),
        ("القاهرة Acme", "ar", "DejaVu Sans"),
        ("23 במרץ", "he", "DejaVu Sans"),
        ("-4,000 ₪", "he", "DejaVu Sans"),
        ("₹ 5", "hi", "DejaVu Sans"),
        ("東京", "ja", "Noto Sans CJK JP"),
        ("北京", "zh", "Noto Sans CJK SC"),
        ("臺北", "zh_TW", "Noto Sans CJK TC"),
        ("ひらがな", "en", "Noto Sans CJK JP"),
        ("서울", "ko", "Noto Sans CJK KR"),
        ("दिल्ली", "hi", "Noto Sans Devanagari"),
        ("Köln Żółć Ωmega Москва €", "de", None),
    ],
)
def test_a_text_in_a_picture_has_a_font_of_its_script(text, locale, font):
    written = with_fonts(f'<text x="1">{text}</text>', Language(locale))

    found = re.search('font-family="([^,"]*)', written)
    assert (found[1] if found else None) == font
    assert "tspan" not in written


def test_letters_that_lend_no_signs_have_a_font_of_their_own_amid_others():
    written = with_fonts('<text x="1">23 ยอดขาย Acme</text>', Language("th"))

    assert re.sub('font-family="([^,"]*)[^"]*"', r"\1", written) == (
        '<text x="1">23 <tspan Noto Sans Thai>ยอดขาย</tspan> Acme</text>'
    )
