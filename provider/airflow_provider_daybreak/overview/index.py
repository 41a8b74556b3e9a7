"""
The index: what archive and ledger say, in a SQLite file that answers in milliseconds. It is never the truth.

It can be removed at any time, and is made anew from the archive. One that is damaged, or of another version, is
thrown away. Of several processes that use one file, one at a time brings it up to date; the others read meanwhile.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import IndexUnwritableError
from airflow_provider_daybreak.overview.facts import UNSENT, Archived, Freshness, Mail, Mails, UnsentMail

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from airflow_provider_daybreak.overview.reading import Day

log = logging.getLogger(__name__)

SCHEMA = 2
_BUSY = 10.0  # seconds that a write waits for another process's
_PAUSE = 0.05
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS report (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, owner TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS day (
    report INTEGER NOT NULL, day TEXT NOT NULL, signature TEXT NOT NULL, unsettled INTEGER NOT NULL,
    touched REAL NOT NULL, mails TEXT NOT NULL, PRIMARY KEY (report, day)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS day_unsettled ON day (day) WHERE unsettled > 0;
CREATE INDEX IF NOT EXISTS day_touched ON day (touched);
CREATE TABLE IF NOT EXISTS revision (
    report INTEGER NOT NULL, report_date TEXT NOT NULL, revision INTEGER NOT NULL, title TEXT NOT NULL,
    created TEXT NOT NULL, outcome TEXT NOT NULL, draft INTEGER NOT NULL, ledger_day TEXT NOT NULL, bytes INTEGER NOT NULL,
    run TEXT NOT NULL, problem TEXT NOT NULL, by_schedule INTEGER NOT NULL, PRIMARY KEY (report, report_date, revision)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS revision_by_schedule ON revision (report, report_date) WHERE by_schedule = 1;
CREATE TABLE IF NOT EXISTS delivery (
    report INTEGER NOT NULL, day TEXT NOT NULL, key BLOB NOT NULL, report_date TEXT NOT NULL, revision INTEGER NOT NULL,
    recipient TEXT NOT NULL, standing TEXT NOT NULL, reason TEXT NOT NULL, time TEXT NOT NULL, occasion TEXT NOT NULL,
    PRIMARY KEY (report, day, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_unsent ON delivery (standing, time) WHERE standing != 'sent';
"""


def index_path(folder: Path, archive_uri: str) -> Path:
    """Return where the index of an archive lies in a folder: one of another archive, or version, is another file."""
    digest = hashlib.sha256(f"{SCHEMA}\n{archive_uri}".encode()).hexdigest()[:16]
    return folder / f"{digest}.sqlite"


