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
    from weasyprint import HTML

    document, theme = make_document("{{ table(rows) }}\n", {"rows": [row]}), Theme()
    text = page.html(document, theme, {}, colours=Colours.of(theme), css=pdf._css(document, theme), paper=True)

    (sheet,) = HTML(string=text).render().pages
    lines = [box for box in sheet._page_box.descendants() if getattr(box, "text", "")]

    assert max(box.position_x + box.width for box in lines) < sheet.width - 16 / 25.4 * 96 + 1  # its margin
    assert len("".join(box.text for box in lines)) >= sum(len(str(value)) for value in row.values())
