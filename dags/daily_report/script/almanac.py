"""
Print a place's day: sun, moon and public holidays, as one line of JSON.

    almanac.py --place Berlin --date 2026-03-29

The date is DAYBREAK_REPORT_DATE where there is no --date. A place is a city that astral knows, or
"name,country,latitude,longitude,zone" such as "Tromsø,NO,69.65,18.96,Europe/Oslo".
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from math import acos, cos, pi, radians, sin, tau
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays
from astral import Observer, moon
from astral.geocoder import database, lookup
from astral.julian import julianday, julianday_to_juliancentury
from astral.sun import dawn, dusk, noon, sun_declination, sunrise, sunset

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400
PARTS = ("name", "country", "latitude", "longitude", "zone")
POLE, ANTIMERIDIAN = 90, 180
TWILIGHTS = {"civil": 6, "nautical": 12, "astronomical": 18}  # degrees of the sun below the horizon
SUN_RADIUS = 0.833  # degrees: the sun's upper edge, lifted by refraction, stands on the horizon
LUNAR_MONTH = 28  # astral counts a phase from 0 up to 28
PHASES = (
    "New moon",
    "Waxing crescent",
    "First quarter",
    "Waxing gibbous",
    "Full moon",
    "Waning gibbous",
    "Last quarter",
    "Waning crescent",
)
# What astral's database calls a country, where the name is not one that the holidays package finds.
COUNTRIES = {
    "Cape Verde": "CV",
    "Cote d'Ivoire": "CI",
    "Czech Republic": "CZ",
    "Democratic Republic of the Congo": "CD",
    "Dominica Republic": "DO",
    "East Timor": "TL",
    "England": "GB",
    "Lao People's Democratic Republic": "LA",
    "Libyan Arab Jamahiriya": "LY",
    "Northern Ireland": "GB",
    "Priciplality Of Monaco": "MC",
    "Republic of China (Taiwan)": "TW",
    "Republic of Korea": "KR",
    "Republic of Singapore": "SG",
    "Russian Federation": "RU",
    "Scotland": "GB",
    "Swaziland": "SZ",
    "Syrian Arab Republic": "SY",
    "Tasmania": "AU",
    "The Former Yugoslav Republic of Macedonia": "MK",
    "Turkey": "TR",
    "UAE": "AE",
    "USA": "US",
    "United Republic of Tanzania": "TZ",
    "United States of Virgin Islands": "VI",
    "Wales": "GB",
}


@dataclass(frozen=True)
class Place:
    """Where the day is looked at."""

    name: str
    country: str
    latitude: float
    longitude: float
    zone: ZoneInfo

    @property
    def observer(self) -> Observer:
        """The place as astral takes it, at sea level."""
        return Observer(self.latitude, self.longitude)


def find_place(text: str) -> Place:
    """
    Return the place that the text names.

    :raises ValueError: it names none.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == len(PARTS):
        name, country, latitude, longitude, zone = parts
        try:
            place = Place(name, country, float(latitude), float(longitude), ZoneInfo(zone))
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise ValueError(
                f"place {text!r}: expected name,country,latitude,longitude,zone, such as "
                f"'Tromsø,NO,69.65,18.96,Europe/Oslo' ({error})"
            ) from error
        if abs(place.latitude) > POLE or abs(place.longitude) > ANTIMERIDIAN:
            raise ValueError(
                f"place {text!r}: expected a latitude within 90 and a longitude within 180 degrees"
            )
        return place
    try:
        found = lookup(text.strip(), database())
    except KeyError:
        found = None
    if found is None or isinstance(found, dict):
        raise ValueError(
            f"place {text!r}: expected a capital or large city, such as Berlin, or name,country,latitude,longitude,zone"
        )
    return Place(found.name, found.region, found.latitude, found.longitude, ZoneInfo(found.timezone))


def daylight(place: Place, day: date) -> dict[str, object]:
    """Return sunrise and sunset (local ISO instants, None where there is none) and the seconds between."""
    rise = instant(sunrise, place, day)
    fall = instant(sunset, place, day)
    if rise and fall:
        return {
            "sunrise": clock(rise),
            "sunset": clock(fall),
            "seconds": round((fall - rise).total_seconds()) % DAY,
            "polar": None,
        }
    # Near the poles one or both are missing. How long the sun is up then follows from its declination at noon.
    middle = noon(place.observer, day, tzinfo=timezone.utc)
    century = julianday_to_juliancentury(julianday(middle))
    declination, latitude = radians(sun_declination(century)), radians(place.latitude)
    cosine = (sin(radians(-SUN_RADIUS)) - sin(latitude) * sin(declination)) / (cos(latitude) * cos(declination))
    seconds = round(acos(min(max(cosine, -1.0), 1.0)) / pi * DAY)
    return {
        "sunrise": clock(rise) if rise else None,
        "sunset": clock(fall) if fall else None,
        "seconds": seconds,
        "polar": {0: "night", DAY: "day"}.get(seconds),
    }


