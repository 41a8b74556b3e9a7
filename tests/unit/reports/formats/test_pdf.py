from __future__ import annotations

import pytest

from airflow_provider_daybreak.reports.charts.drawing import Colours
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
