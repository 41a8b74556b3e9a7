"""What the index says of archive and ledger, as plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

_OWN = ("", "correction:")
"""How the occasion of a mail begins that is the period's own, or corrects it. What is sent for trial is neither."""

PATIENCE = timedelta(seconds=60)
"""How long a look at the archive lasts before it is said that there is no answer."""

WORST = ("in_doubt", "refused", "deferred", "waiting", "rejected", "held", "new", "in_flight")
"""Where a mail stands that was not sent, the worst first."""

UNSENT = ("in_doubt", "refused", "deferred", "waiting", "held", "rejected", "new")
"""Where a mail stands that somebody may have to see to."""


@dataclass(frozen=True)
class Mail:
    """
    One mail of a ledger.

    :param key: its folder's name.
    :param report_date: ISO date of the report that it was last about.
    :param standing: as ``delivery.audit.Record`` has it.
    :param time: when that was so, an ISO instant, or nothing.
    """

    key: str
    report_date: str
    revision: int
    recipient: str
    standing: str
    reason: str
    time: str
    occasion: str


@dataclass(frozen=True)
class UnsentMail:
    """
    A mail that was not sent.

    :param owner: the Dag whose the report is; nothing where none is known.
    :param dag_id: the Dag that made the revision; nothing where that is not known.
    """

    report: str
    mail: Mail
    owner: str = ""
    dag_id: str = ""


@dataclass(frozen=True)
class Mails:
    """
    How the mails of a period stand, in sum.

    :param standings: how many stand where, of the period's own and of corrections that are not settled.
    :param last_sent: when the last of them was sent, an ISO instant, or nothing.
    :param recipient: who stands worst, and ``reason`` why.
    """

    standings: Mapping[str, int] = field(default_factory=dict)
    last_sent: str = ""
    recipient: str = ""
    reason: str = ""

    @classmethod
    def of(cls, mails: Iterable[Mail]) -> Mails:
        """Return the sum of a ledger's mails."""
        counts: Counter[str] = Counter()
        last, worst = "", (len(WORST), "", "")
        for mail in mails:
            corrects = mail.occasion.startswith(_OWN[1])
            if (mail.occasion and not corrects) or (
                corrects and mail.standing not in ("in_doubt", "refused", "waiting")
            ):
                continue
            counts[mail.standing] += 1
            if mail.standing == "sent":
                last = max(last, mail.time)
            elif mail.standing in WORST:
                worst = min(worst, (WORST.index(mail.standing), mail.recipient, mail.reason))
        return cls(dict(counts), last, *worst[1:])

    def count(self, *standings: str) -> int:
        """Return how many mails stand at one of these."""
        return sum(self.standings.get(each, 0) for each in standings)

    @property
    def sent(self) -> int:
        """How many were sent."""
        return self.count("sent")

    @property
    def total(self) -> int:
        """How many there are, without those whom nothing was to be sent to."""
        return sum(self.standings.values()) - self.count("excluded")


@dataclass(frozen=True)
class Archived:
    """
    What the archive has of a report for a date: its newest revision that is no draft, or else its newest draft.

    :param created: when it was published, an ISO instant.
    :param ledger_day: day of the ledger of its period.
    :param run: ``{dag_id, run_id, task_id, …}`` of what made it, and the ``releases`` that it ran, ids by name.
    :param problem: what is wrong with its manifest, or nothing.
    :param revisions: how many there are for the date.
    :param mails: how the mails of its period stand.
    :param bytes: how large its files are, all together.
    """

    report: str
    report_date: date
    revision: int
    title: str = ""
    created: str = ""
    outcome: str = "ok"
    draft: bool = False
    ledger_day: date | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    revisions: int = 1
    mails: Mails = field(default_factory=Mails)
    bytes: int = 0


@dataclass(frozen=True)
class ReleaseInUse:
    """
    A release that a report is made with.

    :param name: what it is deployed under.
    :param release: id of the one that made the last revision; nothing where the Dag alone says that it uses the name.
    :param report_date: of that revision.
    """

    report: str
    dag_id: str
    name: str
    release: str = ""
    report_date: date | None = None


@dataclass(frozen=True)
class Freshness:
    """
    How well the index knows the archive.

    :param complete: when everything in it was looked at last, an ISO instant, or nothing.
    :param recent: when what is new was looked for last, an ISO instant, or nothing.
    :param done: how many days have been read of ``total`` while all is read; both 0 otherwise.
    :param problem: why the archive can't be read now, or nothing; ``since`` is when that began.
    :param began: when a look at the archive began that has not ended, an ISO instant, or nothing.
    """

    complete: str = ""
    recent: str = ""
    done: int = 0
    total: int = 0
    problem: str = ""
    since: str = ""
    began: str = ""

    def at(self, now: datetime) -> Freshness:
        """Return it as of an instant: with a problem where the archive has not answered for long."""
        if self.problem or self.total or not self.began:
            return self
        waited = now - datetime.fromisoformat(self.began)
        if waited < PATIENCE:
            return self
        return replace(
            self, problem=f"it has given no answer for {waited.total_seconds():.0f} seconds", since=self.began
        )