def instant(function: Callable[..., datetime], place: Place, day: date, **options: float) -> datetime | None:
    """Return when the sun does that on that day, or None where it doesn't."""
    try:
        return function(place.observer, day, tzinfo=place.zone, **options)
    except ValueError:
        return None


def twilight(place: Place, day: date) -> list[dict[str, object]]:
    """Return each kind of twilight: when it begins in the morning and ends in the evening."""
    lines: list[dict[str, object]] = []
    for name, degrees in TWILIGHTS.items():
        begins = instant(dawn, place, day, depression=degrees)
        ends = instant(dusk, place, day, depression=degrees)
        lines.append(
            {"kind": name, "begins": clock(begins) if begins else None, "ends": clock(ends) if ends else None}
        )
    return lines


def moon_phase(day: date) -> dict[str, object]:
    """Return the moon's phase by name, as a number from 0 (new) to 28, and its lit share."""
    phase = moon.phase(day) % LUNAR_MONTH
    index = round(phase / LUNAR_MONTH * len(PHASES)) % len(PHASES)
    return {
        "name": PHASES[index],
        "phase": round(phase, 2),
        "lit": round((1 - cos(phase / LUNAR_MONTH * tau)) / 2, 3),
    }


def holidays_of(place: Place, day: date, *, count: int = 5) -> dict[str, object]:
    """Return the country's public holidays on that day and the next ones; none where the country is unknown."""
    country = COUNTRIES.get(place.country, place.country)
    codes = holidays.list_supported_countries()
    if country not in codes:
        names = {
            entity[0].lower(): entity[1] for entity in holidays.registry.COUNTRIES.values() if len(entity) > 1
        }
        country = names.get(country.replace(" ", "").lower(), country)
    if country not in codes:
        return {"country": place.country, "known": False, "today": [], "next": []}
    calendar = holidays.country_holidays(country, years=[day.year, day.year + 1], language="en_US")
    following = sorted((when, name) for when, name in calendar.items() if when > day)[:count]
    return {
        "country": place.country,
        "known": True,
        "today": [part.strip() for part in calendar.get(day, "").split(";") if part.strip()],
        "next": [
            {"date": when.isoformat(), "name": name, "days": (when - day).days} for when, name in following
        ],
    }


def clock(moment: datetime) -> str:
    """Return the local time to the second, with its offset."""
    return moment.replace(microsecond=0).isoformat()


def almanac(place: Place, day: date) -> dict[str, object]:
    """Return all of the day's facts."""
    today, before = daylight(place, day), daylight(place, day - timedelta(days=1))
    year = [date(day.year, 1, 1) + timedelta(days=index) for index in range(366)]
    return {
        "date": day.isoformat(),
        "place": {
            "name": place.name,
            "country": place.country,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "zone": place.zone.key,
        },
        "sunrise": today["sunrise"],
        "sunset": today["sunset"],
        "polar": today["polar"],
        "noon": clock(noon(place.observer, day, tzinfo=place.zone)),
        "day_length": today["seconds"],
        "day_length_before": before["seconds"],
        "twilight": twilight(place, day),
        "moon": moon_phase(day),
        "holidays": holidays_of(place, day),
        "year": [
            {"day": one.isoformat(), "seconds": daylight(place, one)["seconds"]}
            for one in year
            if one.year == day.year
        ],
    }


def main() -> None:
    """Print the almanac as the last line."""
    parser = argparse.ArgumentParser(description="Print a place's day as one line of JSON.")
    parser.add_argument("--place", default="Berlin")
    parser.add_argument("--date", default=os.environ.get("DAYBREAK_REPORT_DATE", ""))
    given = parser.parse_args()
    try:
        day = date.fromisoformat(given.date)
    except ValueError:
        parser.error(f"date {given.date!r}: expected one such as 2026-03-29, by --date or DAYBREAK_REPORT_DATE")
    try:
        place = find_place(given.place or "Berlin")
    except ValueError as error:
        parser.error(str(error))  # ends with 2, after which nobody tries the same again
    print(json.dumps(almanac(place, day), ensure_ascii=False))


if __name__ == "__main__":
    main()
