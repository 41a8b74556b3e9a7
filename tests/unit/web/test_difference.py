"""What changed between two texts, by lines, and in them by words and numbers."""

from __future__ import annotations

from airflow_provider_daybreak.web.difference import Line, difference


def test_texts_that_are_the_same_have_no_difference():
    assert difference("a\nb\n", "a\nb\n") == []


def test_a_number_that_changed_is_marked_whole_and_what_stays_is_not():
    [line] = difference("Total 1,204.50 EUR", "Total 1,310.00 EUR")

    assert line.kind == "changed"
    assert line.left == [("Total ", False), ("1,204.50", True), (" EUR", False)]
    assert line.right == [("Total ", False), ("1,310.00", True), (" EUR", False)]


def test_lines_that_came_or_went_stand_on_their_side_alone():
    assert difference("a\nb", "a") == [
        Line("same", [("a", False)], [("a", False)]),
        Line("gone", [("b", True)]),
    ]
    assert difference("a", "a\nb")[-1] == Line("new", (), [("b", True)])


def test_lines_far_from_a_change_are_left_out():
    text = [str(number) for number in range(40)]
    changed = [*text[:5], "x", *text[6:35], "y", *text[36:]]

    found = difference("\n".join(text), "\n".join(changed))
    assert [line.kind for line in found].count("skipped") == 1
    assert len(found) == 15


def test_texts_of_too_many_lines_are_not_compared():
    assert difference("a\n" * 5000, "b") is None
