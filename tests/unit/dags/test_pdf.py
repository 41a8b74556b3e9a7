"""The program that makes a PDF in the container of the daily report."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.pango

PAGE = """<!doctype html><html lang="en"><head><title>Sales</title><style>:root{color-scheme:light dark;--info:#123456;
--series-0:#abcdef;}@media screen and (prefers-color-scheme:dark){:root{--info:#fff;--series-0:#000;}}</style></head>
<body><main><h1>Sales</h1><svg viewBox="0 0 9 9"><rect width="9" height="9" fill="var(--series-0)"/></svg></main></body></html>"""


@pytest.fixture(scope="module")
def program():
    return runpy.run_path(str(Path(__file__).parents[3] / "dags" / "daily_report" / "pdf" / "render.py"))


def test_charts_have_the_page_s_light_colours(program):
    html = program["on_paper"](PAGE)

    assert 'fill="#abcdef"' in html
    assert "var(" not in html
    assert "border-top: 3pt solid #123456" in html


def test_the_page_is_what_goes_on_paper_and_the_mail_where_there_is_none(program, tmp_path):
    assert program["page_of"](tmp_path).name == "report.html"
    (tmp_path / "page.html").write_text(PAGE)
    assert program["page_of"](tmp_path).name == "page.html"


def test_the_same_page_is_the_same_pdf(program, tmp_path):
    (tmp_path / "page.html").write_text(PAGE)

    for name in ("a.pdf", "b.pdf"):
        program["render"](tmp_path / "page.html", tmp_path / name)

    content = (tmp_path / "a.pdf").read_bytes()
    assert content == (tmp_path / "b.pdf").read_bytes()
    assert content.startswith(b"%PDF-")


def test_letters_that_no_font_has_are_said_once(program, tmp_path, capsys):
    (tmp_path / "page.html").write_text(PAGE.replace("<h1>Sales", "<h1>\u05ff\u05ff\u0378"))

    program["render"](tmp_path / "page.html", tmp_path / "a.pdf")
    program["render"](tmp_path / "page.html", tmp_path / "a.pdf")

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(
        "2 letters stand as boxes" in line and "(U+0378), \u05ff (U+05FF) … Add fonts" in line for line in lines
    )
