"""Mails archived reports over an ``smtp`` connection."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from functools import partial
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_daybreak.context.archive import archive_at, archive_of
from airflow_provider_daybreak.context.attachments import each_attachment
from airflow_provider_daybreak.context.failure_text import failure_text
from airflow_provider_daybreak.context.hosts import check_shared
from airflow_provider_daybreak.context.proposal import Proposal
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.context.smtp import mail_settings, raise_swallowed
from airflow_provider_daybreak.delivery.attachments import Attachment
from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.captured import CapturedMessage, captured_mails, recipients_of
from airflow_provider_daybreak.delivery.mailing import Mailing, Rules, ledger_of
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.notice import Notice
from airflow_provider_daybreak.delivery.recipients import (
    check_domains,
    choose_recipients,
    parse_address,
    parse_recipients,
    redirected,
    sending_mailbox,
)
from airflow_provider_daybreak.delivery.sender import Summary
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    MissingConnectionError,
    NothingToResendError,
    RevisionNotFoundError,
)
from airflow_provider_daybreak.version_compat import AirflowNotFoundException

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from airflow_provider_daybreak.archive import Archive, Manifest, Revision
    from airflow_provider_daybreak.archive.artifacts import ArtifactInfo
    from airflow_provider_daybreak.context.smtp import MailSettings
    from airflow_provider_daybreak.delivery.audit import Record
    from airflow_provider_daybreak.delivery.ledger import Entry
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.sender import Mail, OnRefused

log = logging.getLogger(__name__)

_SHOWN = 50  # recipients in a question


@dataclass(frozen=True)
class MailRequest:
    """
    What to mail to whom, as an operator was told. Nothing of it is checked yet.

    :param report: the result of a report task; a slug: then its latest revision of the run's date; or a list of
        these, of which rows of ``to`` name theirs.
    :param to: addresses, each for itself or as text, or rows; the connection's default when all lists are empty.
    :param cc: likewise.
    :param bcc: likewise, and shown to nobody.
    :param subject: the report's title when empty.
    :param attachments: results of container tasks, artifacts, and names of files of the revision.
    :param reply_to: where answers go, when not to the sender.
    :param headers: further header fields.
    :param unsubscribe: URLs of List-Unsubscribe.
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :param redirect_all_to: the one address that gets all mails instead.
    :param refused: who was refused before, with the reasons.
    """

    report: object
    to: object = ()
    cc: object = ()
    bcc: object = ()
    subject: str | None = None
    attachments: object = None
    reply_to: object = ()
    headers: object = None
    unsubscribe: object = ()
    allowed_domains: Sequence[str] = ()
    redirect_all_to: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    def pinned(self, revisions: Iterable[Revision]) -> dict[str, Any]:
        """Return it with these revisions in place of results and slugs, which may mean others later."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "report": [{"manifest": revision.uri} for revision in revisions]}


@dataclass(frozen=True)
class Resending:
    """
    What to send again.

    :param report: slug of the report.
    :param report_date: the date on it.
    :param to: addresses; all who did not get it when empty.
    :param reason: why, for the ledger.
    :param by: who wants it, for the ledger.
    :param id: what tells this resending from others: with the same id nobody gets a second mail.
    """

    report: str
    report_date: date
    to: Sequence[str]
    reason: str
    by: str
    id: str


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


@dataclass(frozen=True)
class Question:
    """
    What somebody has to approve before it is mailed.

    :param subject: one line.
    :param body: Markdown.
    :param manifests: of what it is about.
    :param proposal: what an approval sends.
    """

    subject: str
    body: str
    manifests: list[Manifest]
    proposal: ArtifactInfo


