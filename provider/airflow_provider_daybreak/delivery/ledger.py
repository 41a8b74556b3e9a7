"""
The ledger of what was mailed to whom: a mail goes out once, or is visibly in doubt.

It has a folder for each mail, named by its key: report, period, recipient, and occasion. In it stand::

    prepared.json     what will be sent: content, Message-ID and Date
    commit.0          created, if absent, just before DATA: who creates it, and nobody else, may send
    alive.0           its last change says that the sender was at work then, where that takes long
    outcome.0.json    what the server said: sent, refused, deferred; or that nobody knows
    note.json         why nothing was sent at the last occasion that nothing was

A deferred mail is tried again as ``commit.1``, and so on. A commit without an outcome is in flight and, once
its process has ended or renewed it no more, in doubt. RFC 5321 can't tell more: the server may
or may not have taken the mail, so "at most once" is what can be promised, with a visible unknown.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.delivery.claims import FORMER_LIFETIME, LIFETIME, Claim, Claims, now
from airflow_provider_daybreak.delivery.process import has_ended, identity
from airflow_provider_daybreak.exceptions import LedgerUnsafeError
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.storage import StoragePath

SCHEMA = 1

_SYNC_THREADS = 4
_MOST_UNSYNCHRONISED = 64  # outcomes
KEY = re.compile(r"[0-9a-f]{64}")
"""What names a mail's folder."""
_COMMIT = re.compile(r"commit\.([0-9]{1,6})")
_OUTCOME = re.compile(r"outcome\.([0-9]{1,6})\.json")

Standing = Literal["new", "deferred", "in_flight", "in_doubt", "sent", "refused"]
Status = Literal["sent", "refused", "deferred", "unknown"]
Facts = dict[str, Any]
_SENDING = ("send", "resend")
_SETTLED: dict[str, Standing] = {"refused": "refused", "deferred": "deferred"}


def key_of(report: str, period_key: str, recipient: str, occasion: str = "") -> str:
    """
    Return the key of a mail.

    Neither the run, nor the try, nor the content is part of it: those change when a day is done again, and
    that must not send again.

    :param report: slug of the report.
    :param period_key: what tells the period from any other.
    :param recipient: normalised address.
    :param occasion: empty for the day's mail; what else it is sent for, such as ``correction:<report date> r0002``.
    """
    digest = hashlib.sha256()
    for part in (f"daybreak-delivery-{SCHEMA}", report, period_key, recipient, occasion):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


@dataclass(frozen=True)
class Entry:
    """
    What the ledger says of one mail.

    :param standing: where it stands.
    :param generation: number of the commit that the next try to send it would take.
    :param facts: of its last outcome, or else of its last commit: who, when, what, the server's answer.
    :param until: when a mail in flight will be in doubt, unless its sender goes on.
    """

    key: str
    standing: Standing
    generation: int = 0
    facts: Facts = field(default_factory=dict)
    until: datetime | None = None

    @property
    def reason(self) -> str:
        """What the server, or whoever settled it, said."""
        return str(self.facts.get("reason", ""))


