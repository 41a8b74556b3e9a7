from __future__ import annotations

import re

import pytest

from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.formats import page
from airflow_provider_daybreak.reports.formats.markdown_table import MarkdownTable
from airflow_provider_daybreak.reports.theme import Theme

SOURCE = "| `Shop` | Sold **today** |\n| --- | --- |\n| Rome | 1 |\n| Garmisch | [2](https://example.org) |\n"


@pytest.fixture
def markdown():
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table")


@pytest.fixture
def table(markdown):
    return MarkdownTable(markdown.parse(SOURCE))


def test_it_is_called_by_its_columns_and_as_wide_as_its_longest_words(table):
    assert table.name == "Shop, Sold today"
    assert table.widths == [len("Garmisch") + 2, len("today") + 2]


def test_a_part_of_it_has_its_columns_and_no_others(table, markdown):
    markup = markdown.renderer.render(list(table.of([1])), markdown.options, {})

    assert re.findall(r"<t[hd]>(.*?)</t", markup) == [
        "Sold <strong>today</strong>",
        "1",
        '<a href="https://example.org">2</a>',
    ]
    assert markup.count("<tr>") == 3


@pytest.mark.parametrize("columns", [1, 4, 16, 40])
def test_every_cell_of_one_stands_on_paper_and_its_first_column_in_each_part(make_document, columns):
    names = [f"name{at}x" for at in range(columns)]
    cells = [[f"cell{row}at{at}x" for at in range(columns)] for row in range(3)]
    lines = [names, ["---"] * columns, *cells]
    document = make_document("\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n")

    theme = Theme()
    text = page.html(document, theme, {}, colours=Colours.of(theme), css="", paper=True)

    parts = text.count("<table")
    assert all(text.count(f">{name}<") == (parts if name == names[0] else 1) for name in names)
    assert all(text.count(f">{line[0]}<") == parts for line in cells)
    assert all(text.count(f">{cell}<") == 1 for line in cells for cell in line[1:])
    assert (parts > 1) == (columns > 12)
