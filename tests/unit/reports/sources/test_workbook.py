from __future__ import annotations

from datetime import date, datetime, time
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from airflow_provider_daybreak.exceptions import DataUnreadableError, DaybreakError, InvalidValueError
from airflow_provider_daybreak.reports.sources import FileSource
from airflow_provider_daybreak.reports.sources.files import read_files
from airflow_provider_daybreak.reports.templates.limits import Limits

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


def xlsx_of(cells, *, kind="", before=""):
    """Return the parts of a workbook of one sheet that is written by hand."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{types}.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" '
        f'ContentType="{types}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{before}<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="s" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" '
        f'Type="{office}/worksheet" Target="{kind or "worksheets/sheet1.xml"}"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{before}<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
    }


def cell(place, text="x"):
    row = "".join(letter for letter in place if letter.isdigit())
    return f'<row r="{row}"><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>'


def ods_of(attributes="", rows="", before=""):
    repeated = (
        f'<table:table-cell {attributes} office:value-type="string"><text:p>x</text:p></table:table-cell>'
    )
    content = ODS.replace(">\n<", "><").replace("<table:table-row>", f"<table:table-row {rows}>{repeated}", 1)
    return {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": MANIFEST,
        "content.xml": content.replace('<?xml version="1.0"?>', f'<?xml version="1.0"?>{before}'),
    }


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "'
    + "a" * 1000
    + '">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 50}">' for before, name in zip("abcdef", "bcdefg", strict=True)
    )
    + "]>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
WORKBOOKS = {
    "a cell in the last row and column": ("x.xlsx", xlsx_of(cell("A1") + cell("XFD1048576"))),
    "a cell beyond the last": ("x.xlsx", xlsx_of(cell("A1") + cell("ZZZZZZ99999999"))),
    "a cell of a row that no number holds": ("x.xlsx", xlsx_of(cell("A1") + cell("A99999999999999999999"))),
    "a billion empty columns": ("x.ods", ods_of('table:number-columns-repeated="1000000000"')),
    "a billion columns times a billion rows": (
        "x.ods",
        ods_of('table:number-columns-repeated="1000000000"', 'table:number-rows-repeated="1000000000"'),
    ),
    "entities of entities": ("x.xlsx", xlsx_of(cell("A1", "&g;"), before=ENTITIES)),
    "entities of entities in an ods": ("x.ods", ods_of(before=ENTITIES)),
    "a file of the machine": ("x.xlsx", xlsx_of(cell("A1", "&a;") + cell("A2", "&a;"), before=OUTSIDE)),
    "a sheet outside of the workbook": ("x.xlsx", xlsx_of(cell("A1"), kind="../../../../etc/passwd")),
    "a sheet by an absolute path": ("x.xlsx", xlsx_of(cell("A1"), kind="/etc/passwd")),
    "a zip of nothing": ("x.xlsx", {}),
    "a zip of something else": ("x.ods", {"../../x": "x", "/etc/cron.d/x": "x"}),
}


@pytest.mark.attack("hostile archives")
@pytest.mark.parametrize(("file", "parts"), WORKBOOKS.values(), ids=WORKBOOKS.keys())
def test_a_hostile_workbook_is_refused_or_shows_its_own_cells(tmp_path, monkeypatch, file, parts):
    monkeypatch.setattr(
        "airflow_provider_daybreak.reports.sources.workbook._LIMITS", Limits(5, memory=256 << 20)
    )
    with ZipFile(tmp_path / file, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)

    try:
        shown = str(list(read_files("sales", [tmp_path / file])))
    except DaybreakError as error:
        shown = str(error)

    assert "root:" not in shown
    assert len(shown) < 1000
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_a_cell_far_out_is_an_error_that_says_what_to_do(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"] = book.active["XFD1048576"] = "x"
    book.save(tmp_path / "x.xlsx")

    with pytest.raises(
        DataUnreadableError, match=r"takes more than 2 GiB of memory .* Remove what stands beyond the table"
    ):
        read_files("sales", [tmp_path / "x.xlsx"])


@pytest.mark.attack("hostile archives")
def test_a_zip_that_unfolds_to_gigabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "airflow_provider_daybreak.reports.sources.workbook._LIMITS", Limits(5, memory=64 << 20)
    )
    with ZipFile(tmp_path / "x.xlsx", "w", ZIP_DEFLATED) as archive:
        for name, text in xlsx_of(cell("A1", "x" * (256 << 20))).items():
            archive.writestr(name, text)

    with pytest.raises(DataUnreadableError):
        read_files("sales", [tmp_path / "x.xlsx"])


def test_a_sheet_of_libreoffice_is_read_alike(tmp_path):
    with ZipFile(tmp_path / "x.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", ODS.replace(">\n<", "><"))

    assert list(read_files("sales", [tmp_path / "x.ods"])) == [{"day": date(2026, 3, 29), "amount": 2}]
