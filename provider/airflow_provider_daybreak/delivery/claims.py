"""
Claims on mails that are being sent: renewed while their sender lives, and known to him as lapsed before anybody else.

A claim is a commit without an outcome. Who finds one, and can't ask whether its process still runs, tells by its age,
and that by one clock: that of the storage. It ends after its lifetime, unless it is renewed. A sender whose
machine stood still reckons with a clock that went on, and ends no mail whose claim may be another's by now.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIFETIME = timedelta(minutes=2)
"""How long a claim stands that nobody renews, unless ``[daybreak] claim_lifetime`` says otherwise."""

FORMER_LIFETIME = timedelta(minutes=20)
"""That of a claim that says none, which nobody renews: RFC 5321 §4.5.3.2 gives 2 + 3 + 10 minutes from DATA on."""

Claim = tuple[str, int]
"""A mail's key, and the number of its commit."""

log = logging.getLogger(__name__)


def now() -> float:
    """Return seconds of a clock that nobody sets, and that goes on while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Claims:
    """
    The claims that this process holds in one ledger.

    :param renew: writes down that a claim is alive.
    :param lifetime: of each.
    """

    def __init__(self, renew: Callable[[Claim], None], lifetime: timedelta) -> None:
        self._renew = renew
        self._lifetime = lifetime.total_seconds()
        self._held: dict[Claim, float] = {}
        self._lock = Lock()
        self._released = Event()
        self._thread: Thread | None = None

    def hold(self, claim: Claim, since: float) -> None:
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

    def release(self, claim: Claim) -> None:
        """Renew it no more."""
        with self._lock:
            self._held.pop(claim, None)

    def stands(self, claim: Claim) -> bool:
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

    def _renew_one(self, claim: Claim) -> None:
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
