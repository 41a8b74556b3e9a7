"""Any table is whole in each format: every cell is there, and what CSV says is read again as it was."""

from __future__ import annotations

import csv
import io
import math
import re
import shutil
import subprocess
import unicodedata
from collections import Counter, defaultdict
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import PurePosixPath
from uuid import UUID

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.formats.csv import neutral
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.sources import FileSource
from airflow_provider_daybreak.reports.sources.files import read_files
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme
from airflow_provider_daybreak.reports.values import text_of
from tests.examples import examples

DAY = date(2026, 3, 29)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
KINDS = {
    "text": TEXT,
    "whole": st.integers(-(10**18), 10**18),
    "broken": st.floats(allow_nan=False, allow_infinity=False),
    "decimal": st.decimals(-(10**9), 10**9, places=3),
    "date": st.dates(),
    "instant": st.datetimes(timezones=st.sampled_from([zone("UTC"), zone("Asia/Tokyo")])),
    "naive": st.datetimes(),
    "time": st.times(),
    "duration": st.timedeltas(timedelta(0), timedelta(days=300)),
    "truth": st.booleans(),
    "bytes": st.binary(max_size=6),
    "uuid": st.uuids(),
    "path": TEXT.map(PurePosixPath),
    "list": st.lists(st.integers() | TEXT, max_size=3),
    "mapping": st.dictionaries(TEXT, TEXT | st.none(), max_size=2),
}


