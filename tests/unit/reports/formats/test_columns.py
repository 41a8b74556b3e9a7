from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_daybreak.reports.formats.columns import is_crowded, named_by, side_by_side, width_of
from tests.examples import examples


@examples(200)
@given(st.lists(st.integers(2, 200), min_size=1, max_size=60))
def test_each_column_stands_on_paper_once_beside_the_first_and_no_part_is_too_wide(widths):
    parts = list(side_by_side(widths))

    assert all(part[0] == 0 for part in parts)
    assert [column for part in parts for column in part[1:]] == list(range(1, len(widths)))
    assert all(sum(widths[column] for column in part) <= 140 or len(part) <= 2 for part in parts)


def test_what_has_room_in_the_usual_print_is_not_crowded():
    assert not is_crowded([[0, 1]], [50, 50])
    assert is_crowded([[0, 1], [0, 2]], [50, 40, 51])


def test_a_column_is_as_wide_as_its_longest_word_which_paper_may_break():
    assert width_of(["a", "longer"]) == 8
    assert width_of(["k" * 70]) == 22
    assert width_of([]) == 2


def test_a_table_is_called_by_its_columns_as_far_as_that_is_read_out_in_a_breath():
    assert named_by(["Shop", "", "Day"]) == "Shop, Day"
    assert named_by(["column"] * 20) == "column, " * 7 + "colu…"
