from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import UnboundParameterError
from airflow_provider_daybreak.reports.sources.query import bind


def test_names_become_placeholders_with_their_values_in_order():
    query, values = bind("SELECT :b, :a, :b", {"a": 1, "b": 2}, "?")

    assert (query, values) == ("SELECT ?, ?, ?", [2, 1, 2])


def test_quotes_comments_and_casts_are_left_alone():
    sql = """SELECT ':a', ":a", x::date, '10%' -- :a
    /* :a */ FROM t WHERE y = :a AND z LIKE '%:a''%'"""

    query, values = bind(sql, {"a": 1}, "%s")

    assert values == [1]
    assert query == sql.replace("%", "%%").replace("y = :a", "y = %s")


def test_a_name_without_a_value_is_refused_with_those_there_are():
    with pytest.raises(UnboundParameterError, match=":c, which has no value: expected one of a, b"):
        bind("SELECT :c", {"b": 1, "a": 2}, "?")