class DeliveryHook(BaseHook):
    """
    Mails archived reports.

    :param smtp_conn_id: the ``smtp`` connection. Beside what Airflow's SMTP provider knows (``from_email``,
        ``disable_ssl``, ``disable_tls``, ``timeout``, ``ssl_context``, ``auth_type`` with its OAuth2 fields) its
        extra may have ``ca_file``, ``default_recipients``, ``allowed_domains``, ``redirect_all_to`` and
        ``allow_insecure``.
    :param archive: URI of the archive; the one of the ``[daybreak]`` section by default.
    """

    conn_name_attr = "smtp_conn_id"
    default_conn_name = "smtp_default"
    conn_type = "smtp"
    hook_name = "SMTP"

    def __init__(self, smtp_conn_id: str = default_conn_name, *, archive: str | None = None) -> None:
        super().__init__()
        self.smtp_conn_id = smtp_conn_id
        self._archive_uri = archive

    @property
    def archive(self) -> Archive:
        """Where the reports are."""
        return archive_at(self._archive_uri) if self._archive_uri else archive_of()

    def settings(self) -> MailSettings:
        """
        Return what the connection says. Its secrets are masked in logs from then on.

        :raises MissingConnectionError: there is no such connection.
        :raises InvalidValueError: a field can't be used.
        :raises DotenvError: the ``.env`` that holds the connection was refused.
        :raises SecretsBackendError: so did another secrets backend fail.
        """
        try:
            connection = self.get_connection(self.smtp_conn_id)
        except AirflowNotFoundException as error:
            raise_swallowed(self.smtp_conn_id)
            raise MissingConnectionError(
                self.smtp_conn_id, "to mail over", "Add one of type smtp, or serve a .env"
            ) from error
        return mail_settings(connection, name=self.smtp_conn_id)

    def send(
        self,
        request: MailRequest,
        *,
        rules: Rules,
        context: Mapping[str, Any],
        on_refused: OnRefused = "fail",
    ) -> Delivery:
        """
        Mail a report to those who did not get it.

        :param rules: when to send.
        :param context: the context that Airflow gives to ``execute``.
        :param on_refused: whether a recipient that the server refuses is an error (``fail``), or not (``warn``).
        :return: what became of each mail.
        :raises DeliveryPendingError: another try may reach some.
        :raises DeliveryIncompleteError: somebody did not get it, or maybe did not.
        """
        if on_refused not in ("fail", "warn"):
            raise InvalidValueError("on_refused", on_refused, "fail or warn")
        settings = self.settings()
        mailings = self._mailings(request, settings, rules, context)
        return self._deliver(mailings, request, settings, on_refused=on_refused)

    def _deliver(
        self,
        mailings: Sequence[Mailing],
        request: MailRequest,
        settings: MailSettings,
        *,
        on_refused: OnRefused = "fail",
    ) -> Delivery:
        """Send the mailings, and raise if somebody should have got a mail who did not."""
        summary = Summary()
        for mailing in mailings:
            summary.add(mailing.send(partial(Session.open, settings.server)), mailing.manifest.report)
        summary.refused.update(request.refused)
        summary.check(mailings[0].manifest.report, on_refused=on_refused)
        return Delivery(
            mailings[0].manifest, summary, request.redirect_all_to or settings.redirect_all_to or ""
        )

    def pending(self, request: MailRequest, *, rules: Rules, context: Mapping[str, Any]) -> bool:
        """Return whether there is something that :meth:`send` would send, as far as the ledger says."""
        return any(mailing.pending() for mailing in self._mailings(request, self.settings(), rules, context))

    def dry_run(self, request: MailRequest, *, rules: Rules, context: Mapping[str, Any]) -> Delivery:
        """Write each mail as ``.eml`` into the archive, and send nothing."""
        mailings = self._mailings(request, self.settings(), rules, context)
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
        settings, archive = self.settings(), self._archive_for_mail()
        latest = find_revision(archive, resending.report, report_date=resending.report_date)
        ledger = ledger_of(archive, latest.manifest)
        records: dict[str, list[Record]] = defaultdict(list)
        for record in records_of(ledger):
            if not record.occasion and record.report_date == resending.report_date.isoformat():
                records[record.recipient.lower()].append(record)
        named: list[tuple[Recipient, Mapping[str, Any]]] = [
            (recipient, facts)
            for recipient in parse_recipients(resending.to)
            for facts in [record.facts for record in records.get(recipient.normal, ())] or [{}]
        ] or [
            (parse_address(record.recipient), record.facts)
            for several in records.values()
            for record in several
            if record.standing not in ("sent", "in_flight", "waiting", "rejected")
        ]
        if not named:
            raise NothingToResendError(resending.report, resending.report_date.isoformat())
        check_domains([recipient for recipient, _ in named], settings.allowed_domains)
        summary, trial = Summary(), settings.redirect_all_to
        for recipient, facts in named:
            [one] = redirected([recipient], trial) if trial else [recipient]
            revision = archive.open(facts["manifest"]) if "manifest" in facts else latest
            message = _message_again(settings, revision, one, facts)
            mailing = Mailing(
                message,
                ledger,
                rules=Rules(on_unknown="hold"),
                run={"reason": resending.reason, "by": resending.by},
                now=datetime.now(timezone.utc),
                occasion=f"resend:{resending.id}" + (f":{_trial(trial)}" if trial else ""),
            )
            connect = partial(Session.open, settings.server)
            sent = mailing.send(connect) if trial else mailing.send_again(connect, resending.reason)
            summary.add(sent, resending.report)
        summary.check(resending.report)
        return Delivery(latest.manifest, summary)

    def question(
        self, request: MailRequest, *, rules: Rules, context: Mapping[str, Any]
    ) -> Question | Delivery:
        """
        Return what somebody has to approve, or, when there is nothing to send, what became of it.

        Everything is prepared and checked as for sending: an error shows now, not after the approval. What is shown
        is written down, and that is what an approval sends.
        """
        settings = self.settings()
        mailings = self._mailings(request, settings, rules, context, approved=())
        pending = [(mailing, mails) for mailing in mailings if (mails := mailing.pending())]
        if not pending:
            return self._deliver(mailings, request, settings)
        proposal = Proposal(
            request=request.pinned([mailing.message.revision for mailing in mailings]),
            rules={name: getattr(rules, name) for name in ("on_correction", "on_unknown", "max_bytes")},
            connection=self._connection(settings),
            messages=[mailing.shown() for mailing, _ in pending],
            keys=[mail.key for _, mails in pending for mail in mails],
        ).store(self.archive)
        for mailing, mails in pending:
            for mail in mails:
                mailing.hold(mail, "waits for an approval", Summary(), status="waiting")
        return Question(
            subject=f"Send {pending[0][0].message.subject!r}?"
            if len(pending) == 1
            else f"Send {len(pending)} reports?",
            body="\n\n".join(_described(mailing, mails) for mailing, mails in pending),
            manifests=[mailing.manifest for mailing, _ in pending],
            proposal=proposal,
        )

    def send_approved(
        self,
        proposal: ArtifactInfo,
        *,
        by: str,
        context: Mapping[str, Any],
        on_refused: OnRefused = "fail",
    ) -> Delivery:
        """
        Mail what somebody approved, all of it as it was shown, and nothing else.

        It was in time when it was asked about, so no lateness counts from then on.

        :param proposal: of the :class:`Question`.
        :param by: who approved it.
        :raises ApprovalError: it is gone.
        :raises ContentChangedError: the archive or the connection are not what they were. Nothing was sent.
        """
        shown, settings = Proposal.load(proposal), self.settings()
        rules, keys = Rules(max_lateness=None, **shown.rules), frozenset(shown.keys)
        request = MailRequest(**shown.request)
        mailings = self._mailings(request, settings, rules, context, approved=keys, approved_by=by)
        shown.check(self._connection(settings), [mailing.shown() for mailing in mailings])
        return self._deliver(mailings, request, settings, on_refused=on_refused)

    def reject(self, proposal: ArtifactInfo, *, by: str, context: Mapping[str, Any]) -> Delivery:
        """Send nothing of what somebody rejected, and say so in the ledger."""
        shown = Proposal.load(proposal)
        rules, keys = Rules(max_lateness=None, **shown.rules), frozenset(shown.keys)
        mailings = self._mailings(MailRequest(**shown.request), self.settings(), rules, context)
        summary = Summary()
        for mailing in mailings:
            for mail in mailing.pending():
                if mail.key in keys:
                    mailing.hold(mail, f"rejected by {by}", summary, status="rejected")
        return Delivery(mailings[0].manifest, summary)

    def _connection(self, settings: MailSettings) -> dict[str, Any]:
        """Return where mails go out, as plain JSON."""
        server = settings.server
        return {"id": self.smtp_conn_id, "server": f"{server.host}:{server.port}", "login": server.login}

    def tell_failure(self, to: object, *, report: object, context: Mapping[str, Any]) -> None:
        """
        Mail, once, that a task failed, with the error, the log's address, and who got the report.

        :param to: addresses.
        :param report: the result of a report task, or a slug; that of the failed task when None.
        :raises DeliveryError: somebody was not told.
        """
        settings, archive = self.settings(), self.archive
        recipients = choose_recipients(to)
        check_domains(recipients, settings.allowed_domains)
        if settings.redirect_all_to:
            recipients = redirected(recipients, settings.redirect_all_to)
        occasion, text = failure_text(context, archive, report)
        dag_id = str(context["dag"].dag_id)
        notice = Notice(settings.sender, f"Failed: {dag_id}", text, dag_id, occasion)
        connect = partial(Session.open, settings.server)
        notice.send(recipients, archive, connect, now=datetime.now(timezone.utc)).check(f"failure of {dag_id}")

    def _archive_for_mail(self) -> Archive:
        """
        Return the archive, whose ledger must be the same for all who mail.

        :raises ArchiveNotSharedError: it isn't.
        """
        archive = self.archive
        check_shared(archive)
        return archive

    def _mailings(
        self,
        request: MailRequest,
        settings: MailSettings,
        rules: Rules,
        context: Mapping[str, Any],
        *,
        approved: Collection[str] | None = None,
        approved_by: str | None = None,
    ) -> list[Mailing]:
        """Return a mailing for each report that is wanted, everything checked that can be without the server."""
        archive, run = self._archive_for_mail(), run_of(context)
        revisions = find_revisions(archive, request.report, report_date=run.report_date)
        trial = request.redirect_all_to or settings.redirect_all_to
        occasion = _trial(trial) if trial else ""
        now = datetime.now(timezone.utc)
        facts = {**run.ref, **({"approved_by": approved_by} if approved_by else {})}
        messages = [
            message
            for revision in revisions.values()
            if (message := _script_message(request, settings, revision, archive, occasion=occasion))
        ] or _messages(request, settings, revisions)
        return [
            Mailing(
                replace(message, recipients=redirected(message.recipients, trial)) if trial else message,
                ledger_of(archive, message.revision.manifest),
                rules=rules,
                run=facts,
                now=now,
                occasion=occasion,
                approved=approved,
            )
            for message in messages
        ]


