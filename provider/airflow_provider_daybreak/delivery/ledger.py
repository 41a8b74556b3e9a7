"""
The ledger of what was mailed to whom: a mail goes out once, or is visibly in doubt.

It has a folder for each mail, named by its key: report, period, recipient, and occasion. In it stand::

    prepared.json     what will be sent: content, Message-ID and Date
    commit.0          created, if absent, just before DATA: who creates it, and nobody else, may send
    alive.0           says that the sender was at work then, where that takes long: by its last change, and by what it holds
    outcome.0.json    what the server said: sent, refused, deferred; or that nobody knows
    note.json         why nothing was sent at the last occasion that nothing was

A deferred mail is tried again as ``commit.1``, and so on. A commit without an outcome is in flight and, once
its process has ended or renewed it no more, in doubt. RFC 5321 can't tell more: the server may
or may not have taken the mail, so "at most once" is what can be promised, with a visible unknown.
"""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Literal, cast

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.delivery.claims import beat, clocks_apart, lifetime_of, now, silence
from airflow_provider_daybreak.delivery.facts import Facts, dump, parse, read
from airflow_provider_daybreak.delivery.process import identity
from airflow_provider_daybreak.delivery.upkeep import Upkeep
from airflow_provider_daybreak.exceptions import LedgerUnsafeError
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)

SCHEMA = 1

KEY = re.compile(r"[0-9a-f]{64}")
"""What names a mail's folder."""
_COMMIT = re.compile(r"commit\.([0-9]{1,6})")
_OUTCOME = re.compile(r"outcome\.([0-9]{1,6})\.json")

