"""Brings each recipient's mail to the server once, and the ledger up to what the server said."""

from __future__ import annotations

import logging
import random
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import partial
from threading import Lock
from time import sleep
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.connections import work_over
from airflow_provider_daybreak.delivery.rules import PAUSES, OnUnknown, check_choice
from airflow_provider_daybreak.delivery.transport import Dropped
from airflow_provider_daybreak.exceptions import (
    DeliveryIncompleteError,
    DeliveryInFlightError,
    DeliveryPendingError,
    SenderRefusedError,
    SmtpError,
    SmtpUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.delivery.connections import Connection
    from airflow_provider_daybreak.delivery.ledger import Entry, Ledger, Status
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.rules import OnRefused
    from airflow_provider_daybreak.delivery.transport import Session

log = logging.getLogger(__name__)

_PROGRESS_EVERY = 100  # mails
_REASONS = 3  # that a sentence names
_NO_UTF8 = "the server takes only ASCII before the @ of an address (it offers no SMTPUTF8)"


@dataclass(frozen=True)
class Mail:
    """
    One recipient's mail.

    :param key: its key in the ledger.
    :param message_id: in angle brackets; the same for every try.
    :param facts: what the ledger writes down of it.
    :param envelope_sender: whom its envelope is from, when not as the others'.
    """

    key: str
    recipient: Recipient
    message_id: str
    facts: Mapping[str, Any] = field(repr=False)
    envelope_sender: str | None = None


@dataclass
class Summary:
    """
    What became of each mail, by address.

    :param sent: Message-IDs of those that the server took now.
    :param already_sent: Message-IDs of those that it took before.
    :param deferred: reasons of those to try again.
    :param in_flight: of these, those that another task is sending: until when that may be, as an ISO instant.
    :param refused: reasons of those that the server will not take.
    :param unknown: reasons of those that it may or may not have taken.
    :param held: reasons of those that were not to be sent.
    """

    sent: dict[str, str] = field(default_factory=dict)
    already_sent: dict[str, str] = field(default_factory=dict)
    deferred: dict[str, str] = field(default_factory=dict)
    in_flight: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)

    @property
    def nothing(self) -> str:
        """Why nobody has got anything, now or before, where somebody was to; empty otherwise."""
        if self.sent or self.already_sent:
            return ""
        reasons = list(dict.fromkeys((*self.held.values(), *self.refused.values())))
        more = f"; and {len(reasons) - _REASONS} more" if len(reasons) > _REASONS else ""
        return "; ".join(reasons[:_REASONS]) + more

    def add(self, other: Summary, report: str) -> None:
        """Take over what became of another report's mails, told apart where somebody gets both."""
        known = {address for each in vars(self).values() for address in each}
        for name, values in vars(other).items():
            mine: dict[str, str] = getattr(self, name)
            for address, value in values.items():
                mine[f"{address} ({report})" if address in known else address] = value

    def leave(self, address: str, entry: Entry) -> None:
        """Leave a mail to the task that is sending it."""
        until = (entry.until or datetime.now(timezone.utc)).isoformat(timespec="seconds")
        self.deferred[address] = f"another task has been sending it since {entry.facts.get('time')}"
        self.in_flight[address] = until

    def check(self, report: str, *, on_refused: OnRefused = "fail") -> None:
        """
        Raise if somebody should have got a mail who did not.

        :raises DeliveryInFlightError: another task is sending to all who wait.
        :raises DeliveryPendingError: another try may reach some.
        :raises DeliveryIncompleteError: none will reach any of them.
        """
        refused = self.refused if on_refused == "fail" else {}
        sent = len(self.sent) + len(self.already_sent)
        if self.deferred and self.deferred.keys() <= self.in_flight.keys():
            until = max(self.in_flight.values())
            raise DeliveryInFlightError(report, sent, self.deferred, refused, self.unknown, until)
        if self.deferred:
            raise DeliveryPendingError(report, sent, self.deferred, refused, self.unknown)
        if refused or self.unknown:
            raise DeliveryIncompleteError(report, sent, refused, self.unknown)


def would_send(entry: Entry, on_unknown: OnUnknown) -> bool:
    """Return whether a mail that stands so is to be sent: what is asked about and what is sent are the same."""
    return entry.standing in ("new", "deferred") or (entry.standing == "in_doubt" and on_unknown == "resend")