def _messages(request: MailRequest, settings: MailSettings, revisions: Mapping[str, Revision]) -> list[Message]:
    """Return the message of each report, with those who get it."""
    recipients = choose_recipients(
        request.to,
        request.cc,
        request.bcc,
        default=settings.default_recipients,
        allowed_domains=request.allowed_domains,
    )
    check_domains(recipients, settings.allowed_domains)
    messages = [
        Message(
            settings.sender,
            request.subject or revision.manifest.title,
            revision,
            attachments=find_attachments(request.attachments, revision),
            recipients=group,
            reply_to=[sending_mailbox(each, name="reply_to") for each in parse_recipients(request.reply_to)],
            unsubscribe=_urls(request.unsubscribe),
            further=_further(request.headers),
        )
        for revision, group in by_report(recipients, revisions)
    ]
    for message in messages:
        message.common_head()  # what can't be in a header shows before anything is sent
    return messages


def _script_message(
    request: MailRequest, settings: MailSettings, revision: Revision, archive: Archive, *, occasion: str
) -> CapturedMessage | None:
    """Return the message of what a script mailed, or None where the revision is something else."""
    mails = captured_mails(revision)
    if not mails:
        return None
    for name in ("to", "cc", "bcc", "subject", "attachments", "reply_to", "headers", "unsubscribe"):
        if getattr(request, name):
            expected = "nothing: what a script mailed goes out as it wrote it, to whom it wrote"
            raise InvalidValueError(name, getattr(request, name), expected)
    manifest = revision.manifest
    ledger = ledger_of(archive, manifest)
    recipients = recipients_of(mails.values(), manifest, ledger, occasion=occasion)
    check_domains(recipients, request.allowed_domains)
    check_domains(recipients, settings.allowed_domains)
    return CapturedMessage(settings.sender, manifest.title, revision, recipients=recipients, mails=mails)


