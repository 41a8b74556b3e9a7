from __future__ import annotations

import io
import re
from datetime import date, timedelta
from decimal import Decimal

import openpyxl
import pytest

from airflow_provider_daybreak.reports.language import Language


@pytest.fixture
def sheets_of(render_files):
    def sheets(*args, **options):
        content = render_files(*args, formats=("xlsx",), **options)["report.xlsx"]
        return openpyxl.load_workbook(io.BytesIO(content)).worksheets

    return sheets


@pytest.mark.parametrize(
    ("locale", "pattern"),
    [
        ("en", '"€"#,##0.00'),
        ("de", '#,##0.00"\u00a0€"'),
        ("nl", '"€\u00a0"#,##0.00;"€\u00a0-"#,##0.00'),
        ("ja", '"€"#,##0.00'),
    ],
)
def test_a_currency_stands_where_the_locale_puts_it(sheets_of, locale, pattern):
    source = '{{ table(rows, {"x": {"format": "currency:EUR"}}) }}\n'

    (sheet,) = sheets_of(source, {"rows": [{"x": 1.5}]}, locale=locale)

    assert sheet["A2"].number_format == pattern


def test_a_sheet_has_its_name_in_any_script_and_each_once(sheets_of):
    names = ["売上", "Umsätze [2026]: A/B", "umsätze 2026 A B", "'x'", "History", "🙂" * 20, ""]
    source = "\n\n".join(f'{{{{ table(rows, name="{name}") }}}}' for name in names)

    sheets = sheets_of(source, {"rows": [{"x": 1}]})

    titles = [sheet.title for sheet in sheets]
    assert titles == ["売上", "Umsätze 2026 A B", "umsätze 2026 A B_2", "x", "History_2", "🙂" * 14, "rows"]


def test_line_ends_in_a_cell_are_kept(render_files, sheets_of):
    data = {"rows": [{"x": "one\ntwo"}, {"x": "one"}]}

    (sheet,) = sheets_of("{{ table(rows) }}\n", data)

    assert (sheet["A2"].value, sheet["A2"].alignment.wrap_text) == ("one\ntwo", True)
    assert not sheet["A3"].alignment.wrap_text
    for kind, name in (("html", "report.html"), ("page", "page.html")):
        assert "one<br>two" in render_files("{{ table(rows) }}\n", data, formats=(kind,))[name].decode()


LATE = [timedelta(minutes=-185), -90, -90.5, Decimal(-90)]


@pytest.mark.parametrize("value", LATE)
@pytest.mark.parametrize("locale", ["en", "de", "ar"])
def test_a_duration_below_nothing_is_text_since_excel_shows_none(sheets_of, value, locale):
    source = '{{ table(rows, {"x": {"format": "duration"}}) }}\n'

    (sheet,) = sheets_of(source, {"rows": [{"x": value}]}, locale=locale)

    assert sheet["A2"].value == Language(locale).duration(value)


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ([timedelta(hours=30), timedelta(minutes=5), None], "[h]:mm"),
        ([timedelta(hours=30), timedelta(seconds=90)], "[h]:mm:ss"),
        ([60, 90], "[h]:mm:ss"),
        ([60, float("nan")], "[h]:mm"),
    ],
)
def test_a_duration_shows_its_seconds_where_there_are_some(sheets_of, values, pattern):
    source = '{{ table(rows, {"x": {"format": "duration"}}) }}\n'

    (sheet,) = sheets_of(source, {"rows": [{"x": value} for value in values]})

    assert sheet["A2"].number_format == pattern
    assert sheet["A2"].value == timedelta(seconds=getattr(values[0], "total_seconds", lambda: values[0])())


def test_a_text_that_no_cell_holds_ends_where_it_is_cut_and_says_so(sheets_of):
    texts = ["x" * 32_767, "x" * 32_768, "🙂" * 16_383, "🙂" * 16_384, "x" + "🙂" * 16_384]

    (sheet,) = sheets_of("{{ table(rows) }}\n", {"rows": [{"x": text} for text in texts]})

    cells = [row[0].value for row in sheet.iter_rows(min_row=2)]
    assert max(len(cell.encode("utf-16-le")) // 2 for cell in cells) <= 32_767
    assert [cell == text for cell, text in zip(cells, texts, strict=True)] == [True, False, True, False, False]
    assert all(cell.endswith("…") for cell, text in zip(cells, texts, strict=True) if cell != text)


NAMES = """id, order_no, zip, shop_id, Order no, PLZ, orderId, orderNo, customerID, Order No., Invoice number, zip-code, postcode, SKU, product.code,
Kundennummer, Bestellnr., Rechnungs-Nr., Postleitzahl, klantnummer, kundenr, n° client, code postal, id_client, nº pedido, ID de cliente, código postal,
numéro, codice cliente, 注文番号, 商品コード, 郵便番号, 编号, 주문번호, رقم الطلب, الرمز البريدي, מיקוד"""
AMOUNTS = "pieces, paid, Amount paid, bids, No shows, number, Number of orders, Jahre, sales per year, Umsatz pro Jahr, humidity, grid, 数, عدد, סכום"


@pytest.mark.parametrize("name", re.split(r",\s", NAMES))
def test_numbers_that_are_names_have_no_separators(text_of, name):
    text = text_of("{{ table(rows) }}\n", {"rows": [{name: 12345, "pieces": 12345}]})

    assert "12345" in text.split("\n")[-2].split()
    assert "12,345" in text


@pytest.mark.parametrize("name", re.split(r",\s", AMOUNTS))
def test_numbers_that_count_have_separators_whatever_they_are_called(text_of, name):
    assert "12,345" in text_of("{{ table(rows) }}\n", {"rows": [{name: 12345}]})


@pytest.mark.parametrize("locale", ["de", "fr", "es", "it", "nl", "pl", "sv", "de_DE"])
def test_weeks_are_counted_as_where_the_language_is_spoken(locale):
    language = Language(locale)

    assert language.date(date(2026, 12, 31), "w YYYY") == "53 2026"
    assert language.date(date(2027, 1, 1), "w YYYY") == "53 2026"
