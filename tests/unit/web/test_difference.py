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


def test_of_a_line_of_megabytes_what_changed_is_shown_with_a_little_before_it():
    start = "tea " * 400_000

    [line] = difference(f"{start}and 7 more", f"{start}and 8 more")
    assert [text for text, changed in line.left if changed] == ["7"]
    assert [text for text, changed in line.right if changed] == ["8"]
    assert sum(len(text) for text, _ in line.left) < 200


def test_texts_that_have_little_in_common_are_shown_as_far_as_somebody_reads():
    before, after = ("\n".join(f"{word} {number}" for number in range(3000)) for word in ("tea", "rum"))

    found = difference(before, after)
    assert len(found) < 1100
    assert found[-1].kind == "skipped"


def test_words_are_compared_until_it_takes_too_long_and_then_lines_alone():
    texts = ["\n".join(f"{number} " + "a b " * 400 for number in range(start, start + 9)) for start in (0, 9)]

    found = difference(*texts)
    assert [line.kind for line in found] == ["changed"] * 9
    assert ("a", True) not in found[0].left
    assert found[-1].left == [(texts[0].splitlines()[-1][:2000], True)]