class Index:
    """
    The index of an archive.

    :param path: its file; made, with its folder, when it is first used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r})"

    @contextmanager
    def alone(self, *, wait: float = 0) -> Iterator[bool]:
        """
        Say whether this process alone may bring it up to date until the block ends. A process that dies gives that up.

        :param wait: seconds to wait for another one.
        """
        self._make_folder()
        descriptor = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        deadline = time.monotonic() + wait
        try:
            while not (ours := _lock(descriptor)) and time.monotonic() < deadline:
                time.sleep(_PAUSE)
            yield ours
        finally:
            os.close(descriptor)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._make_folder()
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = OFF")  # what a loss of power tears is made anew
                if not connection.execute("PRAGMA user_version").fetchone()[0]:
                    connection.execute("PRAGMA journal_mode = WAL")  # who reads waits for nobody
                    connection.executescript(_TABLES + f"PRAGMA user_version = {SCHEMA};")
                yield connection
        except sqlite3.OperationalError as error:
            raise IndexUnwritableError(str(self.path), str(error)) from error

    def _make_folder(self) -> None:
        try:
            self.path.parent.mkdir(mode=0o770, parents=True, exist_ok=True)
        except OSError as error:
            raise IndexUnwritableError(str(self.path), error.strerror or str(error)) from error

    def _answer(self, ask: Callable[[sqlite3.Connection], Any]) -> Any:
        """Return what is asked, of an index that is made anew, and empty, where it is damaged."""
        try:
            with self._opened() as connection:
                return ask(connection)
        except sqlite3.DatabaseError as error:
            log.warning("The index %s is damaged (%s), and is made anew", self.path, error)
            self.discard()
        with self._opened() as connection:
            return ask(connection)

    def discard(self) -> None:
        """Throw it away: it is empty then."""
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    # What it is told.

    def put(self, days: Iterable[Day]) -> None:
        """Take over what days of the archive say, in place of what it knew of them, all or nothing."""
        self._answer(lambda connection: _put(connection, list(days)))

    def put_owners(self, owners: Mapping[str, str]) -> None:
        """Take over which Dag owns each report, by name. Reports that are not among them are forgotten."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                known = dict(connection.execute("SELECT name, id FROM report"))
                for gone in known.keys() - owners.keys():
                    for table in ("day", "revision", "delivery"):
                        connection.execute(f"DELETE FROM {table} WHERE report = ?", (known[gone],))  # noqa: S608 - our own tables  # nosec B608
                    connection.execute("DELETE FROM report WHERE id = ?", (known[gone],))
                connection.executemany(
                    "INSERT INTO report (name, owner) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET owner = excluded.owner",
                    owners.items(),
                )

        self._answer(write)

    def note(self, **facts: object) -> None:
        """Keep facts of :class:`Freshness`, by name, or others of who brings it up to date."""
        rows = [(name, json.dumps(value)) for name, value in facts.items()]
        self._answer(
            lambda connection: connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        )

    # What it is asked.

    def noted(self, name: str) -> Any:
        """Return a fact that was noted, or None."""
        ask = "SELECT value FROM meta WHERE name = ?"
        found = self._answer(lambda connection: connection.execute(ask, (name,)).fetchone())
        return json.loads(found[0]) if found else None

    def freshness(self) -> Freshness:
        """Return how well it knows the archive."""
        rows = self._answer(lambda connection: connection.execute("SELECT name, value FROM meta").fetchall())
        known = {name: json.loads(value) for name, value in rows}
        found = Freshness(**{name: known[name] for name in Freshness.__dataclass_fields__ if name in known})
        return found.at(datetime.now(timezone.utc))

    def owners(self) -> dict[str, str]:
        """Return the Dag that owns each report; an empty text where none is known."""
        return dict(
            self._answer(lambda connection: connection.execute("SELECT name, owner FROM report").fetchall())
        )

    def signatures(
        self, days: Collection[tuple[str, str]] | None = None
    ) -> dict[tuple[str, str], tuple[str, int]]:
        """
        Return what each day looked like when it was read, and how many of its mails are not settled.

        :param days: reports with ISO dates; all when None.
        """
        ask = "SELECT name, day, signature, unsettled FROM day JOIN report ON report.id = day.report"

        def read(connection: sqlite3.Connection) -> dict[tuple[str, str], tuple[str, int]]:
            if days is None:
                rows: Iterable[tuple[Any, ...]] = connection.execute(ask)
            else:
                one = f"{ask} WHERE name = ? AND day = ?"
                rows = [row for each in days for row in connection.execute(one, each)]
            return {(name, day): (signature, unsettled) for name, day, signature, unsettled in rows}

        found: dict[tuple[str, str], tuple[str, int]] = self._answer(read)
        return found

    def restless(self, *, since: date, touched: float) -> list[tuple[str, str]]:
        """
        Return the days that may well change: with mails that are not settled, or that changed lately.

        :param since: first day, of those with mails that are not settled.
        :param touched: seconds since 1970.
        """
        ask = (
            "SELECT name, day FROM day JOIN report ON report.id = day.report "
            "WHERE (unsettled > 0 AND day >= ?) OR touched >= ?"
        )
        return list(
            self._answer(lambda connection: connection.execute(ask, (since.isoformat(), touched)).fetchall())
        )

    def archived(
        self, *, since: date, until: date, report: str | None = None
    ) -> dict[str, dict[date, Archived]]:
        """
        Return what the archive has for each date of each report.

        :param since: first report date.
        :param until: last report date, included.
        :param report: only that report's.
        """
        ask = (
            "SELECT name, report_date, revision, title, created, outcome, draft, ledger_day, run, problem, day.mails, bytes "
            "FROM revision JOIN report ON report.id = revision.report "
            "LEFT JOIN day ON day.report = revision.report AND day.day = ledger_day "
            "WHERE report_date BETWEEN ? AND ?" + (" AND name = ?" if report else "")  # values are bound  # nosec B608
        )
        values = (since.isoformat(), until.isoformat(), *([report] if report else []))
        found: dict[str, dict[date, list[Archived]]] = {}
        for row in self._answer(lambda connection: connection.execute(ask, values).fetchall()):
            one = _archived(row)
            found.setdefault(one.report, {}).setdefault(one.report_date, []).append(one)
        return {
            name: {day: _standing_for(revisions) for day, revisions in days.items()}
            for name, days in found.items()
        }

    def first_by_schedule(self) -> dict[str, date]:
        """Return the first report date of each report that a run made which its schedule started."""
        return self._dates("MIN", " AND by_schedule = 1")

    def last_dates(self) -> dict[str, date]:
        """Return the last report date of each report."""
        return self._dates("MAX", "")

    def _dates(self, which: str, condition: str) -> dict[str, date]:
        ask = (
            f"SELECT name, (SELECT {which}(report_date) FROM revision WHERE revision.report = report.id{condition}) "  # noqa: S608 - our own words  # nosec B608
            "FROM report"
        )
        rows = self._answer(lambda connection: connection.execute(ask).fetchall())
        return {name: date.fromisoformat(day) for name, day in rows if day}

    def last_runs(self) -> dict[str, tuple[date, dict[str, Any]]]:
        """Return, for each report, the date and the run of its last revision that is no draft."""
        ask = (
            "SELECT name, report_date, run FROM report JOIN revision ON revision.report = report.id AND (report_date, revision) = "
            "(SELECT report_date, revision FROM revision AS one WHERE one.report = report.id AND NOT draft AND problem = '' "
            "ORDER BY report_date DESC, revision DESC LIMIT 1)"
        )
        rows = self._answer(lambda connection: connection.execute(ask).fetchall())
        return {name: (date.fromisoformat(day), json.loads(run)) for name, day, run in rows}

    def mails(self, report: str, day: date) -> list[Mail]:
        """Return the mails of a ledger, by recipient."""
        ask = (
            "SELECT lower(hex(key)), report_date, revision, recipient, standing, reason, time, occasion FROM delivery "
            "JOIN report ON report.id = delivery.report WHERE name = ? AND day = ? ORDER BY recipient, occasion"
        )
        rows = self._answer(lambda connection: connection.execute(ask, (report, day.isoformat())).fetchall())
        return [Mail(*row) for row in rows]

    def unsent(self, most: int = 10_000) -> list[UnsentMail]:
        """
        Return the mails of all reports that were not sent, the newest first.

        :param most: how many, at most.
        """
        marks = ", ".join("?" * len(UNSENT))
        ask = (
            "SELECT name, owner, revision.run, lower(hex(key)), delivery.report_date, delivery.revision, recipient, standing, reason, "  # noqa: S608 - values are bound
            "time, occasion FROM delivery JOIN report ON report.id = delivery.report LEFT JOIN revision ON "
            "revision.report = delivery.report AND revision.report_date = delivery.report_date "
            f"AND revision.revision = delivery.revision WHERE standing IN ({marks}) AND standing != 'sent' "
            "ORDER BY time DESC, name, recipient LIMIT ?"  # nosec B608
        )
        rows = self._answer(lambda connection: connection.execute(ask, (*UNSENT, most)).fetchall())
        return [
            UnsentMail(name, Mail(*mail), owner, str(json.loads(run).get("dag_id", "")) if run else "")
            for name, owner, run, *mail in rows
        ]


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _put(connection: sqlite3.Connection, days: list[Day]) -> None:
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for name in {day.report for day in days}:
            connection.execute("INSERT OR IGNORE INTO report (name) VALUES (?)", (name,))
        ids = dict(connection.execute("SELECT name, id FROM report"))
        places = [(ids[day.report], day.day.isoformat()) for day in days]
        connection.executemany("DELETE FROM revision WHERE report = ? AND report_date = ?", places)
        connection.executemany("DELETE FROM delivery WHERE report = ? AND day = ?", places)
        connection.executemany("DELETE FROM day WHERE report = ? AND day = ?", places)
        for (report, name), day in zip(places, days, strict=True):
            if not day.signature:
                continue  # it is gone
            mails = json.dumps(asdict(Mails.of(day.mails))) if day.mails else ""
            row = (report, name, day.signature, day.unsettled, day.touched, mails)
            connection.execute("INSERT INTO day VALUES (?, ?, ?, ?, ?, ?)", row)
            connection.executemany(
                "INSERT INTO revision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                ((report, name, *revision) for revision in day.revisions),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        report,
                        name,
                        bytes.fromhex(mail.key),
                        mail.report_date,
                        mail.revision,
                        mail.recipient,
                        mail.standing,
                        mail.reason,
                        mail.time,
                        mail.occasion,
                    )
                    for mail in day.mails
                ),
            )


def _archived(row: tuple[Any, ...]) -> Archived:
    name, day, revision, title, created, outcome, draft, ledger_day, run, problem, mails, size = row
    return Archived(
        report=name,
        report_date=date.fromisoformat(day),
        revision=revision,
        title=title,
        created=created,
        outcome=outcome,
        draft=bool(draft),
        ledger_day=date.fromisoformat(ledger_day) if ledger_day else None,
        run=json.loads(run),
        problem=problem,
        mails=Mails(**json.loads(mails)) if mails else Mails(),
        bytes=size,
    )


def _standing_for(revisions: list[Archived]) -> Archived:
    """Return the revision that stands for its date: the newest that is no draft, or else the newest."""
    best = max(revisions, key=lambda one: (not one.draft and not one.problem, one.revision))
    return Archived(**{**vars(best), "revisions": len(revisions)})
