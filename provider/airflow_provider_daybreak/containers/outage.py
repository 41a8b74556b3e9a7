"""An engine or a cluster that goes away while it works for us, and comes back."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_daybreak.exceptions import EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

_Value = TypeVar("_Value")

log = logging.getLogger(__name__)

_PATIENCE = 60
"""Seconds that an engine may be away while a container runs: a restart takes a few."""
_ANOTHER = 30
"""Seconds without a failure after which an engine has been back: more than a failing connection takes."""


def through_outages(step: Callable[[], _Value], noticed: Callable[[], None] = lambda: None) -> _Value:
    """
    Return what a step returns, which is begun again for a minute while who does it can't be reached.

    :param step: may be begun again at any time.
    :param noticed: called at each failure that is waited for.
    :raises EngineUnavailableError: it stays away.
    """
    began = last = float("-inf")
    while True:
        try:
            return step()
        except EngineUnavailableError as error:  # noqa: PERF203 - the loop turns once a second of an outage
            now = time.monotonic()
            if now - last > _ANOTHER:  # it had answered for a while: another outage
                began = now
                log.warning("%s. Waiting %s s for it", error, _PATIENCE)
            last = now
            if now - began > _PATIENCE:
                raise
            noticed()
            time.sleep(1)
