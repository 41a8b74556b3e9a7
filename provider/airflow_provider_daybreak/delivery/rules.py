"""When a mail goes out, and what else whoever mails may choose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

OnCorrection = Literal["archive", "send"]
OnRefused = Literal["fail", "warn"]
OnUnknown = Literal["hold", "resend", "assume_sent"]
Mode = Literal["send", "hold", "dry_run"]

MAX_BYTES = 25_000_000
"""Bytes that a mail may have unless somebody says otherwise: what common servers take."""

MOST_CONNECTIONS = 50
"""Connections at once that a server may be asked for: what is more than that helps no mail."""

PAUSES = (2.0, 10.0, 30.0)
"""Seconds before each further round to those whom the server put off. Greylisting takes longer: retries do that."""


def check_choice(name: str, value: object, choices: object) -> None:
    """
    Refuse a value that is none of the choices.

    :param name: what the value is called where it was given.
    :param choices: a ``Literal`` of texts.
    :raises InvalidValueError: it is none of them.
    """
    *others, last = get_args(choices)
    if value not in (*others, last):
        raise InvalidValueError(name, value, f"{', '.join(others)} or {last}")


@dataclass(frozen=True)
class Rules:
    """
    When a mail goes out.

    :param max_lateness: how long after its period's end a report is still mailed; for ever when None.
    :param on_correction: whether new content for a period that was mailed is mailed too, or only archived.
    :param on_unknown: what to do about mails that may or may not have been sent.
    :param max_bytes: bytes that a mail may have; what the server takes when None.
    :param connections: how many connections to the server mails go out over at once.
    :param pauses: seconds before each further round to those whom the server put off.
    """

    max_lateness: timedelta | None = timedelta(days=7)
    on_correction: OnCorrection = "archive"
    on_unknown: OnUnknown = "hold"
    max_bytes: int | None = None
    connections: int = 1
    pauses: Sequence[float] = PAUSES

    def __post_init__(self) -> None:
        check_choice("on_correction", self.on_correction, OnCorrection)
        check_choice("on_unknown", self.on_unknown, OnUnknown)
        if type(self.connections) is not int or not 0 < self.connections <= MOST_CONNECTIONS:
            raise InvalidValueError(
                "connections", self.connections, f"a whole number from 1 to {MOST_CONNECTIONS}"
            )
        if self.max_lateness is not None and not isinstance(self.max_lateness, timedelta):
            raise InvalidValueError("max_lateness", self.max_lateness, "a timedelta, or None for no limit")

    def why_late(self, period_end: datetime, now: datetime) -> str | None:
        """Return why it is too late to mail a report whose period ended then; None when it isn't."""
        lateness = now - period_end
        if self.max_lateness is None or lateness <= self.max_lateness:
            return None
        return (
            f"too late: its period ended {_days(lateness)} ago, and max_lateness is {_days(self.max_lateness)}; "
            f"a run whose param mail_even_if_late is true mails it, and so does 'airflow daybreak resend'"
        )


def _days(length: timedelta) -> str:
    days, rest = divmod(length, timedelta(days=1))
    hours = rest // timedelta(hours=1)
    return " ".join(
        part for part in (f"{days} d" if days else "", f"{hours} h" if hours or not days else "") if part
    )