class Ledger:
    """
    The ledger of one report's period.

    :param folder: its folder. It lies beside the revisions of the day on which the period starts.
    :param lifetime: how long a commit made here is in flight without being renewed.
    """

    def __init__(self, folder: StoragePath, *, lifetime: timedelta = LIFETIME) -> None:
        self.folder = folder
        self._lifetime = lifetime
        self._claims = Claims(self._renew, lifetime)
        self._former: frozenset[str] | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._lock = Lock()
        self._synchronising: deque[Future[None]] = deque()

    def __repr__(self) -> str:
        return f"Ledger({str(self.folder)!r})"

    def probe(self) -> None:
        """
        Make sure that of two who create the same file one is told that he did not.

        :raises LedgerUnsafeError: both were told that they did; nothing may be sent.
        """
        path = self.folder / f"probe.{secrets.token_hex(8)}"
        try:
            if not storage.create_if_absent(path, b"1") or storage.create_if_absent(path, b"2"):
                raise LedgerUnsafeError(str(self.folder))
        finally:
            with suppress(FileNotFoundError):
                path.unlink()

    def entries(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return what it says of each of these mails, as it was at some moment of this call."""
        wanted = list(keys)
        return dict(zip(wanted, storage.each(self.folder, self.entry, wanted), strict=True))

    def entry(self, key: str) -> Entry:
        """Return what it says of one mail."""
        return self._entry(key, storage.names(self.folder / key))

    def known_as(self, key: str, former: Iterable[str]) -> str:
        """
        Return the key under which a mail is known: its own, unless it was sent, or may have been, under a former one.

        :param former: keys that older versions gave to the same mail. Nobody begins one any more.
        """
        if self._former is None:
            self._former = frozenset(storage.names(self.folder))
        found = [each for each in former if each in self._former] if self._former else []
        if not found:
            return key
        standings = {each: self.entry(each).standing for each in (key, *found)}
        sent = [each for each, standing in standings.items() if standing == "sent"]
        return (sent or [each for each, standing in standings.items() if standing != "new"] or [key])[0]

    def prepare(self, mails: Mapping[str, Mapping[str, object]]) -> dict[str, Facts]:
        """
        Write down what will be sent, of each mail for which that was not done before for the same content.

        What is written need not be durable, since every commit repeats it; the folders, which commits lie in,
        are when this returns, by one synchronisation for all of them.

        :param mails: facts by key, with ``digest``, by which the content is known.
        :return: what is written down now: the earlier facts where there were some.
        """
        if isinstance(self.folder, Path):
            local.make_folder(self.folder)
        prepared = storage.each(self.folder, lambda item: self._prepare(*item), mails.items())
        found = dict(zip(mails, prepared, strict=True))
        storage.synchronise([self.folder])
        return found

    def _prepare(self, key: str, facts: Mapping[str, object]) -> Facts:
        path = self.folder / key / "prepared.json"
        known = _parse(_read(path))
        if known is not None and known.get("digest") == facts.get("digest"):
            return known
        self._put(path, {"schema": SCHEMA, **facts})
        return dict(facts)

    def commit(self, key: str, generation: int, facts: Mapping[str, object], *, intent: str = "send") -> bool:
        """
        Take the right to send this mail. Durable when it returns, and renewed until :meth:`held` ends.

        A loss of power may still tear what the commit says: that puts the mail in doubt, as does any commit
        without an outcome.

        :param facts: what will be sent.
        :param intent: ``send``, or ``refused`` when the server refused it beforehand.
        :return: whether it is ours; somebody else's otherwise, and nothing must be sent.
        """
        data = _dump(
            {
                "schema": SCHEMA,
                **facts,
                "intent": intent,
                "lifetime": self._lifetime.total_seconds(),
                "time": _now(),
                "owner": identity(),
                "nonce": secrets.token_hex(16),
            }
        )
        path = self.folder / key / f"commit.{generation}"
        began = now()
        try:
            # A store's client tries again by itself: then the file that was there is the one it made before.
            ours = storage.create_if_absent(path, data, durable="name") or _read(path) == data
        except OSError as error:
            if _read(path) == data:  # it is there, but may not be durable: say that nothing was sent by it
                self.settle(key, generation, "deferred", f"the ledger can't be written: {error}", facts)
            raise
        if ours and intent in _SENDING:
            self._claims.hold((key, generation), began)
        return ours

    @contextmanager
    def held(self, key: str, generation: int) -> Iterator[None]:
        """Renew a commit of ours until the block ends, and no longer."""
        try:
            yield
        finally:
            self._claims.release((key, generation))

    def stands(self, key: str, generation: int) -> bool:
        """Return whether a commit of ours is surely in flight to everybody else too."""
        return self._claims.stands((key, generation))

    def _renew(self, claim: Claim) -> None:
        key, generation = claim
        storage.write(self.folder / key / f"alive.{generation}", b"", durable="none")

    def settle(
        self, key: str, generation: int, status: Status, reason: str, facts: Mapping[str, object]
    ) -> None:
        """
        Write down what became of a commit. Durable soon, beside what else is done, and after :meth:`synchronise`.

        Until it is durable a loss of power makes the mail one in doubt, never one that was not sent.
        """
        data = _dump({"schema": SCHEMA, **facts, "status": status, "reason": reason, "time": _now()})
        path = self.folder / key / f"outcome.{generation}.json"
        storage.create_if_absent(path, data, durable="none")
        if not isinstance(path, Path):
            return
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_SYNC_THREADS, thread_name_prefix="daybreak-ledger")
            self._synchronising.append(self._pool.submit(_synchronise, path))
            full = len(self._synchronising) > _MOST_UNSYNCHRONISED
            oldest = self._synchronising.popleft() if full else None
        if oldest is not None:
            oldest.result()

    def assume_sent(self, key: str, reason: str, facts: Mapping[str, object]) -> None:
        """Write down that the mail counts as sent, unless it was, or is being sent."""
        entry = self.entry(key)
        if entry.standing in ("sent", "in_flight"):
            return
        if self.commit(key, entry.generation, facts, intent="assume_sent"):
            self.settle(key, entry.generation, "sent", reason, facts)
            storage.synchronise([self.folder])
            self.synchronise()

    def note(self, key: str, status: str, reason: str, facts: Mapping[str, object]) -> None:
        """Write down why nothing was sent this time."""
        note = {"schema": SCHEMA, **facts, "status": status, "reason": reason, "time": _now()}
        self._put(self.folder / key / "note.json", note)

    def synchronise(self) -> None:
        """Wait until everything is durable that was settled."""
        try:
            while self._synchronising:
                self._synchronising.popleft().result()
        finally:
            pool, self._pool = self._pool, None
            if pool is not None:
                pool.shutdown()
            self._claims.end()

    def keys(self) -> list[str]:
        """Return the keys of all mails that it has."""
        return [key for key in storage.names(self.folder) if KEY.fullmatch(key)]

    def records(self, keys: Iterable[str] | None = None) -> Iterator[tuple[Entry, Facts]]:
        """
        Yield each mail's entry, and what else is known: what was prepared, or why nothing was sent.

        :param keys: of which mails; all when None.
        """
        yield from storage.each(self.folder, self.record, self.keys() if keys is None else keys)

    def record(self, key: str) -> tuple[Entry, Facts]:
        """Return one mail's entry, and what else is known of it."""
        folder = self.folder / key
        names = storage.names(folder)
        known: Facts = {}
        for name in ("prepared.json", "note.json"):
            if name in names:
                known |= _parse(_read(folder / name)) or {}
        return self._entry(key, names), known

    def _put(self, path: StoragePath, facts: Mapping[str, object]) -> None:
        storage.write(path, _dump(facts), durable="none")

    def _entry(self, key: str, names: Sequence[str]) -> Entry:
        commits = [int(match[1]) for match in map(_COMMIT.fullmatch, names) if match]
        outcomes = sorted(int(match[1]) for match in map(_OUTCOME.fullmatch, names) if match)
        settled = {
            number: facts
            for number in outcomes
            if (facts := _parse(_read(self.folder / key / f"outcome.{number}.json"))) is not None
        }
        for facts in settled.values():
            if facts.get("status") == "sent":
                return Entry(key, "sent", facts=facts)
        if not commits and not outcomes:
            return Entry(key, "new")
        last = max(*commits, *outcomes, -1)  # an outcome outlives its commit where a loss of power took that
        if last in settled:
            facts = settled[last]
            return Entry(key, _SETTLED.get(str(facts.get("status")), "in_doubt"), last + 1, facts)
        facts = _parse(_read(self.folder / key / f"commit.{last}")) or {}
        if facts.get("intent") == "refused":
            return Entry(key, "refused", last + 1, facts)
        left = self._left(key, last, facts)
        if left <= timedelta():
            return Entry(key, "in_doubt", last + 1, facts)
        until = datetime.now(timezone.utc) + left
        return Entry(key, "in_flight", last + 1, facts, until)

    def _left(self, key: str, generation: int, facts: Facts) -> timedelta:
        """Return how long a commit without an outcome is in flight from now on, unless it is renewed."""
        if not facts or has_ended(facts.get("owner")):
            return timedelta()
        folder = self.folder / key
        ages = [storage.age(folder / f"{kind}.{generation}") for kind in ("alive", "commit")]
        lifetime = _lifetime(facts)
        return lifetime - min((age for age in ages if age is not None), default=lifetime)


def _lifetime(facts: Facts) -> timedelta:
    """Return how long a commit is in flight without being renewed, by what it says."""
    seconds = facts.get("lifetime")
    if isinstance(seconds, (int, float)) and 0 < seconds <= FORMER_LIFETIME.total_seconds():
        return timedelta(seconds=seconds)
    return FORMER_LIFETIME


def _read(path: StoragePath) -> bytes | None:
    try:
        return storage.read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if not storage.is_no_file(error):
            raise
        return b""  # a link or a folder in its place says as much as a file that was torn


def _synchronise(path: Path) -> None:
    """Make a local file durable, and its name."""
    local.synchronise(path)
    local.synchronise(path.parent)


def _parse(data: bytes | None) -> Facts | None:
    """Return what a file says; None when it is not there, or was torn by a loss of power."""
    try:
        facts = json.loads(data or b"")
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None


def _dump(facts: Mapping[str, object]) -> bytes:
    return (json.dumps(facts, ensure_ascii=False, sort_keys=True) + "\n").encode()


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
