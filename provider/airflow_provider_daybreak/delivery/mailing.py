"""One report's mail to everybody it is for: whether it goes out at all, and to whom it still has to."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from datetime import date, datetime
from functools import cached_property
from hashlib import sha256
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_daybreak.delivery.facts import place_of, revision_of, told_nobody
from airflow_provider_daybreak.delivery.keys import key_in
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.recipients import normal_form, parse_address
from airflow_provider_daybreak.delivery.sender import Mail, Sender, Summary, would_send
from airflow_provider_daybreak.exceptions import ContentChangedError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from airflow_provider_daybreak.archive import Archive, Manifest, Revision
    from airflow_provider_daybreak.archive.artifacts import Artifact
    from airflow_provider_daybreak.delivery.attachments import Attachment
    from airflow_provider_daybreak.delivery.facts import Facts, Tell
    from airflow_provider_daybreak.delivery.ledger import Entry, Standing, Status
    from airflow_provider_daybreak.delivery.message import Message
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.rules import Rules
    from airflow_provider_daybreak.delivery.transport import Session
    from airflow_provider_daybreak.delivery.upkeep import Upkeep

log = logging.getLogger(__name__)


def ledger_of(archive: Archive, manifest: Manifest, *, upkeep: Upkeep | None = None) -> Ledger:
    """
    Return the ledger of a report's period.

    It lies with the day on which the period starts, whatever the report date: two report dates in a week are
    of one weekly period, and the second mails nothing.

    :param upkeep: as :class:`Ledger` has it.
    """
    return Ledger(archive.deliveries(manifest.report, ledger_day(manifest)), upkeep=upkeep)


def ledger_day(manifest: Manifest) -> date:
    """Return the day that a report's ledger lies with: the first of its period."""
    return date.fromisoformat(manifest.period["start"][:10])


def exclude(ledger: Ledger, revision: Revision, reasons: Mapping[str, str], run: Mapping[str, object]) -> None:
    """
    Write down who was kept from getting a mail before it was begun. It binds nobody: who may get it later, does.

    :param reasons: by address. What else is among the keys is left out.
    """
    manifest = revision.manifest
    for address, reason in reasons.items():
        try:
            recipient = parse_address(address)
        except InvalidValueError:  # a script's message that was refused before it named anybody
            continue
        facts = {
            "report": manifest.report,
            "report_date": manifest.report_date.isoformat(),
            "period": manifest.period_key,
            "revision": manifest.revision,
            "recipient": recipient.address,
            "run": dict(run),
        }
        ledger.note(key_in(ledger, manifest, recipient, ""), "excluded", reason, facts)