def _message_again(
    settings: MailSettings, revision: Revision, recipient: Recipient, facts: Mapping[str, Any]
) -> Message:
    """
    Return the message that somebody gets again.

    :param facts: what the ledger says of the first; empty when it names nobody of that address.
    """
    mails = captured_mails(revision)
    if not mails:
        return Message(
            settings.sender,
            facts.get("subject") or revision.manifest.title,
            revision,
            attachments=find_attachments(facts.get("attachments"), revision),
            recipients=[replace(recipient, alone=True)],
        )
    if not facts and len(mails) > 1:
        known = sorted({address for mail in mails.values() for address in mail.recipients})
        raise InvalidValueError("to", recipient.address, f"one of those that the script wrote to: {known}")
    message = facts["message"] if facts else next(iter(mails))
    recipient = replace(recipient, message=message, part=facts.get("part", ""))
    return CapturedMessage(
        settings.sender, revision.manifest.title, revision, recipients=[recipient], mails=mails
    )


def _described(mailing: Mailing, mails: Sequence[Mail]) -> str:
    """Return Markdown of what these mails say and where they go."""
    message, manifest = mailing.message, mailing.manifest
    left_out = [each.name for each in mailing.left_out]
    attached = ", ".join(f"`{each.name}`" for each in message.attachments if each.name not in left_out)
    if left_out:
        attached = f"{attached or 'no attachment'} (too large: {', '.join(f'`{name}`' for name in left_out)})"
    answers = f", answers to {', '.join(map(str, message.reply_to))}" if message.reply_to else ""
    entries = mailing.ledger.entries(mail.key for mail in mails[:_SHOWN])
    people = [f"- {_person(mail, entries[mail.key])}" for mail in mails[:_SHOWN]]
    if len(mails) > _SHOWN:
        people.append(f"- and {len(mails) - _SHOWN} more")
    return "\n\n".join(
        (
            f"**{message.subject}**",
            (
                f"Revision {manifest.revision} of `{manifest.report}` for {manifest.report_date}, digest "
                f"`{manifest.digest[:12]}`, from {message.sender}{answers}, with {attached or 'no attachment'}. "
                f"It goes to {len(mails)}:"
            ),
            "\n".join(people),
        )
    )


