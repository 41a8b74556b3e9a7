from __future__ import annotations

from datetime import date, datetime, time
from zipfile import ZipFile

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.sources import FileSource
from airflow_provider_daybreak.reports.sources.files import read_files

openpyxl = pytest.importorskip("openpyxl")
pytest.importorskip("python_calamine")

ODS = """<?xml version="1.0"?><office:document-content
 xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2"><office:body><office:spreadsheet>
<table:table table:name="Verkäufe"><table:table-row>
<table:table-cell office:value-type="string"><text:p>day</text:p></table:table-cell>
<table:table-cell office:value-type="string"><text:p>amount</text:p></table:table-cell></table:table-row>
<table:table-row><table:table-cell office:value-type="date" office:date-value="2026-03-29"><text:p>29.03.26</text:p></table:table-cell>
<table:table-cell office:value-type="float" office:value="2"><text:p>2</text:p></table:table-cell></table:table-row>
</table:table></office:spreadsheet></office:body></office:document-content>"""

MANIFEST = """<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">
<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>
</manifest:manifest>"""


@pytest.fixture
def workbook(tmp_path):
    """A workbook as people make them: a line above the names, empty rows, two sheets."""
    book = openpyxl.Workbook()
    first = book.active
    first.title = "Notes"
    first.append(["nothing"])
    sales = book.create_sheet("売上")
    for row in (
        ["Sales of March"],
        [],
        ["day", "shop", "n", "amount", "at", None, "sure"],
        [date(2026, 3, 29), "007", 2, 1.5, time(7, 5), None, True],
        [],
        [date(2026, 3, 30), "-", 10**12, 2, datetime(2026, 3, 30, 7, 5), None, False],  # noqa: DTZ001 - a sheet has no zones
    ):
        sales.append(row)
    book.save(tmp_path / "x.xlsx")
    return tmp_path / "x.xlsx"


def test_a_sheet_gives_rows_of_its_cells_own_types(workbook):
    source = FileSource(str(workbook), sheet="売上", skip_rows=1, na="-")

    first, second = read_files("sales", [workbook], source)

    assert repr(first) == (
        "{'day': datetime.date(2026, 3, 29), 'shop': '007', 'n': 2, 'amount': 1.5, 'at': datetime.time(7, 5), 'sure': True}"
    )
    assert repr(second) == (
        "{'day': datetime.date(2026, 3, 30), 'shop': None, 'n': 1000000000000, 'amount': 2.0, "
        "'at': datetime.datetime(2026, 3, 30, 7, 5), 'sure': False}"
    )


def test_the_first_sheet_is_meant_when_none_is_named_and_names_alone_make_no_row(workbook):
    rows = read_files("sales", [workbook])

    assert (rows.columns, len(rows)) == (("nothing",), 0)


def test_a_sheet_that_is_not_there_names_those_that_are(workbook):
    with pytest.raises(InvalidValueError, match="one of Notes, 売上"):
        read_files("sales", [workbook], FileSource(str(workbook), sheet="sales"))


def test_a_sheet_of_libreoffice_is_read_alike(tmp_path):
    with ZipFile(tmp_path / "x.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", ODS.replace(">\n<", "><"))

    assert list(read_files("sales", [tmp_path / "x.ods"])) == [{"day": date(2026, 3, 29), "amount": 2}]
