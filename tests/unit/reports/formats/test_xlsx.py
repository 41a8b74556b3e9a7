from __future__ import annotations

import io
from datetime import date

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


@pytest.mark.parametrize("name", ["id", "order_no", "zip", "shop_id", "Order no", "PLZ"])
def test_numbers_that_are_names_have_no_separators(text_of, name):
    text = text_of("{{ table(rows) }}\n", {"rows": [{name: 12345, "pieces": 12345}]})

    assert "12345" in text.split("\n")[-2].split()
    assert "12,345" in text


@pytest.mark.parametrize("locale", ["de", "fr", "es", "it", "nl", "pl", "sv", "de_DE"])
def test_weeks_are_counted_as_where_the_language_is_spoken(locale):
    language = Language(locale)

    assert language.date(date(2026, 12, 31), "w YYYY") == "53 2026"
    assert language.date(date(2027, 1, 1), "w YYYY") == "53 2026"
