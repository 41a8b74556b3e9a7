"""Hostile text in each place of a report that shows data, in each format: it is text there, and nothing else."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from zipfile import ZipFile

import openpyxl
import pytest

from airflow_provider_daybreak.exceptions import DaybreakError
from tests.attacks import SWEEP, often
from tests.unit.reports.templates.test_written import INLINE, LINES

pytestmark = pytest.mark.attack("injections")
STEP = often(11, 1)  # each of them in some places as a rule, and in all in a sweep

PLACES = {
    "prose": "{{ e }}",
    "a heading": "## {{ e }}",
    "the text of a link": "[{{ e }}](https://example.org/)",
    "a part of an address": "[x](https://example.org/{{ e }}?q={{ e }})",
    "a whole address": "[x]({{ e }})",
    "the title of a link": "[x](https://example.org/ '{{ e }}')",
    "the text of a picture": "![{{ e }}](https://example.org/a.png)",
    "a cell of Markdown": "| a |\n| - |\n| {{ e }} |",
    "code": "`{{ e }}`\n\n```\n{{ e }}\n```",
    "a cell": "{{ table(rows) }}",
    "the name of a column": "{{ table(named) }}",
    "the title of a column": "{{ table(rows, {'a': {'title': e}}) }}",
    "the caption of a table": "{{ table(rows, caption=e) }}",
    "the name of a sheet": "{{ table(rows, name=e) }}",
    "a metric": "{{ metric(e, e, unit=e, note=e) }}",
    "a notice": "{{ notice(e, title=e) }}",
    "a notice around it": "{% call notice(title=e) %}\n{{ e }}\n{% endcall %}",
    "the title of a chart": "{{ chart(sold, 'a', 'n', title=e) }}",
    "an axis of a chart": "{{ chart(sold, 'a', 'n', kind='bar') }}",
    "a series of a chart": "{{ chart(series, 'day', 'n', series='a') }}",
    "a column of a chart": "{{ chart(columns, 'day', columns.columns[-1]) }}",
    "a specification": "{{ vega({'mark': 'bar', 'title': e, 'encoding': {'x': {'field': 'a', 'type': 'nominal'},"
    " 'y': {'field': 'n', 'type': 'quantitative', 'title': e}}}, sold, title=e, alt=e) }}",
}
VALUES = (
    INLINE,
    LINES,
    "<script>alert(1)</script>",
    "</title></style></text></svg><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "<svg onload=alert(1)><foreignObject><iframe src=javascript:alert(1)>",
    "]]></text><a href='https://canary.example'>C4N</a><![CDATA[",
    "<!--<xmp>--><plaintext>",
    "<a href=jAvAsCrIpT&colon;alert(1)>C4N</a>",
    "javascript:alert(1)",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "https://canary.example/?x=' \" > <b>",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("https://canary.example","C4N")',
    "x\t=1+1\r\n;=1+1|@SUM(A1)",
    "&A&D&\"Arial\" [Red]0;@ ''!A1:Z9 xl/../../x",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "\x1b]8;;https://canary.example\x07C4N\x1b[0m\x1b[2J\x9b31mC4N\x9d8;;x\x9c\x90x\x80",
    "\u202eC4N\u2066\u2028\u2029\x85\0\ufeff\ud800",
    "expression(alert(1)); background: url(https://canary.example)",
    "\u212a\uff1cscript\uff1e\uff1d1+1",
)


class Seen(HTMLParser):
    """What a browser makes of a page: tags with the names of their attributes, and where they lead."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.leads = set(), set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.tags.update((tag, name) for name, _ in attrs)
        self.leads.update(value for name, value in attrs if name in ("href", "src", "xlink:href", "action"))


@pytest.fixture
def written(render_files):
    def write(place, value, formats=("html", "page", "text", "csv", "xlsx")):
        data = {
            "e": value,
            "rows": [{"a": value, "b": "x"}],
            "named": [{value: "x", "b": 1}],
            "sold": [{"a": value, "n": 1}, {"a": "x", "n": 2}],
            "series": [
                {"day": f"2026-03-{day}", "a": name, "n": day} for day in (28, 29) for name in (value, "x")
            ],
            "columns": [{"day": "2026-03-28", value: 1}, {"day": "2026-03-29", value: 2}],
        }
        try:
            return render_files(place + "\n", data, formats=formats, title="Report")
        except DaybreakError:
            return None  # refused in a sentence

    return write


@pytest.mark.parametrize(("number", "place"), list(enumerate(PLACES.values())), ids=PLACES.keys())
def test_what_data_says_is_text_wherever_it_is_shown(written, tried, number, place):
    values = VALUES[number % STEP :: STEP]
    whole = place == PLACES["a whole address"]  # which may be one of the web
    plain = written(place, "https://example.org/C4N" if whole else "canary C4N")
    pages = [name for name in plain if name.endswith(".html")]
    tags = {name: Seen(plain[name].decode()).tags for name in pages}
    taken = 0
    for value in values:
        files = written(place, value)
        tried()
        if files is None:
            continue
        taken += 1
        for name in pages:
            seen = Seen(files[name].decode())
            more = {tag for tag in seen.tags - tags[name] if tag not in MORE}
            assert not more, (value, more)
            leads = {
                lead
                for lead in seen.leads
                if not lead.startswith(("https://example.org/", "data:image/png", "#", "charts/"))
            }
            assert not {
                lead for lead in leads if not (whole and lead.startswith("https://canary.example/?x="))
            }, value
        text = files["report.txt"].decode()
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]", text), value
        for name in files:
            if name.endswith(".csv"):
                check_csv(files[name], value)
        check_workbook(files["report.xlsx"], value)
    assert taken or not SWEEP  # not all is refused


# What a line's end in data, or a text that is longer, brings along: a line of its own, a picture of another width, a
# table that scrolls.
MORE = {
    "br",
    *(("div", name) for name in ("tabindex", "role", "aria-label")),
    ("img", "class"),
    "tspan",
    ("tspan", "x"),
    ("tspan", "y"),
    ("tspan", "dy"),
    ("text", "textLength"),
    ("text", "transform"),
}


def check_csv(content, value):
    cells = [cell for line in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")) for cell in line]
    begin = [cell.lstrip(" \u200b\t") for cell in cells]
    assert not [cell for cell in begin if cell.startswith(("=", "+", "-", "@", "\uff1d"))], value


def check_workbook(content, value):
    book = openpyxl.load_workbook(io.BytesIO(content))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink], value
    assert not list(book.defined_names), value
    with ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert not [
            name for name in names if "external" in name.lower() or ".." in name or name.endswith(".bin")
        ], value
        rels = b"".join(archive.read(name) for name in names if name.endswith(".rels"))
    assert b"TargetMode" not in rels, value