@st.composite
def tables(draw, kinds=tuple(KINDS), widest=40, text=TEXT):
    """Draw names of columns, each with its kind, and rows under them."""
    names = draw(
        st.lists(text.filter(str.strip), max_size=widest, unique_by=lambda name: printable(name).strip())
    )
    names = [name for name in names if printable(name).strip()]
    columns = {name: draw(st.sampled_from(kinds)) for name in names}
    values = [st.none() | (text if kind == "text" else KINDS[kind]) for kind in columns.values()]
    return columns, [draw(st.tuples(*values)) for _ in range(draw(st.integers(0, 4)))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cells")


@pytest.fixture(scope="module")
def files_of(folder):
    """Return a function that writes a table in some formats: the table's block, and the files by name."""

    def write(table, formats, locale="en"):
        columns, rows = table
        path = folder / "report.md.j2"
        path.write_text("{{ table(rows, titles, name='rows') }}\n")
        subject = Subject("cells", DAY, period_of(DAY, timezone=zone("Europe/Berlin")), Language(locale))
        data = {"rows": Rows(list(columns), rows, name="rows"), "titles": {name: name for name in columns}}
        document = render(path, subject, data)
        found = {file.name: file.content for file in rendering.render(document, formats, Theme())}
        return document, found

    return write


class _Cells(HTMLParser):
    """The cells of tables of data, row by row."""

    def __init__(self):
        super().__init__()
        self.rows, self.open = [], 0

    def handle_starttag(self, tag, attrs):
        if tag == "table" and dict(attrs).get("role") != "presentation":
            self.open += 1
        elif self.open and tag == "tr":
            self.rows.append([])
        elif self.open and tag in ("td", "th"):
            self.rows[-1].append("")
        elif self.open and tag == "br":
            self.handle_data("\n")

    def handle_endtag(self, tag):
        self.open -= tag == "table" and self.open > 0

    def handle_data(self, data):
        if self.open and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def said(text):
    """Return a text as readers see it, without the blanks, at which lines break."""
    return "".join(printable(text).split())


def written(document, seen=said):
    """Return the table's cells in the report's language as they are seen, the names of columns first."""
    (table,) = document.tables
    rows = [
        [column.write(value, document.language) for column, value in zip(table.columns, row, strict=True)]
        for row in table.rows.tuples()
    ]
    return [[seen(cell) for cell in row] for row in ([column.title for column in table.columns], *rows)]


@examples(30)
@given(tables(), st.sampled_from(["en", "de", "ar", "he", "ja"]))
def test_html_and_pages_have_every_cell(files_of, table, locale):
    document, files = files_of(table, ("html", "page"), locale)

    for name in ("report.html", "page.html"):
        cells = _Cells()
        cells.feed(files[name].decode())
        shown = [[said(cell) for cell in row] for row in cells.rows]
        expected = written(document) if table[0] and table[1] else []
        assert shown == expected[: len(shown)]
        assert len(shown) == len(expected) or "more row" in files[name].decode() or name == "report.html"


@examples(30)
@given(tables())
def test_text_has_every_cell(files_of, table):
    document, files = files_of(table, ("text",))
    text = said(files["report.txt"].decode())

    if table[0] and table[1]:
        # Text has 40 characters of a cell.
        for cell in (
            cell for row in written(document, lambda cell: " ".join(cell.split())[:39]) for cell in row
        ):
            assert said(cell) in text


@examples(30)
@given(tables())
def test_a_workbook_has_every_cell(files_of, table):
    document, files = files_of(table, ("xlsx",))
    columns, rows = table

    (sheet,) = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"])).worksheets
    cells = [
        [unescape(cell.value) if isinstance(cell.value, str) else cell.value for cell in row]
        for row in sheet.iter_rows(max_col=max(len(columns), 1))
    ]
    if not columns:
        return
    assert [said(str(cell)) for cell in cells[0]] == [said(name) for name in columns]
    assert len(cells) == 1 + len(rows)
    for found, row, words in zip(cells[1:], rows, written(document)[1:], strict=True):
        for cell, value, text in zip(found, row, words, strict=True):
            if isinstance(value, bool):
                assert cell is value or said(str(cell)) == text
            elif isinstance(value, (int, float, Decimal)):
                assert (
                    math.isclose(float(cell), float(value), rel_tol=1e-14)
                    if not isinstance(cell, str)
                    else said(cell)
                )
            elif isinstance(value, (str, UUID, PurePosixPath, list, dict, bytes)):
                assert said("" if cell is None else str(cell)) == text
            elif value is None:
                assert cell in (None, "") or said(str(cell)) == text
            else:  # a date or time: as one, or as text where a workbook has none
                assert cell is not None


def as_csv(value):
    """Return what a value is after it was written as CSV and read."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if type(value) is date:
        return value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool):
        return str(value).lower()
    return neutral(value.isoformat() if isinstance(value, (datetime, time)) else text_of(value)) or None


def same(found, expected):
    """Return whether a cell is what it was, be it that the texts of its column are all numbers or dates."""
    if isinstance(expected, str) and isinstance(found, (int, float)):
        return float(expected) == found
    return found == (
        date.fromisoformat(expected) if isinstance(expected, str) and isinstance(found, date) else expected
    )


@examples(60)
@given(tables())
def test_csv_is_read_as_the_same_rows(files_of, folder, table):
    columns, rows = table
    _, files = files_of(table, ("csv",))
    path = folder / "rows.csv"
    path.write_bytes(files["data/rows.csv"])

    raw = list(csv.reader(io.StringIO(files["data/rows.csv"].decode("utf-8-sig"), newline="")))
    read = read_files("rows", [path], FileSource(str(path), delimiter=","))

    assert raw[:1] == ([[neutral(name) for name in columns]] if columns else raw[:1])
    assert len(read) == (len(rows) if columns else 0)
    for at, name in enumerate(columns if rows else ()):
        found, expected = list(read.values(read.columns[at])), [as_csv(row[at]) for row in rows]
        assert all(map(same, found, expected)), (name, found, expected)


PRINTED = st.text(
    st.sampled_from("abc XYZ äöüßéñçŁő αβγΩ жщЮ 0123456789 .,;:!?()[]{}<>&\"'/\\|@#$%^*_+=~-€"), max_size=30
)


@pytest.mark.pango
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext")
@examples(6)
@given(tables(kinds=tuple(kind for kind in KINDS if kind not in ("path", "list", "mapping")), text=PRINTED))
def test_a_pdf_has_every_value_as_other_formats_have_it(files_of, folder, table):
    document, files = files_of(table, ("pdf",))
    path = folder / "report.pdf"
    path.write_bytes(files["report.pdf"])

    text = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, text=True, check=True).stdout

    if table[0] and table[1]:
        whole = "".join(text.split())
        assert [cell for row in written(document) for cell in row if cell not in whole] == []


@pytest.mark.pango
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext")
@examples(5)
@given(st.integers(1, 40), st.integers(1, 3), st.integers(4, 24))
def test_a_pdf_has_every_cell(files_of, folder, columns, rows, length):
    names = {f"c{at}x": "text" for at in range(columns)}
    cells = [tuple(f"r{row}c{at}".ljust(length, "z") + "q" for at in range(columns)) for row in range(rows)]
    _, files = files_of((names, cells), ("pdf",))
    path = folder / "report.pdf"
    path.write_bytes(files["report.pdf"])

    text = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, text=True, check=True).stdout

    whole = "".join(text.split())
    assert [cell for row in (tuple(names), *cells) for cell in row if cell not in whole] == []


# No vowel of two parts (Thai U+0E33, Tamil U+0BCA): a part that is drawn alone afterwards is read as nothing by programs.
ALPHABETS = (
    "abc äöüßéñçŁőş ſﬁﬃ ½²™ Åẞ A\u0308e\u0301",  # what one glyph shows is found by what it is read as
    "αβγΩ ἀρχή",
    "жщЮ ёй",
    "مبيعات شركة لا إله أؤئىة فارسی پچگ ١٢٣٤ ۵۶ ،؛؟",  # letters that are joined, two of them to one
    "מכירות היום ךםןףץ שָׁלוֹם ״",
    "東京の売上は「上々」です。ガ ﾊﾝｶｸ１２ 一丁",
    "上海销售额 臺灣 ㎏",
    "서울 매출 한",
    "ยอดขาย ที่",
    "बिक्री क्षि ज्ञ १२",
    "விற்பனை",
    "😀👩\u200d👧🇩🇪✌🏽",
    "aZ 09 .,:()-\u2212+%€$ مب ש東",  # several in one cell
)


def with_marks(alphabet):
    """Return the letters of an alphabet, each with the marks that stand on it: alone they are drawn as a part of another."""
    found = []
    for letter in alphabet:
        if found and (unicodedata.category(letter)[0] == "M" or "\u200d" in (letter, found[-1][-1])):
            found[-1] += letter
        else:
            found.append(letter)
    return found


ANY = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Co", "Cn", "Mn", "Mc", "Me")), max_size=14
)
WORDS = ANY | st.sampled_from([*map(with_marks, ALPHABETS)]).flatmap(
    lambda alphabet: st.lists(st.sampled_from(alphabet), max_size=14).map("".join)
)
_NO_LETTERS = ("Cc", "Cf", "Zs", "Zl", "Zp")


def letters(text):
    """Return a text's letters by how often each is there, in whichever order and form: paper has them as they are drawn."""
    found = unicodedata.normalize("NFKC", printable(text))
    return Counter(letter for letter in found if unicodedata.category(letter) not in _NO_LETTERS)


def on_paper(content, path):
    """Return what a PDF says after each mark (``Q3c7Q``: fourth row, eighth column), as often as it stands there."""
    path.write_bytes(content)
    text = subprocess.run(["pdftotext", "-raw", path, "-"], capture_output=True, text=True, check=True).stdout
    pieces = re.split(r"Q(\d+)c(\d+)Q", text)
    found = defaultdict(list)
    for row, column, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        found[int(row), int(column)].append(letters(after))
    return found


@pytest.mark.pango
@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext")
@examples(8)
@given(tables(widest=8, text=WORDS), st.sampled_from(["en", "de", "ar", "he", "ja"]))
def test_a_pdf_has_the_letters_of_every_cell_in_any_script(files_of, folder, table, locale):
    columns, rows = table
    marked = {
        name: kind for at, each in enumerate(columns.items()) for name, kind in ((f"Q0c{at}Q", "text"), each)
    }
    cells = [
        tuple(cell for at, value in enumerate(row) for cell in (f"Q{number}c{at}Q", value))
        for number, row in enumerate(rows, 1)
    ]

    document, files = files_of((marked, cells), ("pdf",), locale)

    found = on_paper(files["report.pdf"], folder / "report.pdf")
    for number, row in enumerate(written(document, str) if columns and rows else []):
        for at, cell in enumerate(row[1::2]):
            # Where a part of the table ends between a mark and its cell, that goes on below behind the row's first.
            places = found[number, at] + found[number, 0][1:]
            assert any(not letters(cell) - place for place in places), (number, at, cell)
