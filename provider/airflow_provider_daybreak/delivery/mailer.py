"""Mails archived reports over one connection: now, as a trial, after an approval, or again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.archive.find import Revisions, find_revision, find_revisions
from airflow_provider_daybreak.delivery.approval import Outline, Proposal, Question
from airflow_provider_daybreak.delivery.batch import Batch
from airflow_provider_daybreak.delivery.captured import CapturedMessage, captured_mails, is_captured
from airflow_provider_daybreak.delivery.claims import LIFETIME
from airflow_provider_daybreak.delivery.facts import told_nobody
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
    ReportMessages,
    attached_files,
    script_messages,
)
from airflow_provider_daybreak.delivery.resending import first_mails, named
from airflow_provider_daybreak.delivery.rules import OnRefused, Rules, check_choice
from airflow_provider_daybreak.delivery.sender import Summary
from airflow_provider_daybreak.delivery.shadow import Shadows
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.delivery.upkeep import Upkeep
from airflow_provider_daybreak.exceptions import (
    DagInShadowError,
    InvalidValueError,
    NothingToResendError,
    RecipientNotAllowedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date, timedelta

    from airflow_provider_daybreak.archive import Archive, Manifest, Revision
    from airflow_provider_daybreak.delivery.attachments import Attachment
    from airflow_provider_daybreak.delivery.encryption import Encryption
    from airflow_provider_daybreak.delivery.facts import Tell
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
    :param encryption_of: what attachments open with, by the id of a connection.
    :param report_date: of which date the latest revision is meant by a report's slug; needed to mail, not to resend.
    :param run: which try of which task mails, for the ledger.
    :param claim_lifetime: how long a mail is in flight whose sender gives no sign of life.
    :param shadows: which days are whose to mail; what this archive says when None.
    :param tell: is told what became of the mails of a report now, by how many.
    """

    def __init__(
        self,
        archive: Archive,
        settings: MailSettings,
        attachments_of: Callable[[object], Iterable[str | Attachment]],
        encryption_of: Callable[[object], Encryption],
        *,
        report_date: date | None = None,
        run: Mapping[str, object] | None = None,
        claim_lifetime: timedelta = LIFETIME,
        shadows: Shadows | None = None,
        tell: Tell = told_nobody,
    ) -> None:
        self.archive = archive
        self.settings = settings
        self._attachments_of = attachments_of
        self._encryption_of = encryption_of
        self._report_date = report_date
        self._run = run or {}
        self._upkeep = Upkeep(claim_lifetime)
        self._shadows = shadows or Shadows(archive.root)
        self._tell = tell
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
        return self._deliver(self._batch(request, rules), request, on_refused=on_refused)

    def pending(self, request: MailRequest, *, rules: Rules) -> bool:
        """Return whether there is something that :meth:`send` would send, as far as the ledger says."""
        return any(mailing.pending() for mailing in self._batch(request, rules))

    def dry_run(self, request: MailRequest, *, rules: Rules) -> Delivery:
        """Write each mail as ``.eml`` into the archive, and send nothing."""
        batch, summary = self._batch(request, rules), Summary()
        for mailing in batch:
            for mail in mailing.mails():
                mailing.hold(
                    mail, f"dry run, written to {mailing.write(mail, self.archive.store_artifact)}", summary
                )
        return Delivery(batch[0].manifest, summary)

    def question(self, request: MailRequest, *, rules: Rules) -> Question | Delivery:
        """
        Return what somebody has to approve, or, when there is nothing to send, what became of it.

        Everything is prepared and checked as for sending: an error shows now, not after the approval. What is shown
        is written down, and that is what an approval sends.
        """
        batch = self._batch(request, rules, approved={})
        outline, messages, keys, doubtful = Outline(), [], [], []
        revisions = []
        for mailing in batch:
            revisions.append(mailing.message.revision.uri)
            if mails := mailing.pending():
                messages.append(mailing.shown())
                keys += [mail.key for mail in mails]
                doubtful += mailing.doubtful(mails)
                outline.add(mailing, mails)
        if not keys:
            return self._deliver(batch, request)
        proposal = Proposal(
            request=request.pinned(revisions),
            rules={
                name: getattr(rules, name)
                for name in ("on_correction", "on_unknown", "max_bytes", "connections")
            },
            connection=self.settings.place(),
            messages=messages,
            keys=keys,
            doubtful=doubtful,
        ).store(self.archive)
        self._hold(batch, keys, "waits for an approval", "waiting")
        return outline.question(proposal)

    def send_approved(self, shown: Proposal, *, by: str, on_refused: OnRefused = "fail") -> Delivery:
        """
        Mail what somebody approved, all of it as it was shown, and nothing else.

        It was in time when it was asked about, so no lateness counts from then on.

        :param shown: what was approved.
        :param by: who approved it.
        :raises ContentChangedError: the archive or the connection are not what they were. Nothing was sent.
        """
        request, rules = MailRequest(**shown.request), Rules(max_lateness=None, **shown.rules)
        batch = self._batch(request, rules, approved=shown.approved, approved_by=by)
        shown.check(self.settings.place(), (mailing.shown() for mailing in batch))
        return self._deliver(batch, request, on_refused=on_refused)

    def reject(self, shown: Proposal, *, by: str) -> Delivery:
        """Send nothing of what somebody rejected, and say so in the ledger."""
        batch = self._batch(MailRequest(**shown.request), Rules(max_lateness=None, **shown.rules))
        summary = self._hold(batch, shown.keys, f"rejected by {by}", "rejected")
        return Delivery(batch[0].manifest, summary)

    def _hold(self, batch: Batch, keys: Iterable[str], reason: str, status: str) -> Summary:
        """Say in the ledger why those mails are not sent that still would be."""
        summary, wanted = Summary(), frozenset(keys)
        for mailing in batch:
            mine = [mail for mail in mailing.pending() if mail.key in wanted]
            for mail in mine:
                mailing.hold(mail, reason, summary, status=status)
            if status == "waiting":
                self._tell(mailing.manifest.report, {"held": len(mine)})
        return summary

    def _deliver(self, batch: Batch, request: MailRequest, *, on_refused: OnRefused = "fail") -> Delivery:
        """Send the mailings, and raise if somebody should have got a mail who did not."""
        first = batch[0]
        with self._upkeep:
            summary = batch.send(self._connect, connections=first.rules.connections)
        if request.refused:
            exclude(first.ledger, first.message.revision, request.refused, self._run)
        summary.refused.update(request.refused)
        summary.check(first.manifest.report, on_refused=on_refused)
        redirected_to = request.redirect_all_to or self.settings.redirect_all_to or ""
        return Delivery(first.manifest, summary, redirected_to)

    def _ledger(self, manifest: Manifest) -> Ledger:
        return ledger_of(self.archive, manifest, upkeep=self._upkeep)

    def _batch(
        self,
        request: MailRequest,
        rules: Rules,
        *,
        approved: Mapping[str, bool] | None = None,
        approved_by: str | None = None,
    ) -> Batch:
        """Return a mailing for each report that is wanted, everything checked that can be without the server."""
        settings, revisions, scripts = self.settings, Revisions(self.archive), []
        for revision in find_revisions(self.archive, request.report, report_date=self._report_date):
            revisions.add(revision)
            if is_captured(revision):
                scripts.append(revision)
        if scripts and len(scripts) < len(revisions):
            expected = (
                "results of reports alone, or of what scripts mailed alone: mail the others by another task"
            )
            raise InvalidValueError("report", scripts[0].manifest.report, expected)
        trial = request.redirect_all_to or settings.redirect_all_to
        occasion = _trial(trial) if trial else ""
        facts = {**self._run, **({"approved_by": approved_by} if approved_by else {})}
        try:
            messages = (
                script_messages(request, settings, scripts, self._ledger, occasion=occasion)
                if scripts
                else self._report_messages(request, revisions)
            )
        except RecipientNotAllowedError as error:
            reasons = dict.fromkeys(error.addresses, str(error))
            reports = {each.address: each.report for each in parse_recipients(request.to)}
            for report, revision in revisions.items():
                mine = {a: reason for a, reason in reasons.items() if reports.get(a) in (None, report)}
                exclude(self._ledger(revision.manifest), revision, mine, facts)
            raise
        now = datetime.now(timezone.utc)

        def mailing_of(message: Message) -> Mailing:
            return Mailing(
                replace(message, recipients=redirected(message.recipients, trial)) if trial else message,
                self._ledger(message.revision.manifest),
                rules=rules,
                run=facts,
                now=now,
                occasion=occasion,
                approved=approved,
                shadow=self._why_in_shadow(message.revision.manifest),
                store=self.archive.store_artifact,
                tell=self._tell,
            )

        return Batch(messages, mailing_of)

    def _why_in_shadow(self, manifest: Manifest) -> str:
        """Return why the old job mails what is in a manifest, and nobody here; nothing where it doesn't."""
        return self._shadows.why_held(self._report_date or manifest.report_date, self._run, manifest.run)

    def _check_no_shadow(self, manifest: Manifest) -> None:
        """
        Make sure that the Dag of a report mails at all.

        :raises DagInShadowError: it doesn't yet.
        """
        shadow = self._shadows.of(str(manifest.run.get("dag_id", "")))
        if shadow is not None and shadow.on and not shadow.is_live(manifest.report_date):
            raise DagInShadowError(shadow.dag_id, f"resend {manifest.report!r}")

    def _report_messages(
        self, request: MailRequest, revisions: Mapping[str, Revision]
    ) -> Mapping[str, Message]:
        attachments = list(self._attachments_of(request.attachments))
        encryption = None if request.encrypt is None else self._encryption_of(request.encrypt)
        messages = ReportMessages(request, self.settings, revisions, attachments, encryption=encryption)
        messages.check()
        return messages

    def resend(self, resending: Resending) -> Delivery:
        """
        Send the archived original again, for a reason, once for each id.

        What a task is sending right now is left alone, and so is, unless it is named, what waits for an approval or
        was rejected. The connection's ``redirect_all_to`` gets the mails instead, which then count for nobody.

        :return: what became of each mail.
        :raises NothingToResendError: nobody is named who did not get it.
        :raises RevisionNotFoundError: there is no such report.
        :raises DagInShadowError: its Dag mails nobody yet.
        :raises DeliveryPendingError: another try may reach some.
        :raises DeliveryIncompleteError: somebody did not get it, or maybe did not.
        """
        latest = find_revision(self.archive, resending.report, report_date=resending.report_date)
        self._check_no_shadow(latest.manifest)
        ledger, trial = self._ledger(latest.manifest), self.settings.redirect_all_to
        wanted = named(resending, first_mails(ledger, resending))
        if not wanted:
            raise NothingToResendError(resending.report, resending.report_date.isoformat())
        check_domains([recipient for recipient, _ in wanted], self.settings.allowed_domains)
        summary = Summary()
        with self._upkeep:
            for recipient, facts in wanted:
                [one] = redirected([recipient], trial) if trial else [recipient]
                revision = self.archive.open_own(facts["manifest"]) if "manifest" in facts else latest
                mailing = Mailing(
                    self._message_again(revision, one, facts),
                    ledger,
                    rules=Rules(on_unknown="hold"),
                    run={"reason": resending.reason, "by": resending.by},
                    now=datetime.now(timezone.utc),
                    occasion=f"resend:{resending.id}" + (f":{_trial(trial)}" if trial else ""),
                    tell=self._tell,
                )
                sent = (
                    mailing.send(self._connect)
                    if trial
                    else mailing.send_again(self._connect, resending.reason)
                )
                summary.add(sent, resending.report)
        summary.check(resending.report)
        return Delivery(latest.manifest, summary)

    def waiting(self, resending: Resending) -> list[tuple[str, str]]:
        """
        Return who would get a report again, each with how the mail stands: nothing is sent.

        :raises RevisionNotFoundError: there is no such report.
        :raises DagInShadowError: its Dag mails nobody yet.
        :raises RecipientNotAllowedError: one of them may not be mailed.
        """
        latest = find_revision(self.archive, resending.report, report_date=resending.report_date)
        self._check_no_shadow(latest.manifest)
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
                encryption=self._encryption_of(facts["encrypt"]) if "encrypt" in facts else None,
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