Standing = Literal["new", "deferred", "in_flight", "in_doubt", "sent", "refused"]
Status = Literal["sent", "refused", "deferred", "unknown"]
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
    :param watch: how long to look for a sign of life before a mail in doubt is sent again, where the storage's clock alone
        says that there was none.
    """

    key: str
    standing: Standing
    generation: int = 0
    facts: Facts = field(default_factory=dict)
    until: datetime | None = None
    watch: timedelta = timedelta()

    @property
    def reason(self) -> str:
        """What the server, or whoever settled it, said."""
        return str(self.facts.get("reason", ""))


class Ledger:
    """
    The ledger of one report's period.

    :param folder: its folder. It lies beside the revisions of the day on which the period starts.
    :param upkeep: what it shares with other ledgers, and who gave it ends; its own when None.
    """

    def __init__(self, folder: StoragePath, *, upkeep: Upkeep | None = None) -> None:
        self.folder = folder
        self._upkeep = upkeep or Upkeep()
        self._shares = upkeep is not None
        self._former: frozenset[str] | None = None

    def __repr__(self) -> str:
        return f"Ledger({str(self.folder)!r})"

    def probe(self, *, at_once: int = 1) -> None:
        """
        Make sure that of several who create the same file one alone is told that he did.

        Ledgers that share their upkeep do so once for each disk or bucket.

        :param at_once: how many try at the same time, before another one does. A store that looks first, and then writes, passes
            where there is one.
        :raises LedgerUnsafeError: several were told that they did; nothing may be sent.
        """
        place = storage.place(self.folder)
        if self._shares and place in self._upkeep.proven:
            return
        path = self.folder / f"probe.{secrets.token_hex(8)}"

        def create(number: int) -> bool:
            return storage.create_if_absent(path, b"%d" % number)

        try:
            if at_once == 1:
                created = [create(0)]
            else:
                with ThreadPoolExecutor(at_once) as pool:
                    created = list(pool.map(create, range(at_once)))
            if [*created, create(at_once)].count(True) != 1:
                raise LedgerUnsafeError(str(self.folder))
            apart = clocks_apart(self.folder, storage.changed(path))
        finally:
            with suppress(FileNotFoundError):
                path.unlink()
        if apart:
            log.warning("%s", apart)
        self._upkeep.proven.add(place)

    def entries(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return what it says of each of these mails, as it was at some moment of this call."""
        wanted = list(keys)
        return dict(zip(wanted, storage.each(self.folder, self.entry, wanted), strict=True))

    def watched(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        """
        Return what it says of these mails once nobody can be sending those that are in doubt.

        That takes a while where no more than the storage's clock tells so, which may have been set.
        """
        watched = {key: entry.watch for key, entry in entries.items() if entry.watch}
        if not watched:
            return dict(entries)
        longest = max(watched.values()).total_seconds()
        log.info("%d in doubt: looking for %.0f s whether they are still being sent", len(watched), longest)
        sleep(longest)
        return {**entries, **self.entries(watched)}

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
        known = parse(read(path))
        if known is not None and all(known.get(name) == facts.get(name) for name in ("digest", "encrypt")):
            return known
        self._put(path, {"schema": SCHEMA, **facts})
        return cast("Facts", facts)

    def commit(self, key: str, generation: int, facts: Mapping[str, object], *, intent: str = "send") -> bool:
        """
        Take the right to send this mail. Durable when it returns, and renewed until :meth:`held` ends.

        A loss of power may still tear what the commit says: that puts the mail in doubt, as does any commit
        without an outcome.

        :param facts: what will be sent.
        :param intent: ``send``, or ``refused`` when the server refused it beforehand.
        :return: whether it is ours; somebody else's otherwise, and nothing must be sent.
        """
        data = dump(
            {
                "schema": SCHEMA,
                **facts,
                "intent": intent,
                "lifetime": self._upkeep.lifetime.total_seconds(),
                "time": _now(),
                "owner": identity(),
                "beat": beat(),
                "nonce": secrets.token_hex(16),
            }
        )
        path = self.folder / key / f"commit.{generation}"
        began = now()
        try:
            # A store's client tries again by itself: then the file that was there is the one it made before.
            ours = storage.create_if_absent(path, data, durable="name") or read(path) == data
        except OSError as error:
            if read(path) == data:  # it is there, but may not be durable: say that nothing was sent by it
                self.settle(key, generation, "deferred", f"the ledger can't be written: {error}", facts)
            raise
        if ours and intent in _SENDING:
            self._upkeep.claims.hold(self._alive(key, generation), began)
        return ours

    @contextmanager
    def held(self, key: str, generation: int) -> Iterator[None]:
        """Renew a commit of ours until the block ends, and no longer."""
        try:
            yield
        finally:
            self._upkeep.claims.release(self._alive(key, generation))

    def stands(self, key: str, generation: int) -> bool:
        """Return whether a commit of ours is surely in flight to everybody else too."""
        return self._upkeep.claims.stands(self._alive(key, generation))

    def _alive(self, key: str, generation: int) -> StoragePath:
        return self.folder / key / f"alive.{generation}"

    def settle(
        self, key: str, generation: int, status: Status, reason: str, facts: Mapping[str, object]
    ) -> None:
        """
        Write down what became of a commit. Durable soon, beside what else is done, and after :meth:`synchronise`.

        Until it is durable a loss of power makes the mail one in doubt, never one that was not sent.
        """
        data = dump({"schema": SCHEMA, **facts, "status": status, "reason": reason, "time": _now()})
        path = self.folder / key / f"outcome.{generation}.json"
        storage.create_if_absent(path, data, durable="none")
        if isinstance(path, Path):
            self._upkeep.synchronise(path)

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
        """Wait until everything is durable that was settled, unless who shares in the upkeep does that for several ledgers."""
        if not self._shares:
            self._upkeep.end()

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
        # Most mails are sent by their first commit, and that says all: with a million of them a listing of each is what takes long.
        facts = parse(read(self.folder / f"{key}/outcome.0.json"))
        if facts is not None and facts.get("status") == "sent" and "recipient" in facts:
            return Entry(key, "sent", facts=facts), {}
        folder = self.folder / key
        names = storage.names(folder)
        known: Facts = {}
        for name in ("prepared.json", "note.json"):
            if name in names:
                known |= parse(read(folder / name)) or {}
        return self._entry(key, names), known

    def _put(self, path: StoragePath, facts: Mapping[str, object]) -> None:
        storage.write(path, dump(facts), durable="none")

    def _entry(self, key: str, names: Sequence[str]) -> Entry:
        commits = [int(match[1]) for match in map(_COMMIT.fullmatch, names) if match]
        outcomes = sorted(int(match[1]) for match in map(_OUTCOME.fullmatch, names) if match)
        settled = {
            number: facts
            for number in outcomes
            if (facts := parse(read(self.folder / key / f"outcome.{number}.json"))) is not None
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
        facts = parse(read(self.folder / key / f"commit.{last}")) or {}
        if facts.get("intent") == "refused":
            return Entry(key, "refused", last + 1, facts)
        lifetime = lifetime_of(facts)
        age, by_storage = silence(self.folder / key, last, facts)
        if age is None or age >= lifetime:
            watch = lifetime * 3 / 4 if by_storage and "lifetime" in facts else timedelta()
            return Entry(key, "in_doubt", last + 1, facts, watch=watch)
        until = datetime.now(timezone.utc) + lifetime - age
        return Entry(key, "in_flight", last + 1, facts, until)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
