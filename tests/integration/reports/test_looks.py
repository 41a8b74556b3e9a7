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
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme
from tests import pictures
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
KEPT = ("almanac-report-600-light", "almanac-page-900-dark")
PHONE = 375  # pixels
SCHEMES = ("report-{}-light", "report-{}-forced", "page-{}-dark")
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
{{ vega({"mark": "point", "encoding": {"x": {"field": "a", "type": "quantitative"}, "y": {"field": "name", "title": none}}},
        rows, title="Points", alt="Tea is at 6.") }}

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

| A | table | of | many | columns | that | needs | more | room | than | a | phone | has |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
| 10000000 | 10000000 | 10000000 | 10000000 | 10000000 | 10000000 | 10000000 | 10000000 | 10000000 | 1 | 1 | 1 | 1 |

## {{ "Donaudampfschifffahrtsgesellschaft" * 2 }}

Prose with https://example.org/{{ "path" * 30 }} and `{{ "code" * 20 }}`.

> {{ "w" * 80 }}

```
{{ "a line of code with words " * 9 }}
```

{{ notice("W" * 58, "warning", title="T" * 80) }}

{{ table([{"a": 1}], caption="C" * 80) }}
"""
SALES = {
    "ar": {
        "title": "مبيعات المتاجر",
        "columns": ("المتجر", "اليوم", "المبلغ"),
        "shops": ("القاهرة", "الإسكندرية"),
        "said": "باعت القاهرة أقل من اليوم السابق.",
        "warning": "لم يبق في القاهرة سوى 12 صندوقًا.",
    },
    "he": {
        "title": "מכירות החנויות",
        "columns": ("חנות", "יום", "סכום"),
        "shops": ("חיפה", "באר שבע"),
        "said": "חיפה מכרה פחות מאשר ביום הקודם.",
        "warning": "בחיפה נותרו רק 12 ארגזים.",
    },
    "ja": {
        "title": "店舗別売上",
        "columns": ("店舗", "日付", "金額"),
        "shops": ("東京", "大阪"),
        "said": "東京の売上は前日を下回りました。",
        "warning": "東京の在庫は残り12箱です。",
    },
    "de": {
        "title": "Umsätze der Geschäfte",
        "columns": ("Geschäft", "Tag", "Betrag"),
        "shops": ("Köln", "Garmisch-Partenkirchen"),
        "said": "Köln hat weniger verkauft als am Vortag.",
        "warning": "In Köln sind nur noch 12 Kisten übrig.",
    },
    "fr": {
        "title": "Ventes des magasins",
        "columns": ("Magasin", "Jour", "Montant"),
        "shops": ("Orléans", "Saint-Étienne"),
        "said": "Orléans a moins vendu que la veille.",
        "warning": "Il ne reste que 12 caisses à Orléans.",
    },
}
IN_EVERY_LANGUAGE = """
# {{ words.title }}

{% set shop, day, amount = words.columns %}
{{ metric(amount, -1234.5, format="currency:EUR", previous=-1000, good="up") }}
{{ metric(words.shops[0], -0.125, format="percent:1") }}

- {{ words.said }}

> {{ words.said }}

{{ notice(words.warning, "warning") }}

{{ chart(rows, "shop", {"amount": amount}, kind="bar", title=amount, y_format="currency:EUR:0") }}
{{ table(rows, {"shop": shop, "day": day, "amount": {"title": amount, "format": "currency:EUR"}}, totals=["amount"],
         highlight={"amount": {"danger": "< 0"}}) }}

| {{ shop }} | {{ amount }} |
| --- | ---: |
| {{ words.shops[0] }} | {{ -12 | number }} |
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
def forcing(browser):
    """A browser that makes all dark that is not, as some mail programs do."""
    forced = [*FLAGS, "--force-dark-mode", "--enable-features=WebContentsForceDark"]
    with browser.browser_type.launch(executable_path=CHROMIUM, args=forced) as dark:
        yield dark


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
        sold = {words["shops"][0]: -987.25, words["shops"][1]: 12345.6, "H&M (Malmö)": 50000}
        rows = [{"shop": shop, "day": DAY, "amount": amount} for shop, amount in sold.items()]
        reports[code] = (folder / "sales.md.j2", {"words": words, "rows": rows})
    for name, (template, data) in reports.items():
        language = Language(name if name in SALES else "en_GB")
        subject = Subject(name, DAY, period_of(DAY, timezone=zone("Europe/Berlin")), language)
        document = render(template, subject, data)
        address = f"https://airflow.example.org/daybreak/reports/{name}/{DAY}"
        document = replace(document, address=address)
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


@pytest.fixture(scope="module")
def keep(folder):
    """Return a function that keeps a picture by its name. The documents show some of them, and some beside each other."""
    kept = {}
    yield kept.__setitem__
    for name, picture in kept.items():
        if name in KEPT:
            pictures.keep(picture, name)
    for width in (PHONE, 600):
        schemes = [f"almanac-{look.format(width)}" for look in SCHEMES]
        if kept.keys() >= {*schemes}:
            pictures.keep_beside([kept[each] for each in schemes], f"almanac-{width}-schemes", height=900)
        for language in SALES:
            shown = [f"{language}-{file}-{width}-light" for file in ("report", "page")]
            if kept.keys() >= {*shown} and os.environ.get("DAYBREAK_PICTURES"):
                paper = pictures.paper(folder / language / "report.pdf", width=600) if width == PHONE else []
                pictures.keep_beside([*(kept[one] for one in shown), *paper], f"sales-{language}-{width}")