class Sender:
    """
    Sends mails, each once, on as few connections as it takes.

    :param ledger: what says who may send.
    :param connect: opens a session.
    :param render: returns a mail's bytes in chunks, and their number, given what the server takes at most.
    :param envelope_sender: whom envelopes are from.
    :param on_unknown: what to do about mails that may or may not have been sent: nothing, send them again
        with the same Message-ID, or take them for sent.
    :param approved: where somebody had to approve them, keys of the mails that may be sent, each with whether it may be
        sent again; all when None.
    :param pauses: seconds before each further round.
    :param connections: how many to send over at once, as far as the server takes them.
    """

    def __init__(
        self,
        ledger: Ledger,
        connect: Callable[[], Session],
        render: Callable[[Mail, int | None], tuple[Iterator[bytes], int]],
        *,
        envelope_sender: str,
        on_unknown: OnUnknown = "hold",
        approved: Mapping[str, bool] | None = None,
        pauses: Sequence[float] = PAUSES,
        connections: int = 1,
    ) -> None:
        check_choice("on_unknown", on_unknown, OnUnknown)
        self.ledger = ledger
        self.summary = Summary()
        self.events: list[str] = []  # as count_mails takes them, without what an earlier try came to
        self._connect = connect
        self._render = render
        self._envelope_sender = envelope_sender
        self._on_unknown = on_unknown
        self._approved = approved
        self._pauses = pauses
        self._connections = connections
        self._pending: dict[str, Mail] = {}
        self._generations: dict[str, int] = {}
        self._rendering = Lock()

    def deliver(self, mails: Sequence[Mail]) -> Summary:
        """
        Send the mails that were not sent before.

        :return: what became of each.
        :raises SmtpError: the server can't be used. What was sent before that is in the ledger.
        """
        entries = self.ledger.entries(mail.key for mail in mails)
        if self._on_unknown != "hold":
            entries = self.ledger.watched(entries)
        for mail in mails:
            if self._is_to_send(mail, entries[mail.key]):
                self._pending[mail.key] = mail
        if not self._pending:
            return self.summary
        self.ledger.probe()
        for key, facts in self.ledger.prepare({key: mail.facts for key, mail in self._pending.items()}).items():
            if facts["date"] != (mail := self._pending[key]).facts["date"]:  # an earlier try's stays
                self._pending[key] = replace(mail, facts={**mail.facts, "date": facts["date"]})
        log.info("%d to send, %d sent before", len(self._pending), len(self.summary.already_sent))
        try:
            self._go_round()
        except SmtpError as error:  # of the server as a whole: the ledger has its reason for each who waits
            for mail in self._pending.values():
                self.ledger.note(mail.key, "deferred", error.problem, mail.facts)
            raise
        finally:
            self.ledger.synchronise()
        for mail in self._pending.values():
            reason = self.summary.deferred[mail.recipient.label]
            self.ledger.note(mail.key, "deferred", reason, mail.facts)
        return self.summary

    def _go_round(self) -> None:
        """Try what is pending, in rounds with a pause before each."""
        unavailable: SmtpUnavailableError | None = None
        for pause in (0.0, *self._pauses):
            sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - so that many tasks don't come back at once
            try:
                self._round()
                unavailable = None
            except SmtpUnavailableError as error:
                if unavailable is None:  # the task's own error says it again, once
                    log.info("The mail server is not available yet: %s", error.problem)
                unavailable = error
            if not self._pending:
                return
        if unavailable is not None:
            raise unavailable

    def _round(self) -> None:
        """Try each pending mail once, beginning on fresh connections."""
        left = deque(self._pending.values())
        reasons: list[str] = []
        count = min(self._connections, len(left))
        work_over(self._connect, partial(self._work, left, reasons), connections=count)
        for mail in left:
            self.summary.deferred.setdefault(mail.recipient.label, reasons[0])

    def _work(self, left: deque[Mail], reasons: list[str], connection: Connection) -> None:
        """
        Try what is left, mail by mail, until nothing is, or a server that takes nothing wants a pause.

        :param left: what no other connection tries.
        :param reasons: why it wants one.
        """
        while left and not connection.stopped.is_set():
            session = connection.session()
            try:
                mail = left.popleft()
            except IndexError:  # another connection took the last
                return
            try:
                self._send(session, mail)
            except Dropped as drop:
                connection.drop()
                if mail.key in self._pending:
                    self._defer(mail, drop.reason)
                if not connection.worked:
                    reasons.append(drop.reason)
                    return
                connection.worked = False
            else:
                connection.worked = connection.worked or mail.recipient.label in self.summary.sent

    def _send(self, session: Session, mail: Mail) -> None:
        """
        Take one mail through MAIL, RCPT, the commit and DATA.

        :raises Dropped: the connection is gone.
        :raises SenderRefusedError: the server takes nothing from this sender.
        """
        utf8 = mail.recipient.needs_utf8
        if utf8 and not session.takes_utf8:
            self._refuse_before_data(mail, _NO_UTF8)
            return
        with self._rendering:  # what all mails have alike is made once
            chunks, size = self._render(mail, session.max_bytes)
        sender = self._envelope_sender if mail.envelope_sender is None else mail.envelope_sender
        taken, reply = session.begin(sender, size, mail.recipient.address, utf8=utf8)
        if taken.permanent:
            server = session.server
            raise SenderRefusedError(server.host, server.port, f"{taken} (to MAIL FROM:<{sender}>)")
        if not reply.ok:
            session.reset()
            if reply.permanent and reply.code != 552:  # noqa: PLR2004 - too many recipients, RFC 5321 §4.5.3.1.10
                self._refuse_before_data(mail, str(reply))
            else:
                self._defer(mail, str(reply))
            return
        if not self.ledger.commit(mail.key, self._generations[mail.key], mail.facts):
            session.reset()
            self._look_again(mail)
            return
        with self.ledger.held(mail.key, self._generations[mail.key]):
            try:
                reply = session.data(self._while_ours(mail, chunks))
            except Dropped as drop:
                if drop.after_dot:
                    self._settle(mail, "unknown", f"the server may have taken it: {drop.reason}")
                else:
                    self._settle(mail, "deferred", drop.reason)
                raise
            status: Status = "sent" if reply.ok else "refused" if reply.permanent else "deferred"
            self._settle(mail, status, str(reply))

    def _while_ours(self, mail: Mail, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """
        Yield a mail's bytes, up to the end where nobody else can have taken it over meanwhile.

        :raises Dropped: somebody may have, so that it must not be ended.
        """
        yield from chunks
        if not self.ledger.stands(mail.key, self._generations[mail.key]):
            raise Dropped("this task stood still for so long that another one may send it")

    def _settle(self, mail: Mail, status: Status, reason: str) -> None:
        """Write down what became of the mail whose commit is ours."""
        address = mail.recipient.label
        self.ledger.settle(mail.key, self._generations[mail.key], status, reason, mail.facts)
        if status == "deferred":
            self._generations[mail.key] += 1
            self._defer(mail, reason)
            return
        del self._pending[mail.key]
        self.summary.deferred.pop(address, None)
        self.events.append("in_doubt" if status == "unknown" else status)
        if status == "sent":
            self.summary.sent[address] = mail.message_id
            if len(self.summary.sent) % _PROGRESS_EVERY == 0:
                log.info("%d sent, %d to go", len(self.summary.sent), len(self._pending))
            log.info("%s: sent: %s", address, reason)
        else:
            log.warning("%s: %s: %s", address, status, reason)
            (self.summary.refused if status == "refused" else self.summary.unknown)[address] = reason

    def _defer(self, mail: Mail, reason: str) -> None:
        self.summary.deferred[mail.recipient.label] = reason
        log.warning("%s: deferred: %s", mail.recipient.label, reason)

    def _refuse_before_data(self, mail: Mail, reason: str) -> None:
        # The commit keeps a task beside this one from sending what this one calls refused.
        if self.ledger.commit(mail.key, self._generations[mail.key], mail.facts, intent="refused"):
            self._settle(mail, "refused", reason)
        else:
            self._look_again(mail)

    def _look_again(self, mail: Mail) -> None:
        """See what another task, which has the commit, made of the mail."""
        self.summary.deferred.pop(mail.recipient.label, None)
        if not self._is_to_send(mail, self.ledger.entry(mail.key)):
            del self._pending[mail.key]
        elif mail.recipient.label not in self.summary.deferred:
            self._defer(mail, "another task tried it at the same time")

    def _is_to_send(self, mail: Mail, entry: Entry) -> bool:
        """Return whether the mail may be sent by what the ledger says, and note what is known where not."""
        address = mail.recipient.label
        self._generations[mail.key] = entry.generation
        if would_send(entry, self._on_unknown):
            return self._may_send(mail, entry)
        if entry.standing == "sent":
            self.events.append("duplicate_prevented")
            self.summary.already_sent[address] = str(entry.facts.get("message_id", mail.message_id))
            log.info("%s: already sent at %s", address, entry.facts.get("time"))
        elif entry.standing == "refused":
            self.summary.refused[address] = entry.reason or "refused before"
        elif entry.standing == "in_flight":
            self.summary.leave(address, entry)
        else:
            self._resolve(mail, _doubt(entry))
        return False

    def _may_send(self, mail: Mail, entry: Entry) -> bool:
        """Return whether a mail that is to be sent is one of those that were approved, where that was asked for."""
        address = mail.recipient.label
        reason = ""
        if self._approved is not None and mail.key not in self._approved:
            reason = "not part of what was approved"
        elif self._approved is not None and entry.standing == "in_doubt" and not self._approved[mail.key]:
            reason = f"in doubt since it was asked about ({_doubt(entry)}); clear the task to ask again"
        if reason:
            self.events.append("held")
            self.summary.held[address] = reason
            self.ledger.note(mail.key, "held", reason, mail.facts)
            log.warning("%s: held: %s", address, reason)
            return False
        if entry.standing == "in_doubt":
            log.warning(
                "%s: sending again, with the same Message-ID, what is in doubt: %s", address, _doubt(entry)
            )
        return True

    def _resolve(self, mail: Mail, reason: str) -> None:
        """Take a mail that is in doubt for sent, or leave it in doubt."""
        address = mail.recipient.label
        if self._on_unknown == "assume_sent":
            self.ledger.assume_sent(mail.key, f"assumed; {reason}", mail.facts)
            log.warning("%s: taken for sent: %s", address, reason)
            self.summary.already_sent[address] = mail.message_id
        else:
            log.warning("%s: in doubt, held: %s", address, reason)
            self.summary.unknown[address] = reason


def _doubt(entry: Entry) -> str:
    return entry.reason or f"interrupted while sending, at {entry.facts.get('time')}"
