from __future__ import annotations

import pytest

from airflow_provider_daybreak.jobs.zones import known_zone, zone_meant


@pytest.mark.parametrize(
    ("comment", "zone"),
    [
        ("9h Paris", "Europe/Paris"),
        ("Report for the board, 9:00 New York time", "America/New_York"),
        ("at 7am CET", "Europe/Paris"),
        ("runs at 06:30 Asia/Tokyo", "Asia/Tokyo"),
        ("07:00 UTC = 9 in Helsinki", "UTC"),
        ("Sales of Paris", ""),
        ("9h, for the Berlin office", ""),
        ("weekly, 9h", ""),
        ("9h Nowhere", ""),
    ],
)
def test_a_comment_with_a_time_and_a_place_means_its_zone(comment, zone):
    assert zone_meant([comment], "Europe/Berlin") == zone


def test_the_first_comment_that_says_so_counts():
    assert zone_meant(["Sales", "9h Paris", "9h Tokyo"], "UTC") == "Europe/Paris"


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Paris", "Europe/Paris"),
        ("Paris", "Europe/Paris"),
        ("New York", "America/New_York"),
        ("Mars", None),
        ("../etc", None),
        ("Europe", None),
    ],
)
def test_a_zone_may_be_called_by_its_city(name, zone):
    assert known_zone(name) == zone