class Mailing:
    """
    A message, and what it takes to send it.

    :param ledger: that of the report's period.
    :param run: which try of which task sends, for the ledger.
    :param now: when.
    :param occasion: why it is sent, when not as the period's mail: ``resend:<id>``, ``trial:<address>``.
    :param approved: where somebody had to approve them, keys of the mails that may be sent, each with whether it may be
        sent again; all when None.
    :param shadow: why none of it may go out, since the old job mails that day; nothing where it may.
    :param store: keeps what would have been sent, given a name and the bytes, and returns where it lies.
    :param tell: is told what became of the mails of a report now, by how many.
    """

    def __init__(
        self,
        message: Message,
        ledger: Ledger,
        *,
        rules: Rules,
        run: Mapping[str, object],
        now: datetime,
        occasion: str = "",
        approved: Mapping[str, bool] | None = None,
        shadow: str = "",
        store: Callable[[str, BinaryIO], Artifact] | None = None,
        tell: Tell = told_nobody,
    ) -> None:
        self.message = message
        self.ledger = ledger
        self.rules = rules
        self._run = run
        self._now = now
        self._occasion = occasion
        self._approved = approved
        self._shadow = shadow
        self._store = store
        self._tell = tell

    @property
    def manifest(self) -> Manifest:
        """What is sent."""
        return self.message.revision.manifest

    def send(self, connect: Callable[[], Session], *, connections: int | None = None) -> Summary:
        """
        Send it to those who did not get it.

        :param connect: opens a session.
        :param connections: how many at once; what the rules say when None.
        :raises InvalidValueError: something can't be in a header. Nothing was sent.
        :raises ArchivedFileChangedError: the archive holds other bytes than were published. Nothing was sent.
        :raises ContentChangedError: the server takes less than was approved.
        :raises SmtpError: the server can't be used.
        """
        if (held := self._why_held()) is not None:
            return self._hold(self.mails(), held)
        corrections, mails = self._split_corrections(self.mails())
        sender = Sender(
            self.ledger,
            connect,
            self.render,
            envelope_sender=self.message.sender.addr_spec,
            on_unknown=self.rules.on_unknown,
            approved=self._approved,
            pauses=self.rules.pauses,
            connections=connections or self.rules.connections,
        )
        try:
            return sender.deliver([*mails, *corrections])
        finally:
            self.message.release()
            self._tell(self.manifest.report, Counter(sender.events))

    def render(self, mail: Mail, server_limit: int | None) -> tuple[Iterator[bytes], int]:
        """Return a mail's bytes in chunks, and their number, given what the server takes."""
        limits = [limit for limit in (self.rules.max_bytes, server_limit) if limit]
        limit = min(limits) if limits else None
        if self._approved is not None and (now := self.message.left_out(limit)) != self.left_out:
            names = [[each.name for each in left_out] for left_out in (self.left_out, now)]
            raise ContentChangedError(self.manifest.report, "attachments left out", *names)
        return self.message.render(
            mail.recipient,
            message_id=mail.message_id,
            date=datetime.fromisoformat(mail.facts["date"]),
            answers=mail.facts.get("answers"),
            limit=limit,
        )

    @property
    def left_out(self) -> tuple[Attachment, ...]:
        """The attachments that the rules leave no room for."""
        return self.message.left_out(self.rules.max_bytes)

    def shown(self) -> dict[str, Any]:
        """Return, as plain JSON, what decides what its mails say and where they go: what somebody approves."""
        message = self.message
        return {
            "report": self.manifest.report,
            "digest": self.manifest.digest,
            "attachments": [{"name": each.name, **each.info()} for each in message.attachments],
            "attachments left out": [each.name for each in self.left_out],
            **({"encrypt": message.encryption.connection} if message.encryption else {}),
            "recipients": [
                {
                    **{key: value for key, value in vars(recipient).items() if key != "parameters"},
                    **({"head": own.decode().splitlines()} if (own := message.own_head(recipient)) else {}),
                }
                for recipient in message.recipients
            ],
            "head": (message.common_head() + message.visible_head(utf8=True)).decode().splitlines(),
        }

    def mails(self) -> list[Mail]:
        """Return the mail of each recipient."""
        return [self._mail(recipient, self._occasion) for recipient in self.message.recipients]

    def _why_held(self) -> str | None:
        if self._shadow:  # for trials and resendings too
            return self._shadow
        if self._occasion:  # somebody asked for just this
            return None
        if self.manifest.draft:
            return "a draft: its checks failed, so it is kept to be looked at"
        return self.rules.why_late(datetime.fromisoformat(self.manifest.period["end"]), self._now)

    def pending(self) -> list[Mail]:
        """Return the mails that sending would send, were all of them approved."""
        if self._why_held() is not None:
            return []
        corrections, mails = self._split_corrections(self.mails())
        everything = [*mails, *corrections]
        entries = self.ledger.entries(mail.key for mail in everything)
        return [mail for mail in everything if would_send(entries[mail.key], self.rules.on_unknown)]

    def doubtful(self, mails: Iterable[Mail]) -> list[str]:
        """Return the keys of those mails that may have been sent already."""
        entries = self.ledger.entries(mail.key for mail in mails)
        return [key for key, entry in entries.items() if entry.standing == "in_doubt"]

    def hold(
        self, mail: Mail, reason: str, summary: Summary, *, status: str = "held", more: Facts | None = None
    ) -> None:
        """
        Send nothing to this recipient, and say why in the ledger, the log and the summary.

        :param status: ``held``; or ``waiting`` for an approval, or ``rejected``.
        :param more: further facts for the ledger.
        """
        summary.held[mail.recipient.label] = reason
        tried = {} if status == "held" else {"tried": self.ledger.entry(mail.key).generation}
        self.ledger.note(mail.key, status, reason, {**mail.facts, **tried, **(more or {})})
        log.info("%s: held: %s", mail.recipient.label, reason)

    def write(self, mail: Mail, store: Callable[[str, BinaryIO], Artifact]) -> str:
        """Keep a mail as it would go out, and return its URI."""
        name = f"{self.manifest.report}-{self.manifest.report_date}-{mail.key[:12]}.eml"
        with TemporaryFile() as file:
            file.writelines(self.render(mail, None)[0])
            file.seek(0)
            return store(name, file).uri

    def _captured(self, mail: Mail) -> Facts:
        """Return, in shadow, that a mail is kept, and where: what a script mailed lies with its revision already."""
        if not self._shadow:
            return {}
        if self._store is None or mail.recipient.message:
            return {"shadow": True}
        return {"shadow": True, "eml": self.write(mail, self._store)}

    def send_again(self, connect: Callable[[], Session], reason: str) -> Summary:
        """
        Send the message to its one recipient on this occasion, in place of the period's own mail.

        Until that is settled, the period's own mail is in flight: no task sends it meanwhile. Sent now, it counts
        as sent; else it stands where it stood.

        :param connect: opens a session.
        :param reason: why it is sent again, for the ledger.
        :return: what became of it. It is deferred when a task is sending the period's own mail right now.
        """
        (again,) = self.mails()
        original = self._mail(again.recipient, "")
        entry = self.ledger.entry(original.key)
        if entry.standing == "sent":
            return self.send(connect)
        self.ledger.probe()
        claimed = entry.standing != "in_flight" and self.ledger.commit(
            original.key, entry.generation, original.facts, intent="resend"
        )
        if not claimed:
            summary = Summary()
            summary.leave(again.recipient.label, self.ledger.entry(original.key))
            return summary
        try:
            with self.ledger.held(original.key, entry.generation):
                try:
                    return self.send(connect)
                finally:  # by what the ledger says, which knows most when this ends in an error
                    resent = self.ledger.entry(again.key)
                    said = f"{self._occasion}, {reason}: {resent.reason or resent.standing}"
                    self.ledger.settle(
                        original.key, entry.generation, _after(entry, resent), said, original.facts
                    )
        finally:
            self.ledger.synchronise()

    def _hold(self, mails: Sequence[Mail], reason: str) -> Summary:
        summary = Summary()
        entries = self.ledger.entries(mail.key for mail in mails)
        for mail in mails:
            if entries[mail.key].standing == "sent":
                known = entries[mail.key].facts.get("message_id", mail.message_id)
                summary.already_sent[mail.recipient.label] = str(known)
            else:
                self.hold(mail, reason, summary, more=self._captured(mail))
        if summary.held:
            log.warning("archived, not mailed to %d: %s", len(summary.held), reason)
        counts = {"held": len(summary.held), "duplicate_prevented": len(summary.already_sent)}
        self._tell(self.manifest.report, counts)
        return summary

    def _split_corrections(self, mails: Sequence[Mail]) -> tuple[list[Mail], list[Mail]]:
        """Return the mails that correct one that was sent, under keys of their own, and the others."""
        if self._occasion:
            return [], list(mails)
        corrections: list[Mail] = []
        others: list[Mail] = []
        entries = self.ledger.entries(mail.key for mail in mails)
        for mail in mails:
            entry = entries[mail.key]
            first = entry.facts
            if entry.standing != "sent" or revision_of(first) == revision_of(mail.facts):
                others.append(mail)
            elif self.rules.on_correction == "send":
                correction = self._correction(mail, first)
                (others if correction is None else corrections).append(correction or mail)
            else:
                if first.get("digest") != mail.facts["digest"]:
                    log.warning(
                        "%s: got revision %s, and revision %d is other content: archived, not mailed "
                        "(on_correction='archive')",
                        mail.recipient.label,
                        first.get("revision"),
                        self.manifest.revision,
                    )
                others.append(mail)
        return corrections, others

    def _correction(self, mail: Mail, first: Facts) -> Mail | None:
        """
        Return the mail that corrects what a recipient has, or None where that is the same, or newer.

        A revision is mailed once, whatever its content was before: one that goes back to what the first mail said
        corrects the one between.

        :param first: what the ledger says of the period's own mail.
        """
        earlier = self._corrections.get((mail.recipient.normal, mail.recipient.part), [])
        answers = first.get("message_id")
        for _, facts in earlier:
            if revision_of(facts) == revision_of(
                mail.facts
            ):  # older versions named the occasion by the content
                return self._mail(
                    mail.recipient, str(facts["occasion"]), answers=answers, place=place_of(facts)
                )
        had = [
            first,
            *(facts for standing, facts in earlier if standing in ("sent", "in_doubt", "in_flight")),
        ]
        last = max(
            had, key=lambda facts: (place_of(facts), str(facts.get("time")))
        )  # clocks are set, places not
        (day, number), (this_day, this_number) = revision_of(last), revision_of(mail.facts)
        newer = day == this_day and number > this_number
        if newer or last.get("digest") in (None, mail.facts["digest"]):
            return None
        occasion = f"correction:{self.manifest.report_date.isoformat()} r{self.manifest.revision:04d}"
        return self._mail(mail.recipient, occasion, answers=answers, place=place_of(last) + 1)

    @cached_property
    def _corrections(self) -> dict[tuple[str, str], list[tuple[Standing, Facts]]]:
        """What the ledger says of each mailbox's corrections: standing and facts."""
        found = defaultdict(list)
        for entry, known in self.ledger.records():
            facts = {**known, **entry.facts}
            if str(facts.get("occasion", "")).startswith("correction:"):
                box = normal_form(str(facts.get("recipient", ""))), str(facts.get("part", ""))
                found[box].append((entry.standing, facts))
        return found

    def _mail(self, recipient: Recipient, occasion: str, *, answers: str | None = None, place: int = 0) -> Mail:
        manifest = self.manifest
        parts = ":".join(filter(None, (recipient.part, occasion)))
        key = key_in(self.ledger, manifest, recipient, parts)
        message_id = f"<{sha256(key.encode()).hexdigest()[:40]}@{self.message.sender.domain}>"
        facts: dict[str, Any] = {
            "report": manifest.report,
            "report_date": manifest.report_date.isoformat(),
            "period": manifest.period_key,
            "revision": manifest.revision,
            "manifest": self.message.revision.uri,
            "recipient": recipient.intended,
            "kind": recipient.kind,
            "occasion": occasion,
            "message_id": message_id,
            "date": self._now.isoformat(timespec="seconds"),
            "run": dict(self._run),
            **self.message.facts(recipient),
        }
        if answers:
            facts |= {"answers": answers, "place": place}
        return Mail(key, recipient, message_id, facts, self.message.envelope_sender(recipient))


def _after(before: Entry, resent: Entry) -> Status:
    """Return where a mail stands by where it stood, and by what became of sending it on another occasion."""
    if resent.standing == "sent":
        return "sent"
    if "in_doubt" in (before.standing, resent.standing) or resent.standing == "in_flight":
        return "unknown"
    return "refused" if before.standing == "refused" else "deferred"
