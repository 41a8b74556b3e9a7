"""
Mail, page and PDF in a real browser: no violation of the rules of axe-core, nothing wider than its window.

``DAYBREAK_PICTURES=docs/images`` keeps what they look like.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme
from tests.conftest import CHROMIUM

pytestmark = [pytest.mark.browser, pytest.mark.pango]

ROOT = Path(__file__).parents[3]
DAY = date(2026, 3, 29)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
KEPT = (
    "almanac-report-375-light",
    "almanac-report-375-forced",
    "almanac-report-600-light",
    "almanac-page-900-dark",
    "almanac-page-900-light",
    "sales-ar-report-600-light",
    "showcase-report-600-light",
)
SHOWCASE = """
# Everything at once

Prose with **emphasis**, [a link](https://example.org/), `code` and

- a list
- of two

> and a quotation.

{{ notice("Doors close at six.") }}
{{ notice("All sold.", "success") }}
{% call notice("warning", title="Stock is low") %}
Order **tea** and [milk](https://example.org/) today:

- 3 boxes left
- none on Monday
{% endcall %}
{{ notice("Till 3 is broken.", "danger") }}

{{ metric("Sold", 1234, previous=1100, good="up", trend=[3, 5, 4, 8]) }}
{{ metric("Returned", 0.021, format="percent:1", previous=0.019, good="down") }}

## Charts

{{ chart(rows, "day", ["a", "b"], title="Lines", reference={"value": 4, "label": "goal"}, name="lines") }}
{{ chart(rows, "day", ["a", "b"], kind="stacked_bar", title="Bars", name="bars") }}

## Tables

{{ table(rows, {"day": "Day", "name": "Name", "a": "A", "b": "B"}, totals=["a"], caption="Of three days", limit=2,
         highlight={"a": {"danger": "> 4", "success": "< 3"}}) }}

| Markdown | table |
| --- | ---: |
| one | 1 |
"""
FIGURES = """
{{ metric("Revenue with tax and shipping", 123456789.5, format="currency:EUR", previous=120000000) }}
{{ metric("Profit", -4321.5, format="currency:EUR") }}
{{ metric("Word", "Donaudampfschifffahrtsgesellschaft") }}
"""
SALES = {
    "ar": ("المتجر", "المبلغ", "القاهرة"),
    "he": ("חנות", "סכום", "חיפה"),
    "ja": ("店舗", "金額", "東京"),
    "de": ("Geschäft", "Betrag", "Köln"),
    "fr": ("Magasin", "Montant", "Orléans"),
}
IN_EVERY_LANGUAGE = """
{{ metric(words[1], -1234.5, format="currency:EUR", previous=-1000, good="up") }}
{{ metric(words[0], -0.125, format="percent:1") }}

- {{ words[2] }}

> {{ words[2] }}

{{ notice(words[2], "warning") }}

{{ chart(rows, "shop", {"amount": words[1]}, kind="bar", title=words[1], y_format="currency:EUR:0") }}
{{ table(rows, {"shop": words[0], "day": "2026", "amount": {"title": words[1], "format": "currency:EUR"}}, totals=["amount"],
         highlight={"amount": {"danger": "< 0"}}) }}

| {{ words[0] }} | {{ words[1] }} |
| --- | ---: |
| {{ words[2] }} | {{ -12 | number }} |
"""
ROWS = [
    {"day": date(2026, 3, 27), "name": "שלום", "a": 2, "b": 5.5},
    {"day": date(2026, 3, 28), "name": "tea", "a": 6, "b": 1.25},
    {"day": date(2026, 3, 29), "name": "milk", "a": 3, "b": None},
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with both reports in all formats, each in a folder of its own."""
    folder = tmp_path_factory.mktemp("looks")
    script = ROOT / "dags" / "daily_report" / "script" / "almanac.py"
    printed = subprocess.run(
        [sys.executable, script, "--date", DAY.isoformat()], check=True, capture_output=True, text=True
    ).stdout
    (folder / "showcase.md.j2").write_text(SHOWCASE, encoding="utf-8")
    (folder / "figures.md.j2").write_text(FIGURES, encoding="utf-8")
    reports = {
        "almanac": (ROOT / "dags" / "daily_report" / "report.md.j2", {"almanac": json.loads(printed)}),
        "showcase": (folder / "showcase.md.j2", {"rows": ROWS}),
        "figures": (folder / "figures.md.j2", {}),
    }
    (folder / "sales.md.j2").write_text(IN_EVERY_LANGUAGE, encoding="utf-8")
    for code, words in SALES.items():
        rows = [
            {"shop": words[2], "day": DAY, "amount": -987.25},
            {"shop": "Rome", "day": DAY, "amount": 50000},
        ]
        reports[code] = (folder / "sales.md.j2", {"words": words, "rows": rows})
    for name, (template, data) in reports.items():
        language = Language(name if name in SALES else "en_GB")
        subject = Subject(name, DAY, period_of(DAY, timezone=zone("Europe/Berlin")), language)
        document = render(template, subject, data)
        for file in rendering.render(document, ("html", "page", "pdf", "xlsx"), Theme(footer="Example Ltd")):
            path = folder / name / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    return folder


@pytest.fixture
def open_page(browser, folder):
    pages = []

    def open_(name, *, width=600, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        pages.append(page)
        page.goto((folder / name).as_uri())
        return page

    yield open_
    for page in pages:
        page.close()


def keep(picture, name):
    """Keep a picture for the documentation, in few colours."""
    if name not in KEPT or not os.environ.get("DAYBREAK_PICTURES"):
        return
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(96, dither=Image.Dither.NONE)
    image.save(Path(os.environ["DAYBREAK_PICTURES"]) / f"{name}.png", optimize=True)


@pytest.mark.parametrize("report", ["almanac", "showcase"])
@pytest.mark.parametrize("file", ["report.html", "page.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(open_page, report, file, scheme):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(open_page(f"{report}/{file}", scheme=scheme))

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("report", ["almanac", "showcase"])
@pytest.mark.parametrize(
    ("file", "width"), [("report.html", 375), ("report.html", 600), ("page.html", 375), ("page.html", 900)]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(open_page, report, file, width, scheme):
    page = open_page(f"{report}/{file}", width=width, scheme=scheme)

    keep(page.screenshot(full_page=True), f"{report}-{file.partition('.')[0]}-{width}-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("language", SALES)
@pytest.mark.parametrize(("file", "width"), [("report.html", 600), ("page.html", 375)])
def test_headers_stand_over_their_cells_in_every_language(open_page, language, file, width):
    page = open_page(f"{language}/{file}", width=width)

    keep(page.screenshot(full_page=True), f"sales-{language}-{file.partition('.')[0]}-{width}-light")
    tables = page.evaluate(EDGES)
    assert len(tables) == 2
    for rows in tables:
        assert all(
            min(abs(one[0] - other[0]), abs(one[1] - other[1])) < 1
            for row in rows[1:]
            for one, other in zip(rows[0], row, strict=True)
            if one and other
        ), rows
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("language", ["ar", "he"])
@pytest.mark.parametrize("file", ["report.html", "page.html"])
def test_a_minus_stands_left_of_its_number_and_bars_where_lines_begin(open_page, language, file):
    page = open_page(f"{language}/{file}")

    signs = page.evaluate(SIGNS)
    assert len(signs) >= 3
    assert all(minus < digit for minus, digit in signs)
    bar = "getComputedStyle([...document.querySelectorAll('blockquote')][0])"
    assert page.evaluate(f"{bar}.borderRightWidth") == "3px"
    assert page.evaluate(f"{bar}.borderLeftWidth") == "0px"


EDGES = """Array.from(document.querySelectorAll('table'), table => table.querySelector('th') && table).filter(Boolean).filter(
    table => !table.querySelector('table')).map(table => Array.from(table.rows, row => Array.from(row.cells, cell => {
        if (!cell.textContent) return null;
        const range = document.createRange(); range.selectNodeContents(cell);
        const box = range.getBoundingClientRect(); return [box.left, box.right];
    })))"""
SIGNS = """(() => {
    const walker = document.createTreeWalker(document.querySelector('main, [role=main]'), NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) {
        const text = walker.currentNode, at = text.data.search(/-\\d/);
        if (at < 0 || text.parentElement.closest('svg')) continue;
        found.push([at, at + 1].map(index => {
            const range = document.createRange(); range.setStart(text, index); range.setEnd(text, index + 1);
            return range.getBoundingClientRect().left;
        }));
    }
    return found;
})()"""


@pytest.mark.parametrize(("file", "width"), [("report.html", 375), ("report.html", 600), ("page.html", 375)])
def test_a_long_figure_stays_within_its_tile(open_page, file, width):
    page = open_page(f"figures/{file}", width=width)

    wider = "Array.from(document.querySelectorAll('div, td'), each => each.scrollWidth - each.clientWidth)"
    assert max(page.evaluate(wider)) <= 1


@pytest.mark.parametrize(
    ("file", "width"), [("report.html", 375), ("report.html", 600), ("page.html", 375), ("page.html", 900)]
)
@pytest.mark.parametrize("report", ["almanac", "showcase", "figures"])
def test_tiles_side_by_side_are_of_one_height(open_page, report, file, width):
    page = open_page(f"{report}/{file}", width=width)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")  # that of tiles too
    tiles = page.evaluate(
        """ground => Array.from(document.querySelectorAll('main td, main div, [role=main] td, [role=main] div'))
        .filter(each => getComputedStyle(each).backgroundColor === ground && getComputedStyle(each).borderRadius !== '0px'
                        && getComputedStyle(each).borderLeftWidth === '0px')
        .map(each => each.getBoundingClientRect()).map(box => [box.top, box.height])""",
        ground,
    )

    rows = {}
    for top, height in tiles:
        rows.setdefault(round(top), set()).add(round(height))
    assert len(tiles) > len(rows), "none stand side by side"
    assert all(len(heights) == 1 for heights in rows.values()), rows


@pytest.mark.parametrize(
    ("file", "width"), [("report.html", 375), ("report.html", 600), ("page.html", 375), ("page.html", 900)]
)
def test_a_figure_with_its_unit_stands_on_one_line(open_page, file, width):
    page = open_page(f"almanac/{file}", width=width)

    figure = page.get_by_text(re.compile(r"^12\s+hrs\s+47\s+mins$")).last
    size = float(figure.evaluate("each => parseFloat(getComputedStyle(each).fontSize)"))
    assert figure.bounding_box()["height"] < 2 * size


def test_the_ground_of_a_mails_charts_is_its_readers_own(folder):
    from PIL import Image

    for path in (folder / "showcase" / "charts").glob("*.png"):
        picture = Image.open(path)
        assert picture.getpixel((picture.width - 1, 0))[3] == 0, path.name


@pytest.mark.parametrize("report", ["almanac", "showcase"])
def test_a_mail_that_its_program_makes_dark_has_no_white_block(browser, folder, report):
    from PIL import Image

    forced = [*FLAGS, "--force-dark-mode", "--enable-features=WebContentsForceDark"]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=forced) as dark:
        page = dark.new_page(viewport={"width": 375, "height": 900})
        page.goto((folder / report / "report.html").as_uri())
        picture = page.screenshot(full_page=True)

    keep(picture, f"{report}-report-375-forced")
    tones = Image.open(io.BytesIO(picture)).convert("L").histogram()
    assert sum(tones[230:]) < 0.04 * sum(tones), "more than letters are white"


def test_every_picture_of_the_mail_is_there(open_page):
    page = open_page("showcase/report.html")

    sizes = page.evaluate("Array.from(document.images, image => image.naturalWidth)")
    assert len(sizes) == 3
    assert all(sizes)


def test_the_page_asks_for_nothing(browser, folder):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "showcase" / "page.html").as_uri())
    page.close()

    assert asked == [(folder / "showcase" / "page.html").as_uri()]
