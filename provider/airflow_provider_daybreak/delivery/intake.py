"""What a script mails, as it is taken in: files, in the order they came, and whom it was refused for."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.rules import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RelayedMessage:
    """
    A message that the relay took.

    :param sender: address of the envelope; empty for the null sender.
    :param recipients: addresses of the envelope, each once.
    :param file: its bytes: lines that end with CR and LF, as they were before the transfer.
    """

    sender: str
    recipients: tuple[str, ...]
    file: Path


@dataclass(frozen=True)
class Limits:
    """
    What a relay takes.

    :param max_bytes: bytes of one message.
    :param max_total: bytes of all messages.
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :param users: ids of the only users whose programs may connect; any when empty.
    """

    max_bytes: int = MAX_BYTES
    max_total: int = 1_000_000_000
    allowed_domains: Sequence[str] = ()
    users: Collection[int] = ()


class Intake:
    """
    What was taken, and what was not.

    :param folder: where messages go.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.limits = limits
        self._folder = folder
        self._lock = Lock()
        self._taken: list[RelayedMessage] = []
        self._refused: dict[str, str] = {}
        self._total = 0
        self._numbers = count(1)

    @property
    def messages(self) -> list[RelayedMessage]:
        """The messages that it took, in that order."""
        with self._lock:
            return list(self._taken)

    @property
    def refused(self) -> dict[str, str]:
        """
        What it answered to messages that it did not take, by recipient, unless it took a later one.

        One that was refused before it named a recipient is called ``a message of <sender>``.
        """
        with self._lock:
            return dict(self._refused)

    def new_path(self) -> Path:
        """Return a path for a message."""
        return self._folder / f"{next(self._numbers)}.eml"

    def take(self, message: RelayedMessage, size: int) -> int | None:
        """Keep a message of that many bytes, and return how many there are; None when there is no room for it."""
        with self._lock:
            if self._total + size > self.limits.max_total:
                return None
            self._total += size
            self._taken.append(message)
            for name in (*message.recipients, message_of(message.sender)):
                self._refused.pop(name, None)
            return len(self._taken)

    def refuse(self, names: Sequence[str], reply: str) -> str:
        """Remember who did not get a message, or whose was not taken, and return the reply."""
        with self._lock:
            self._refused.update(dict.fromkeys(names, reply))
        log.warning("The script's mail (%s) is refused: %s", ", ".join(names), reply)
        return reply


def message_of(sender: str) -> str:
    """Return what a message is called that was refused before it named a recipient."""
    return f"a message of {sender}"
