"""What keeps the index up to date beside the API server, while somebody looks: no request waits long for it."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta, timezone
from threading import Lock, Thread

from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.hooks.overview import OverviewHook

log = logging.getLogger(__name__)

_OFTEN = 5.0  # seconds between two looks for what is new
_PATIENCE = 0.1  # seconds that a request waits for what is new
_LONGEST = 1.0  # second that somebody waits who did something
_EVERYTHING = timedelta(hours=1)


class Keeper:
    """One for an API server's process. It does nothing until it is asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._hook: OverviewHook | None = None
        self._thread: Thread | None = None
        self._looked = -_OFTEN

    def hook(self, now: datetime) -> OverviewHook:
        """
        Return what answers, as fresh as it can be had at once; a thread goes on with what takes longer.

        :param now: the present instant, with its zone.
        """
        with self._lock:
            if self._hook is None:
                self._hook = OverviewHook()
            idle = self._thread is None or not self._thread.is_alive()
            begins = idle and time.monotonic() - self._looked >= _OFTEN
            if begins:
                self._looked = time.monotonic()
                self._thread = Thread(
                    target=self._refresh, args=(self._hook, now), name="daybreak-index", daemon=True
                )
                self._thread.start()
            thread, hook = self._thread, self._hook
        if thread is not None and (
            begins or not hook.answers
        ):  # the others have what was right some seconds ago
            thread.join(_PATIENCE)
        return hook

    def look_again(self) -> None:
        """Have the next answer know what somebody just did."""
        now = datetime.now(timezone.utc)
        hook = self.hook(now)
        try:
            hook.refresh(now, wait=_LONGEST)
        except DaybreakError as error:  # what was done is done, and the next page says what is wrong
            log.warning("The index of reports is not up to date: %s", error)
        hook.renew(now)

    def _refresh(self, hook: OverviewHook, now: datetime) -> None:
        try:
            complete = hook.index.freshness().complete
            hook.refresh(now)  # what is new first: the page is right at once
            hook.renew(now)
            if not complete or datetime.now(timezone.utc) - datetime.fromisoformat(complete) > _EVERYTHING:
                hook.refresh(now, everything=True)
                hook.renew(datetime.now(timezone.utc))
        except DaybreakError as error:  # the page says it, and since when
            log.warning("The index of reports is not up to date: %s", error)
        except Exception:  # a thread has nobody else to tell
            log.exception("The index of reports can't be brought up to date")


KEEPER = Keeper()
"""That of this process."""