@pytest.mark.parametrize("report", ["almanac", "showcase", "figures"])
@pytest.mark.parametrize("file", ["report.html", "page.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(open_page, report, file, scheme):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(open_page(f"{report}/{file}", scheme=scheme))

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("report", ["almanac", "showcase", "figures"])
@pytest.mark.parametrize(
    ("file", "width"),
    [("report.html", 375), ("report.html", 600), ("page.html", 375), ("page.html", 600), ("page.html", 900)],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(open_page, keep, report, file, width, scheme):
    page = open_page(f"{report}/{file}", width=width, scheme=scheme)

    keep(f"{report}-{file.partition('.')[0]}-{width}-{scheme}", page.screenshot(full_page=True))
    assert page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("report", ["almanac", "showcase", *SALES])
def test_the_letters_of_charts_are_read_on_a_phone(open_page, report):
    page = open_page(f"{report}/page.html", width=375)
    letters = page.evaluate(LETTERS)
    mail = open_page(f"{report}/report.html", width=375)
    shown = mail.evaluate(
        "Array.from(document.images).filter(each => each.width > 200).map(each => each.clientWidth / each.getAttribute('width'))"
    )

    assert min(letters) >= 10, letters
    assert min(shown) * 18 >= 10  # which they have in a picture, as charts/measures.py has it


LETTERS = """Array.from(document.querySelectorAll('svg.chart text'), each =>
    parseFloat(getComputedStyle(each).fontSize) * each.ownerSVGElement.clientWidth / each.ownerSVGElement.viewBox.baseVal.width)"""


@pytest.mark.parametrize("language", SALES)
@pytest.mark.parametrize("file", ["report.html", "page.html"])
@pytest.mark.parametrize("width", [375, 600])
def test_headers_stand_over_their_cells_in_every_language(open_page, keep, language, file, width):
    page = open_page(f"{language}/{file}", width=width)

    keep(f"{language}-{file.partition('.')[0]}-{width}-light", page.screenshot(full_page=True))
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
def test_a_long_figure_stays_within_its_tile_and_a_table_of_markdown_in_what_scrolls(open_page, file, width):
    page = open_page(f"figures/{file}", width=width)

    wider = "Array.from(document.querySelectorAll('div:not(.scroll):not([style*=auto]), td'), each => each.scrollWidth - each.clientWidth)"
    assert max(page.evaluate(wider)) <= 1
    assert page.evaluate("document.documentElement.scrollWidth") == width, "a table of Markdown does not scroll"


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


@pytest.mark.parametrize("file", ["report.html", "page.html"])
def test_a_table_stands_off_the_one_before(open_page, file):
    page = open_page(f"de/{file}")

    [first, second] = page.evaluate(
        "[...document.querySelectorAll('table')].filter(each => each.querySelector('th') && !each.querySelector('table'))"
        ".map(each => each.getBoundingClientRect()).map(box => [box.top, box.bottom])"
    )
    assert second[0] - first[1] >= 16


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


@pytest.mark.parametrize(("report", "width"), [("almanac", 375), ("almanac", 600), ("showcase", 375)])
def test_a_mail_that_its_program_makes_dark_has_no_white_block(forcing, folder, keep, report, width):
    from PIL import Image

    page = forcing.new_page(viewport={"width": width, "height": 900})
    page.goto((folder / report / "report.html").as_uri())
    picture = page.screenshot(full_page=True)
    page.close()

    keep(f"{report}-report-{width}-forced", picture)
    tones = Image.open(io.BytesIO(picture)).convert("L").histogram()
    assert sum(tones[230:]) < 0.04 * sum(tones), "more than letters are white"


def test_the_container_and_the_worker_print_each_chart_with_its_letters(folder, tmp_path):
    program = ROOT / "dags" / "daily_report" / "pdf" / "render.py"
    printed = [folder / "almanac" / "report.pdf"]
    for report in ("almanac", "showcase"):
        source, target = folder / report / "page.html", tmp_path / f"{report}.pdf"
        done = subprocess.run(
            [sys.executable, program, source, target], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        printed.append(target)
    for path, letters in zip(printed, ("15 hrs", "1/1", "6.0"), strict=True):
        said = subprocess.run(["pdftotext", path, "-"], capture_output=True, text=True, check=True).stdout
        assert letters in said.replace(" / ", "/"), path

    if os.environ.get("DAYBREAK_PICTURES"):
        papers = (tmp_path / "almanac.pdf", folder / "almanac" / "report.pdf")
        pictures.keep_beside([pictures.paper(path)[0] for path in papers], "almanac-pdf")


def test_every_picture_of_the_mail_is_there(open_page):
    page = open_page("showcase/report.html")

    sizes = page.evaluate("Array.from(document.images, image => image.naturalWidth)")
    assert len(sizes) == 4
    assert all(sizes)


def test_the_page_asks_for_nothing(browser, folder):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((folder / "showcase" / "page.html").as_uri())
    page.close()

    assert asked == [(folder / "showcase" / "page.html").as_uri()]