def _person(mail: Mail, entry: Entry) -> str:
    """Return whom a mail is for, and what sets it apart from the others."""
    kind = mail.recipient.kind
    correction = "as a correction" if "answers" in mail.facts else ""
    doubt = "may have got it already" if entry.standing == "in_doubt" else ""
    remarks = ", ".join(filter(None, (kind if kind != "to" else "", correction, doubt)))
    subject = mail.facts["subject"] if mail.recipient.message else ""
    return (
        f"{mail.recipient.mailbox}" + (f": {subject}" if subject else "") + (f" ({remarks})" if remarks else "")
    )


def _trial(address: str) -> str:
    """Return the occasion of mails that go to one address instead: they count for nobody else."""
    return f"trial:{parse_address(address).normal}"


def find_revisions(archive: Archive, report: object, *, report_date: date) -> dict[str, Revision]:
    """
    Return the revisions to mail, by their reports.

    :param report: what :func:`find_revision` takes, or a list of these.
    :raises InvalidValueError: one is neither, or two are of one report.
    """
    given = [report] if isinstance(report, (str, Mapping)) or not isinstance(report, Iterable) else list(report)
    found: dict[str, Revision] = {}
    for each in given:
        revision = find_revision(archive, each, report_date=report_date)
        if revision.manifest.report in found:
            raise InvalidValueError("report", revision.manifest.report, "each report once")
        found[revision.manifest.report] = revision
    if not found:
        raise InvalidValueError("report", report, "the result of a report task, or a report's slug")
    return found


