"""
Claims on mails that are being sent: renewed while their sender lives, and known to him as lapsed before anybody else.

A claim is a commit without an outcome. Who finds one, and can't ask whether its process still runs, tells by its age,
and that by one clock: one that nobody sets on the machine that made it, elsewhere that of the storage. It ends after its
lifetime, unless it is renewed. A sender whose machine stood still reckons with a clock that went on, and ends no mail whose
claim may be another's by now.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.delivery.facts import Facts, dump, parse, read
from airflow_provider_daybreak.delivery.process import has_ended, uptime_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_daybreak.storage import StoragePath

LIFETIME = timedelta(minutes=2)
"""How long a claim stands that nobody renews, unless ``[daybreak] claim_lifetime`` says otherwise."""

FORMER_LIFETIME = timedelta(minutes=20)
"""That of a claim that says none, which nobody renews: RFC 5321 §4.5.3.2 gives 2 + 3 + 10 minutes from DATA on."""

_CLOCKS = timedelta(minutes=1)
"""How far apart clocks may be: what is dated by them is right to the minute."""

_Claim = TypeVar("_Claim")

log = logging.getLogger(__name__)


def now() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def beat() -> Facts:
    """Return what a sender writes down with each sign of life: what time it is by a clock that nobody sets."""
    return {"clock": uptime_clock(), "seconds": now()}


def give_sign(alive: StoragePath) -> None:
    """Write down, in the file that stands for it, that a sender is at work."""
    storage.write(alive, dump({"beat": beat()}), durable="none")


def _since(beat: object) -> timedelta | None:
    """Return how long ago a sign of life was, or None where it was on another machine, or before this one was started."""
    if not isinstance(beat, dict) or not beat.get("clock") or beat["clock"] != uptime_clock():
        return None
    seconds = beat.get("seconds")
    return timedelta(seconds=now() - seconds) if isinstance(seconds, (int, float)) else None


def lifetime_of(facts: Facts) -> timedelta:
    """Return how long a commit is in flight without being renewed, by what it says."""
    seconds = facts.get("lifetime")
    if isinstance(seconds, (int, float)) and 0 < seconds <= FORMER_LIFETIME.total_seconds():
        return timedelta(seconds=seconds)
    return FORMER_LIFETIME


def silence(folder: StoragePath, generation: int, facts: Facts) -> tuple[timedelta | None, bool]:
    """
    Return how long the sender of a commit without an outcome has given no sign of life, and whether the storage says so.

    None where there will be no more.

    :param folder: the mail's.
    :param facts: what the commit says.
    """
    if not facts or has_ended(facts.get("owner")):
        return None, False
    alive = folder / f"alive.{generation}"
    signs = [facts, parse(read(alive)) or {}]
    here = [since for sign in signs if (since := _since(sign.get("beat"))) is not None]
    if here:
        return min(here), False
    age = storage.age(alive)
    if age is None:
        age = storage.age(folder / f"commit.{generation}")
    if age is not None and age < -lifetime_of(facts):
        age = timedelta()  # the storage's clock was set back: it begins anew by that
        try:
            storage.write(alive, b"", durable="none")
        except OSError:
            log.warning("%s is stamped by a clock that was ahead, and can't be stamped again", alive)
    return age, True


def clocks_apart(folder: StoragePath, theirs: datetime | None) -> str:
    """
    Return what is wrong where this machine and a storage do not agree what time it is; empty where they do.

    :param folder: where it is looked.
    :param theirs: what time it is there, as far as that is known.
    """
    ahead = theirs - datetime.now(timezone.utc) if theirs else timedelta()
    if abs(ahead) <= _CLOCKS:
        return ""
    return (
        f"this machine's clock is {timedelta(seconds=round(abs(ahead).total_seconds()))} {'behind' if ahead > timedelta() else 'ahead of'} "
        f"that of {folder}: no mail goes out twice for that, but this machine's dates the mails, and says what is too late to be "
        f"mailed. Have both follow a time server (timedatectl set-ntp true)"
    )


class Claims(Generic[_Claim]):
    """
    The claims that this process holds.

    :param renew: writes down that a claim is alive.
    :param lifetime: of each.
    """

    def __init__(self, renew: Callable[[_Claim], None], lifetime: timedelta) -> None:
        self._renew = renew
        self._lifetime = lifetime.total_seconds()
        self._held: dict[_Claim, float] = {}
        self._lock = Lock()
        self._released = Event()
        self._thread: Thread | None = None

    def hold(self, claim: _Claim, since: float) -> None:
        """
        Renew a claim from now on.

        :param since: when making it began, by :func:`now`.
        """
        with self._lock:
            self._held[claim] = since
            if self._thread is None:
                self._released.clear()
                self._thread = Thread(target=self._keep, name="daybreak-ledger-claims", daemon=True)
                self._thread.start()

    def release(self, claim: _Claim) -> None:
        """Renew it no more."""
        with self._lock:
            self._held.pop(claim, None)

    def stands(self, claim: _Claim) -> bool:
        """Return whether nobody can have taken it for one of a sender that is gone: with a quarter to spare."""
        with self._lock:
            since = self._held.get(claim)
        return since is not None and now() - since < self._lifetime * 3 / 4

    def end(self) -> None:
        """End the thread, unless claims are held."""
        with self._lock:
            thread = self._thread if not self._held else None
            if thread is not None:
                self._released.set()
        if thread is not None:
            thread.join()

    def _keep(self) -> None:
        beat = self._lifetime / 4
        while True:
            self._released.wait(beat)
            with self._lock:
                if not self._held:
                    self._thread = None
                    return
                self._released.clear()
                due = [claim for claim, since in self._held.items() if now() - since >= beat]
            for claim in due:
                self._renew_one(claim)

    def _renew_one(self, claim: _Claim) -> None:
        if not self.stands(claim):  # another may have it by now: once lapsed, it stays so
            return
        since = now()
        try:
            self._renew(claim)
        except OSError as error:
            log.warning("A mail's claim can't be renewed, and is given up unless that gets better: %s", error)
            return
        with self._lock:
            if claim in self._held and now() - self._held[claim] < self._lifetime * 3 / 4:
                self._held[claim] = since
