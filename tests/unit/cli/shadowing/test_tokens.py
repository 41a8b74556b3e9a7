"""Texts are compared as people would: dates, times and numbers as what they are, and all else to the letter."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.cli.shadowing.tokens import Tolerance, compare, plain
from airflow_provider_daybreak.exceptions import InvalidValueError

HOUR = Tolerance()


def verdict(before, after, tolerance=HOUR):
    return compare(before, after, tolerance).verdict


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("12 sold.\n", "12  sold.\r\n"), ("a b", "a\n\tb"), ("Grüße, 1 000 €", "Grüße, 1 000 €")],
)
def test_white_space_alone_makes_no_difference(before, after):
    assert verdict(before, after) == "same"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("made at 09:00:03", "made at 09:00:41.5"),
        ("made 2026-03-29 09:00", "made 2026-03-29 09:20"),
        ("made 2026-03-29T09:00:01", "made 2026-03-29 09:00:02"),
        ("at 23:59", "at 00:01"),
    ],
)
def test_times_within_the_hour_are_close(before, after):
    assert verdict(before, after) == "close"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("for 2026-03-29", "for 2026-03-28"),
        ("for 29.03.2026", "for 28.03.2026"),
        ("for 29 March 2026", "for 28 March 2026"),
        ("am 29. März 2026", "am 28. März 2026"),
        ("le 29 mars 2026", "le 28 mars 2026"),
        ("on March 29, 2026", "on March 28, 2026"),
        ("at 09:00", "at 11:00"),
        ("12 sold", "13 sold"),
        ("sold", "Sold"),
        ("sold", "sold more"),
        ("sold more", "sold"),
        ("", "sold"),
        ("12%", "12"),
        ("-3", "3"),
    ],
)
def test_another_day_another_number_or_another_word_is_different(before, after):
    assert verdict(before, after) == "different"


def test_a_day_apart_is_close_where_a_day_is_allowed():
    assert verdict("29.03.2026", "28.03.2026", Tolerance(minutes=24 * 60)) == "close"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1,234.50", "1,235.00"),
        ("1.234,50", "1.235,00"),
        ("1'234.50", "1'235.00"),
        ("1,234", "1,235"),
        ("12.5", "12.6"),
        ("-100", "-101"),
        ("1,234,567", "1,234,999"),
    ],
)
def test_numbers_within_a_share_are_close_however_they_are_written(before, after):
    assert verdict(before, after, Tolerance.of("1%", 0)) == "close"
    assert verdict(before, after) == "different"


def test_numbers_within_an_amount_are_close():
    assert verdict("total 12", "total 12.5", Tolerance.of("0.5", 0)) == "close"
    assert verdict("total 12", "total 13", Tolerance.of("0.5", 0)) == "different"


def test_a_difference_is_shown_with_the_words_around_it():
    found = compare(
        "In all 12 boxes were sold in the north today.", "In all 13 boxes were sold in the north today.", HOUR
    )

    assert (found.before, found.after) == ("In all 12 boxes were sold in", "In all 13 boxes were sold in")


def test_what_one_side_lacks_is_shown_as_nothing_more():
    assert compare("a b", "a", HOUR).after == "(nothing more)"


@pytest.mark.parametrize(
    ("numbers", "minutes"), [("x", 0), ("-1", 0), ("nan", 0), ("inf", 0), ("1", -1), ("1", float("nan"))]
)
def test_a_tolerance_that_is_none_is_refused(numbers, minutes):
    with pytest.raises(InvalidValueError, match="--numbers|--minutes"):
        Tolerance.of(numbers, minutes)


@pytest.mark.parametrize("text", ["99.99.2026", "31 February 2026", "0000-00-00", "2026-13-45", "99:99"])
def test_what_only_looks_like_a_date_breaks_nothing(text):
    assert verdict(text, text) == "same"
    assert verdict(text, "29.03.2026") == "different"


def test_what_changes_from_day_to_day_is_no_part_of_a_kind():
    assert (
        plain("Sales of 29 March 2026: 1,234 sold")
        == plain("Sales of 28 February 2026: 7 sold")
        == "sales of sold"
    )
