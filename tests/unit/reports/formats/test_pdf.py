from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from airflow_provider_daybreak.reports.charts import drawing
from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.formats import page, pdf
from airflow_provider_daybreak.reports.theme import Theme

pytestmark = pytest.mark.pango


@pytest.mark.parametrize(
    "row",
    [
        {f"column_{n}": 123_456_789_012 for n in range(16)},
        {"key": "k" * 70, "other": "o" * 70, "n": 5},
        {f"column_{n}": "word" for n in range(40)},
    ],
    ids=["sixteen columns", "long keys", "forty columns"],
)
def test_no_cell_reaches_beyond_the_papers_edge(make_document, row):
    document = make_document("{{ table(rows) }}\n", {"rows": [row]})

    (sheet, lines), *_ = sheets_of(document)

    assert reach(lines) < sheet.width - MARGIN + 1
    assert len("".join(box.text for box in lines).replace("\u200b", "")) >= sum(
        len(str(value)) for value in row.values()
    )


WIDE = (
    """
{{ table(rows, totals=["amount_0", "amount_15"], caption="Of many columns") }}

| """
    + " | ".join(f"column {at}" for at in range(16))
    + """ |
| """
    + "--- | " * 16
    + """
| """
    + " | ".join(["123,456,789"] * 16)
    + """ |

{{ table([{"key": "https://example.org/" + "path/" * 40, "n": 1}]) }}

`{{ "code" * 60 }}`

## {{ "W" * 58 }}

```
{{ "a line of code with words " * 9 }}
{{ "x" * 55 }} {{ "y" * 55 }}
```

> {{ "w" * 59 }}

{{ notice("W" * 58, "warning", title="T" * 59) }}
"""
)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="needs pdftotext")
@pytest.mark.parametrize("locale", ["en", "ar"])
def test_no_word_that_a_reader_finds_in_a_pdf_lies_beyond_its_papers_edge(render_files, tmp_path, locale):
    rows = [{"shop": f"shop {n}", **{f"amount_{at}": 123_456_789 + at for at in range(16)}} for n in range(40)]
    path = tmp_path / "report.pdf"
    path.write_bytes(render_files(WIDE, {"rows": rows}, formats=("pdf",), locale=locale)["report.pdf"])

    sheets = words_of(path)

    assert len(sheets) > 1
    margin = 16 / 25.4 * 72 - 1
    for width, height, words in sheets:
        assert words
        for left, top, right, bottom, word in words:
            assert margin <= left < right <= width - margin, word
            assert 0 < top < bottom < height, word
    found = [word for *_, words in sheets for *_, word in words]
    assert all(found.count(f"{123_456_789 + at:,}") >= 40 for at in range(16))  # as one word, on no edge


def words_of(path):
    """Return of each sheet its width and height in points, and its words, each with its edges."""
    command = ["pdftotext", "-bbox", path, "-"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    sheets = []
    for sheet in text.split("<page ")[1:]:
        size = [float(each) for each in re.findall(r'"([\d.]+)"', sheet.partition(">")[0])]
        words = re.findall(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>', sheet)
        sheets.append((*size, [(*map(float, edges), word) for *edges, word in words]))
    return sheets


MARGIN = 16 / 25.4 * 96  # pixels of the paper's edge


def sheets_of(document):
    from weasyprint import HTML

    theme = Theme()
    text = page.html(document, theme, {}, colours=Colours.of(theme), css=pdf._css(document, theme), paper=True)
    for sheet in HTML(string=text).render().pages:
        yield sheet, [box for box in sheet._page_box.descendants() if getattr(box, "text", "")]


def reach(lines):
    return max(box.position_x + box.width for box in lines)


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("{{ table([{'key': word, 'n': 1}]) }}\n", "Short"),
        ("Prose with {{ word }} in it.\n\n## {{ word }}\n\n- {{ word }}\n", "Short"),
        ("{{ notice(word) }}\n", "Short"),
        ("Short.\n", "T" * 40_000),
    ],
)
def test_a_word_of_thousands_of_characters_is_all_there(make_document, source, title):
    word = "k" * 40_000  # of which WeasyPrint by itself looks for breaks for minutes
    sheets = list(sheets_of(make_document(source, {"word": word}, title=title)))

    assert all(reach(lines) < sheet.width - MARGIN + 1 for sheet, lines in sheets)
    said = "".join(box.text for _, lines in sheets for box in lines).replace("\u200b", "")
    assert max(said.count("k"), said.count("T")) >= 40_000


def test_columns_that_have_no_room_beside_each_other_go_on_below_with_the_first(make_document):
    rows = [{"name": f"shop {n}", **{f"amount_{at}": 123_456_789 + at for at in range(40)}} for n in range(2)]
    document = make_document("{{ table(rows, totals=['amount_0', 'amount_39']) }}\n", {"rows": rows})

    sheets = list(sheets_of(document))

    texts = [box.text for _, lines in sheets for box in lines]
    assert all(reach(lines) < sheet.width - MARGIN + 1 for sheet, lines in sheets)
    assert texts.count("shop 0") == 4
    assert all(f"{123_456_789 + at:,}" in texts for at in range(40))  # no number broken within
    assert "246,913,656" in texts


@pytest.mark.parametrize("name", ["חיפה", "القاهرة"])
def test_a_chart_that_paper_has_as_a_picture_has_letters_of_the_proses_size_too(make_document, name):
    document = make_document("{{ chart(rows, 'x', 'y', kind='bar') }}\n", {"rows": [{"x": name, "y": 1}]})
    (chart,), theme = document.charts, Theme()
    colours = Colours.of(theme)

    picture = drawing.on_paper(chart, document.language, theme, font=theme.font, text_size=12)

    assert picture == drawing.png(chart, document.language, colours, text_size=12)
    assert picture != drawing.png(chart, document.language, colours)


def test_tiles_side_by_side_are_of_one_height_on_paper(make_document):
    document = make_document(
        '{{ metric("Sold", 1234.5, format="currency:EUR", previous=1500, good="up") }}\n{{ metric("Left", 3) }}\n'
    )

    [(_, _, tiles)] = [(*sheet, boxes_of(sheet[0], "metric")) for sheet in sheets_of(document)]

    assert len(tiles) == 2
    assert len({round(tile.height) for tile in tiles}) == len({round(tile.position_y) for tile in tiles}) == 1
    assert tiles[1].position_x > tiles[0].position_x + tiles[0].width


def boxes_of(sheet, name):
    """Return the boxes of elements of a class."""
    found, waiting = [], [sheet._page_box]
    while waiting:
        box = waiting.pop(0)
        if box.element is not None and name in box.element.get("class", "").split():
            found.append(box)
        else:
            waiting += getattr(box, "children", ())
    return found
