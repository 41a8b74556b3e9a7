"""What an address asks the overview for."""

from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.overview.facts import Archived
from airflow_provider_daybreak.overview.standing import Standing
from airflow_provider_daybreak.web.filters import Filters, choices, counted
from airflow_provider_daybreak.web.words import WORDS, language_of

DAY = date(2026, 11, 27)
ROWS = [
    Row("sales", "sales_dag", DAY, None, Standing("late"), owner="ann, bo", tags=("money",)),
    Row(
        "stock", "stock", DAY, None, Standing("delivered"), Archived("stock", DAY, 1, title="Größe"), owner="cy"
    ),
]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["sales", "stock"]),
        ({"tag": "money"}, ["sales"]),
        ({"owner": "bo"}, ["sales"]),
        ({"owner": "b"}, []),
        ({"q": "SALES_D"}, ["sales"]),
        ({"q": "größe"}, ["stock"]),
        ({"state": "late"}, ["sales"]),
        ({"state": "open"}, ["sales"]),
        ({"state": "no such"}, []),
        ({"state": "late", "q": "stock"}, []),
        ({"page": "3"}, ["sales", "stock"]),
        ({"q": "x" * 100_000}, []),
    ],
)
def test_rows_are_those_that_the_address_asks_for(query, found):
    filters = Filters.of(query)

    assert [row.report for row in filters.shown(filters.matching(ROWS))] == found


def test_an_address_keeps_what_it_asks_for_when_one_thing_changes():
    filters = Filters.of({"q": "a&b=c#<script>", "tag": "money"})

    assert filters.address(state="late") == "state=late&tag=money&q=a%26b%3Dc%23%3Cscript%3E"
    assert filters.address(tag="", q="") == ""


def test_states_are_counted_the_worst_first_and_tags_and_owners_are_offered_once():
    assert next(iter(counted(ROWS))) == "failed"
    assert counted(ROWS)["late"] == counted(ROWS)["delivered"] == 1
    assert choices(ROWS) == (["money"], ["ann", "bo", "cy"])


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "", "en"),
        ("fr", "en-GB,en;q=0.9", "fr"),
        ("", "fr-CA,fr;q=0.8,en;q=0.5", "fr"),
        ("", "de-DE,de;q=0.9,fr;q=0.5", "fr"),
        ("de", "ja", "en"),
        ("../../etc", "<script>", "en"),
    ],
)
def test_the_language_is_that_of_airflows_ui_or_else_of_the_browser(cookie, accepted, language):
    assert language_of(cookie, accepted) == language


def test_each_language_says_everything_with_the_same_values():
    import string

    def places(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert WORDS["fr"].keys() == WORDS["en"].keys()
    assert all(places(WORDS["fr"][name]) == places(text) for name, text in WORDS["en"].items())
