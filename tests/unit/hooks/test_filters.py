"""Which rows of the overview somebody asks for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timezone

import pytest

from airflow_provider_daybreak.hooks.filters import Filters, choices
from airflow_provider_daybreak.hooks.overview import Overview
from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.overview.facts import Archived, Freshness
from airflow_provider_daybreak.overview.standing import Standing

DAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 9, tzinfo=timezone.utc)
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
    counts = Overview(NOW, ROWS, Freshness()).counts

    assert next(iter(counts)) == "failed"
    assert counts["late"] == counts["delivered"] == 1
    assert choices(ROWS) == (["money"], ["ann", "bo", "cy"])


def test_all_is_good_for_whoever_asks_for_reports_that_are_whatever_others_are():
    arrived = replace(ROWS[1], standing=Standing("delivered", arrived=NOW))
    overview = Overview(NOW, [ROWS[0], arrived], Freshness())

    assert overview.good_since is None
    mine = overview.facts(Filters(owner="cy"))
    assert (mine["good_since"], mine["counts"]["late"]) == ("2026-11-27T09:00:00+00:00", 0)
    assert [row["report"] for row in mine["reports"]] == ["stock"]
    assert overview.facts(Filters(tag="money"))["good_since"] is None
    assert overview.facts(Filters(tag="money", state="delivered"))["good_since"] is None
    assert overview.facts(Filters(q="no such"))["good_since"] is None
