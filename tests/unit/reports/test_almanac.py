"""The almanac's script beside the sunrise equation and the mean moon, which share no code with astral."""

from __future__ import annotations

import importlib.util
import itertools
import json
import math
import os
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "dags" / "daily_report" / "script" / "almanac.py"
NEW_MOON = datetime(2000, 1, 6, 18, 14, tzinfo=timezone.utc)
SYNODIC_MONTH = 29.530588853  # days


def run_script(*arguments, environment=None):
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )


@pytest.fixture(scope="module")
def almanac():
    """The script's own function, of a place and a day, loaded once."""
    spec = importlib.util.spec_from_file_location("almanac_script", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    sys.modules["almanac_script"] = script  # dataclasses look their module up
    spec.loader.exec_module(script)
    yield lambda place, day: script.almanac(script.find_place(place), date.fromisoformat(day))
    del sys.modules["almanac_script"]


def sun_by_equation(day, latitude, longitude):
    """Return sunrise and sunset in UTC by the sunrise equation (Meeus, low precision), or None near the poles."""
    days = (day - date(2000, 1, 1)).days
    noon = days - longitude / 360
    anomaly = math.radians((357.5291 + 0.98560028 * noon) % 360)
    centre = 1.9148 * math.sin(anomaly) + 0.02 * math.sin(2 * anomaly) + 0.0003 * math.sin(3 * anomaly)
    ecliptic = math.radians((math.degrees(anomaly) + centre + 180 + 102.9372) % 360)
    transit = noon + 0.0053 * math.sin(anomaly) - 0.0069 * math.sin(2 * ecliptic)
    declination = math.asin(math.sin(ecliptic) * math.sin(math.radians(23.4397)))
    phi = math.radians(latitude)
    cosine = (math.sin(math.radians(-0.833)) - math.sin(phi) * math.sin(declination)) / (
        math.cos(phi) * math.cos(declination)
    )
    if abs(cosine) > 1:
        return None
    half = math.degrees(math.acos(cosine)) / 360
    epoch = datetime(2000, 1, 1, 12, tzinfo=timezone.utc)
    return epoch + timedelta(days=transit - half), epoch + timedelta(days=transit + half)


@pytest.mark.parametrize("place", ["Berlin", "Wellington", "Quito", "Reykjavik", "Apia"])
@pytest.mark.parametrize("day", ["2024-02-29", "2026-03-29", "2026-06-21", "2026-10-25", "2026-12-31"])
def test_the_sun_rises_and_sets_when_the_equation_says(almanac, place, day):
    facts = almanac(place, day)
    where = facts["place"]

    rise, fall = sun_by_equation(date.fromisoformat(day), where["latitude"], where["longitude"])
    # East of the antimeridian's noon the local day is another one than that of UTC: by 24 h at most.
    for ours, theirs in ((facts["sunrise"], rise), (facts["sunset"], fall)):
        moment = datetime.fromisoformat(ours)
        apart = (moment - theirs).total_seconds()
        assert abs((apart + 43_200) % 86_400 - 43_200) < 300
        assert abs((moment.date() - date.fromisoformat(day)).days) <= (place == "Reykjavik")
    assert abs(facts["day_length"] - (fall - rise).total_seconds()) < 300


@pytest.mark.parametrize("day", ["2024-01-11", "2026-03-29", "2026-08-12", "2026-12-24"])
def test_the_moon_is_as_old_as_the_mean_moon(almanac, day):
    moon = almanac("Berlin", day)["moon"]

    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    age = ((noon - NEW_MOON).total_seconds() / 86_400 % SYNODIC_MONTH) / SYNODIC_MONTH
    apart = abs(moon["phase"] / 28 - age)
    assert min(apart, 1 - apart) < 0.05


def test_holidays_are_those_of_the_place(almanac):
    facts = almanac("Berlin", "2026-10-03")

    assert facts["holidays"]["today"] == ["German Unity Day"]
    assert facts["holidays"]["next"][0] == {"date": "2026-12-25", "name": "Christmas Day", "days": 83}


@pytest.mark.parametrize(
    ("day", "polar", "length"), [("2026-12-21", "night", 0), ("2026-06-21", "day", 86_400)]
)
def test_near_the_pole_the_sun_stays_below_or_above(almanac, day, polar, length):
    facts = almanac("Tromsø,NO,69.65,18.96,Europe/Oslo", day)

    assert (facts["polar"], facts["day_length"]) == (polar, length)
    assert facts["sunrise"] is facts["sunset"] is None
    seconds = [entry["seconds"] for entry in facts["year"]]
    assert max(abs(after - before) for before, after in itertools.pairwise(seconds)) < 3600


def test_the_date_may_come_from_the_run():
    printed = run_script(environment={"DAYBREAK_REPORT_DATE": "2026-03-29"}).stdout

    assert json.loads(printed)["date"] == "2026-03-29"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--date", "29.3.2026"], "date '29.3.2026': expected one such as 2026-03-29"),
        (["--date", "2026-03-29", "--place", "Atlantis"], "place 'Atlantis': expected a capital"),
        (["--date", "2026-03-29", "--place", "a,DE,95,0,UTC"], "expected a latitude within 90"),
        (["--date", "2026-03-29", "--place", "a,DE,5,0,Mars"], "expected name,country,latitude,longitude,zone"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments, message):
    outcome = run_script(*arguments)

    assert outcome.returncode == 2
    assert message in outcome.stderr
    assert "Traceback" not in outcome.stderr