def by_report(
    recipients: Sequence[Recipient], revisions: Mapping[str, Revision]
) -> list[tuple[Revision, list[Recipient]]]:
    """
    Return each revision with those who get it.

    :raises InvalidValueError: a recipient names none of several reports, or one that isn't there.
    """
    groups: dict[str, list[Recipient]] = {report: [] for report in revisions}
    only = next(iter(revisions)) if len(revisions) == 1 else None
    for recipient in recipients:
        report = recipient.report or only
        if report not in groups:
            raise InvalidValueError(
                f"report of the recipient {recipient.address}", report, "one of " + ", ".join(revisions)
            )
        groups[report].append(recipient)
    return [(revisions[report], group) for report, group in groups.items() if group]


def find_revision(archive: Archive, report: object, *, report_date: date) -> Revision:
    """
    Return the revision to mail.

    :param report: the result of a report task, or a slug.
    :param report_date: of which date the latest revision is taken, for a slug.
    :raises InvalidValueError: it is neither.
    :raises RevisionNotFoundError: there is none.
    """
    if isinstance(report, Mapping) and "manifest" in report:
        return archive.open(str(report["manifest"]))
    if isinstance(report, str) and report:
        revision = archive.latest(report, report_date)
        if revision is None:
            raise RevisionNotFoundError(f"{archive.uri}/{report}/{report_date:%Y/%m/%d}")
        return revision
    raise InvalidValueError("report", report, "the result of a report task, or a report's slug")


def find_attachments(given: object, revision: Revision) -> list[Attachment]:
    """
    Return the files that an argument names.

    :param given: None, or a list of results of container tasks (all of whose outputs are meant), artifacts
        ``{"uri", "sha256", "bytes"}``, names of files of the revision, and None for a task that was skipped.
    :raises InvalidValueError: an item is none of these.
    :raises ArchivedFileNotFoundError: the revision has no file of that name.
    """
    return [
        one if isinstance(one, Attachment) else _of_revision(one, revision) for one in each_attachment(given)
    ]


def _of_revision(name: str, revision: Revision) -> Attachment:
    file = revision.file(name)
    uri = f"{revision.uri.rpartition('/')[0]}/{name}"
    return Attachment(
        name.rpartition("/")[2], file.media_type, uri, revision.path(name), file.sha256, file.bytes
    )


def _further(given: object) -> Mapping[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidValueError("headers", given, "a mapping of names to values")
    return given


def _urls(given: object) -> list[str]:
    """Return the URLs of List-Unsubscribe: https or mailto, and no character that would end one."""
    urls = [given] if isinstance(given, str) and given else list(given) if isinstance(given, Iterable) else []
    for url in urls:
        if not isinstance(url, str) or not re.fullmatch(r"(https://|mailto:)[^\s<>,\"]+", url):
            raise InvalidValueError("list_unsubscribe", url, "https://… or mailto:… URLs")
    return urls
