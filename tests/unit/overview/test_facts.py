"""How well the index knows the archive, as time goes by."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.overview.facts import PATIENCE, Freshness

NOW = datetime(2026, 11, 27, 9, 5, tzinfo=timezone.utc)
LONG_AGO = (NOW - PATIENCE).isoformat()


def test_a_look_that_does_not_end_is_an_archive_that_gives_no_answer_since_it_began():
    found = Freshness(recent="2026-11-27T09:00:00+00:00", began=LONG_AGO).at(NOW)

    assert found.problem == "it has given no answer for 60 seconds"
    assert (found.since, found.recent) == (LONG_AGO, "2026-11-27T09:00:00+00:00")


@pytest.mark.parametrize(
    "known",
    [
        Freshness(),
        Freshness(began=(NOW - PATIENCE + timedelta(seconds=1)).isoformat()),
        Freshness(began=LONG_AGO, done=1, total=9),
        Freshness(began=LONG_AGO, problem="its disk is away", since="2026-11-27T08:00:00+00:00"),
    ],
)
def test_a_look_that_ended_goes_on_or_was_told_of_is_none(known):
    assert known.at(NOW) == known
