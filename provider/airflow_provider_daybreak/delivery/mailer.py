"""Mails archived reports over one connection: now, as a trial, after an approval, or again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.archive.find import find_revision, find_revisions
from airflow_provider_daybreak.delivery.approval import Proposal, Question
from airflow_provider_daybreak.delivery.captured import CapturedMessage, captured_mails
from airflow_provider_daybreak.delivery.claims import LIFETIME
from airflow_provider_daybreak.delivery.connections import work_over
from airflow_provider_daybreak.delivery.mailing import Mailing, exclude, ledger_of
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import (
    check_domains,
    normal_form,
    parse_address,
    parse_recipients,
    parse_sender,
    redirected,
)
from airflow_provider_daybreak.delivery.request import (
    MailRequest,
    attached_files,
    report_messages,
    script_message,
)
from airflow_provider_daybreak.delivery.resending import first_mails, named
from airflow_provider_daybreak.delivery.rules import OnRefused, Rules, check_choice
from airflow_provider_daybreak.delivery.sender import Summary
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    NothingToResendError,
    RecipientNotAllowedError,
    SmtpUnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date, timedelta

    from airflow_provider_daybreak.archive import Archive, Manifest, Revision
    from airflow_provider_daybreak.delivery.attachments import Attachment
    from airflow_provider_daybreak.delivery.connections import Connection
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.request import MailSettings
    from airflow_provider_daybreak.delivery.resending import Resending


@dataclass(frozen=True)
class Delivery:
    """
    What became of a report's mails.

    :param redirected_to: the one address that got all of them instead; empty when none did.
    """

    manifest: Manifest
    summary: Summary
    redirected_to: str = ""

    @property
    def nothing(self) -> str:
        """Why nobody has got anything, now or before, where somebody was to; empty otherwise."""
        taken = len(self.summary.sent) + len(self.summary.already_sent)
        if self.redirected_to and taken:
            return f"redirected: {taken} went to {self.redirected_to}, and none to those they were meant for"
        return self.summary.nothing


class Mailer:
    """
    Mails reports of one archive over one connection, as one run of a task.

    :param archive: where the reports are, with the ledger of their mails.
    :param settings: what the connection says.
    :param attachments_of: what an ``attachments`` argument holds: attachments as such, and names as they are.
    :param report_date: of which date the latest revision is meant by a report's slug; needed to mail, not to resend.
    :param run: which try of which task mails, for the ledger.
    :param claim_lifetime: how long a mail is in flight whose sender gives no sign of life.
    """

    def __init__(
        self,
        archive: Archive,
        settings: MailSettings,
        attachments_of: Callable[[object], Iterable[str | Attachment]],
        *,
        report_date: date | None = None,
        run: Mapping[str, object] | None = None,
        claim_lifetime: timedelta = LIFETIME,
    ) -> None:
        self.archive = archive
        self.settings = settings
        self._attachments_of = attachments_of
        self._report_date = report_date
        self._run = run or {}
        self._claim_lifetime = claim_lifetime
        self._connect = partial(Session.open, settings.server)

    def send(self, request: MailRequest, *, rules: Rules, on_refused: OnRefused = "fail") -> Delivery:
        """
        Mail a report to those who did not get it.

        :param rules: when to send.
        :param on_refused: whether a recipient that the server refuses is an error (``fail``), or not (``warn``).
        :return: what became of each mail.
        :raises DeliveryPendingError: another try may reach some.
        :raises DeliveryIncompleteError: somebody did not get it, or maybe did not.
        """
        check_choice("on_refused", on_refused, OnRefused)
        return self._deliver(self._mailings(request, rules), request, on_refused=on_refused)

    def pending(self, request: MailRequest, *, rules: Rules) -> bool:
        """Return whether there is something that :meth:`send` would send, as far as the ledger says."""
        return any(mailing.pending() for mailing in self._mailings(request, rules))

    def dry_run(self, request: MailRequest, *, rules: Rules) -> Delivery:
        """Write each mail as ``.eml`` into the archive, and send nothing."""
        mailings = self._mailings(request, rules)
        summary = Summary()
        for mailing in mailings:
            for mail in mailing.mails():
                with TemporaryFile() as file:
                    file.writelines(mailing.render(mail, None)[0])
                    file.seek(0)
                    name = f"{mailing.manifest.report}-{mailing.manifest.report_date}-{mail.key[:12]}.eml"
                    uri = self.archive.store_artifact(name, file).uri
                mailing.hold(mail, f"dry run, written to {uri}", summary)
        return Delivery(mailings[0].manifest, summary)

    def question(self, request: MailRequest, *, rules: Rules) -> Question | Delivery:
        """
        Return what somebody has to approve, or, when there is nothing to send, what became of it.

        Everything is prepared and checked as for sending: an error shows now, not after the approval. What is shown
        is written down, and that is what an approval sends.
        """
        mailings = self._mailings(request, rules, approved={})
        pending = [(mailing, mails) for mailing in mailings if (mails := mailing.pending())]
        if not pending:
            return self._deliver(mailings, request)
        proposal = Proposal(
            request=request.pinned([mailing.message.revision for mailing in mailings]),
            rules={
                name: getattr(rules, name)
                for name in ("on_correction", "on_unknown", "max_bytes", "connections")
            },
            connection=self.settings.place(),
            messages=[mailing.shown() for mailing, _ in pending],
            keys=[mail.key for _, mails in pending for mail in mails],
            doubtful=[key for mailing, mails in pending for key in mailing.doubtful(mails)],
        ).store(self.archive)
        for mailing, mails in pending:
            for mail in mails:
                mailing.hold(mail, "waits for an approval", Summary(), status="waiting")
        return Question.about(pending, proposal)

    def send_approved(self, shown: Proposal, *, by: str, on_refused: OnRefused = "fail") -> Delivery:
        """
        Mail what somebody approved, all of it as it was shown, and nothing else.

        It was in time when it was asked about, so no lateness counts from then on.

        :param shown: what was approved.
        :param by: who approved it.
        :raises ContentChangedError: the archive or the connection are not what they were. Nothing was sent.
        """
        request, rules = MailRequest(**shown.request), Rules(max_lateness=None, **shown.rules)
        mailings = self._mailings(request, rules, approved=shown.approved, approved_by=by)
        shown.check(self.settings.place(), [mailing.shown() for mailing in mailings])
        return self._deliver(mailings, request, on_refused=on_refused)

    def reject(self, shown: Proposal, *, by: str) -> Delivery:
        """Send nothing of what somebody rejected, and say so in the ledger."""
        keys = frozenset(shown.keys)
        mailings = self._mailings(MailRequest(**shown.request), Rules(max_lateness=None, **shown.rules))
        summary = Summary()
        for mailing in mailings:
            for mail in mailing.pending():
                if mail.key in keys:
                    mailing.hold(mail, f"rejected by {by}", summary, status="rejected")
        return Delivery(mailings[0].manifest, summary)

    def _deliver(
        self, mailings: Sequence[Mailing], request: MailRequest, *, on_refused: OnRefused = "fail"
    ) -> Delivery:
        """Send the mailings, and raise if somebody should have got a mail who did not."""
        summary = Summary()
        for mailing, found in zip(mailings, self._send_all(mailings), strict=True):
            summary.add(found, mailing.manifest.report)
        if request.refused:
            revision = mailings[0].message.revision
            exclude(self._ledger(revision.manifest), revision, request.refused, self._run)
        summary.refused.update(request.refused)
        summary.check(mailings[0].manifest.report, on_refused=on_refused)
        redirected_to = request.redirect_all_to or self.settings.redirect_all_to or ""
        return Delivery(mailings[0].manifest, summary, redirected_to)

    def _send_all(self, mailings: Sequence[Mailing]) -> list[Summary]:
        """Send the mailings, many reports over few connections, and return what became of each."""
        connections = mailings[0].rules.connections
        if len(mailings) < max(connections, 2):
            return [mailing.send(self._connect) for mailing in mailings]
        left = deque(enumerate(mailings))
        found: dict[int, Summary] = {}

        def work(connection: Connection) -> None:
            while left:
                try:
                    index, mailing = left.popleft()
                except IndexError:  # another connection took the last
                    return
                try:
                    found[index] = mailing.send(connection.keep, connections=1)
                except SmtpUnavailableError:
                    left.append((index, mailing))  # for those that have a connection
                    raise

        while left:
            work_over(self._connect, work, connections=min(connections, len(left)))
        return [found[index] for index in range(len(mailings))]

    def _ledger(self, manifest: Manifest) -> Ledger:
        return ledger_of(self.archive, manifest, lifetime=self._claim_lifetime)

    def _mailings(
        self,
        request: MailRequest,
        rules: Rules,
        *,
        approved: Mapping[str, bool] | None = None,
        approved_by: str | None = None,
    ) -> list[Mailing]:
        """Return a mailing for each report that is wanted, everything checked that can be without the server."""
        archive, settings = self.archive, self.settings
        revisions = find_revisions(archive, request.report, report_date=self._report_date)
        trial = request.redirect_all_to or settings.redirect_all_to
        occasion = _trial(trial) if trial else ""
        now = datetime.now(timezone.utc)
        facts = {**self._run, **({"approved_by": approved_by} if approved_by else {})}
        try:
            messages: Sequence[Message] = [
                message
                for revision in revisions.values()
                if (
                    message := script_message(
                        request, settings, revision, self._ledger(revision.manifest), occasion=occasion
                    )
                )
            ] or report_messages(request, settings, revisions, list(self._attachments_of(request.attachments)))
        except RecipientNotAllowedError as error:
            reasons = dict.fromkeys(error.addresses, str(error))
            reports = {each.address: each.report for each in parse_recipients(request.to)}
            for report, revision in revisions.items():
                mine = {a: reason for a, reason in reasons.items() if reports.get(a) in (None, report)}
                exclude(self._ledger(revision.manifest), revision, mine, facts)
            raise
        return [
            Mailing(
                replace(message, recipients=redirected(message.recipients, trial)) if trial else message,
                self._ledger(message.revision.manifest),
                rules=rules,
                run=facts,
                now=now,
                occasion=occasion,
                approved=approved,
            )
            for message in messages
        ]

    def resend(self, resending: Resending) -> Delivery:
        """
        Send the archived original again, for a reason, once for each id.

        What a task is sending right now is left alone, and so is, unless it is named, what waits for an approval or
        was rejected. The connection's ``redirect_all_to`` gets the mails instead, which then count for nobody.

        :return: what became of each mail.
        :raises NothingToResendError: nobody is named who did not get it.
        :raises RevisionNotFoundError: there is no such report.
        :raises DeliveryPendingError: another try may reach some.
        :raises DeliveryIncompleteError: somebody did not get it, or maybe did not.
        """
        latest = find_revision(self.archive, resending.report, report_date=resending.report_date)
        ledger, trial = self._ledger(latest.manifest), self.settings.redirect_all_to
        wanted = named(resending, first_mails(ledger, resending))
        if not wanted:
            raise NothingToResendError(resending.report, resending.report_date.isoformat())
        check_domains([recipient for recipient, _ in wanted], self.settings.allowed_domains)
        summary = Summary()
        for recipient, facts in wanted:
            [one] = redirected([recipient], trial) if trial else [recipient]
            revision = self.archive.open(facts["manifest"]) if "manifest" in facts else latest
            mailing = Mailing(
                self._message_again(revision, one, facts),
                ledger,
                rules=Rules(on_unknown="hold"),
                run={"reason": resending.reason, "by": resending.by},
                now=datetime.now(timezone.utc),
                occasion=f"resend:{resending.id}" + (f":{_trial(trial)}" if trial else ""),
            )
            sent = mailing.send(self._connect) if trial else mailing.send_again(self._connect, resending.reason)
            summary.add(sent, resending.report)
        summary.check(resending.report)
        return Delivery(latest.manifest, summary)

    def waiting(self, resending: Resending) -> list[tuple[str, str]]:
        """
        Return who would get a report again, each with how the mail stands: nothing is sent.

        :raises RevisionNotFoundError: there is no such report.
        :raises RecipientNotAllowedError: one of them may not be mailed.
        """
        latest = find_revision(self.archive, resending.report, report_date=resending.report_date)
        records = first_mails(self._ledger(latest.manifest), resending)
        standing = {normal_form(record.recipient): record.standing for record in records}
        wanted = [recipient for recipient, _ in named(resending, records)]
        check_domains(wanted, self.settings.allowed_domains)
        return [(each.address, standing.get(each.normal, "new")) for each in wanted]

    def _message_again(self, revision: Revision, recipient: Recipient, facts: Mapping[str, Any]) -> Message:
        """
        Return the message that somebody gets again.

        :param facts: what the ledger says of the first; empty when it names nobody of that address.
        """
        mails, sender = captured_mails(revision), self.settings.sender
        if "from" in facts:
            sender = parse_sender(facts["from"], name="from_email")
        if not mails:
            return Message(
                sender,
                facts.get("subject") or revision.manifest.title,
                revision,
                attachments=attached_files(self._attachments_of(facts.get("attachments")), revision),
                recipients=[replace(recipient, alone=True)],
                own_sender="from" in facts,
            )
        if not facts and len(mails) > 1:
            known = sorted({address for mail in mails.values() for address in mail.recipients})
            raise InvalidValueError("to", recipient.address, f"one of those that the script wrote to: {known}")
        message = facts["message"] if facts else next(iter(mails))
        recipient = replace(recipient, message=message, part=facts.get("part", ""))
        return CapturedMessage(sender, revision.manifest.title, revision, recipients=[recipient], mails=mails)


def _trial(address: str) -> str:
    """Return the occasion of mails that go to one address instead: they count for nobody else."""
    return f"trial:{parse_address(address).normal}"
