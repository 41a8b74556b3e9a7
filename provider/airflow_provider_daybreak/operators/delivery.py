"""Mail reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from airflow.sdk import BaseOperator

from airflow_provider_daybreak.delivery.rules import (
    MAX_BYTES,
    Mode,
    OnCorrection,
    OnRefused,
    OnUnknown,
    Rules,
    check_choice,
)
from airflow_provider_daybreak.operators.approval import answer_of, ask
from airflow_provider_daybreak.operators.permanent import (
    fail_at_once,
    look_again_later,
    skip_where_nobody_is_meant,
)
from airflow_provider_daybreak.web.links import OpenReportLink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, timedelta

    from airflow.sdk import Context

    from airflow_provider_daybreak.archive import Manifest
    from airflow_provider_daybreak.delivery.approval import Question
    from airflow_provider_daybreak.delivery.mailer import Delivery
    from airflow_provider_daybreak.delivery.request import MailRequest
    from airflow_provider_daybreak.delivery.sender import Summary
    from airflow_provider_daybreak.hooks.delivery import DeliveryHook
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

__all__ = ["DeliveryInfo", "ReportEmailOperator"]


class DeliveryInfo(TypedDict):
    """
    What became of a report's mails. Reasons and Message-IDs are by address.

    ``sent`` now and ``already_sent`` before; ``deferred`` to another try (reasons); ``refused`` by the server
    (reasons); ``unknown``, which may or may not have been taken (reasons); ``held``, not to be sent (reasons).
    """

    report: str
    report_date: str
    revision: int
    sent: list[str]
    already_sent: list[str]
    deferred: dict[str, str]
    refused: dict[str, str]
    unknown: dict[str, str]
    held: dict[str, str]
    message_ids: dict[str, str]


class ReportEmailOperator(BaseOperator):
    """
    Mail an archived report, once for each report, period and recipient.

    A retry, a clear, a backfill or another run of a date that was mailed sends nothing. The mail has the text
    and the HTML of the revision, its charts inline, and the attachments.

    :param report: the result of a :class:`ReportOperator`, or a slug: then the latest revision of the run's
        report date. A list of these where rows of ``to`` get different ones. (templated)
    :param to: addresses: a list of one each, or text with commas or semicolons between them. The connection's
        ``default_recipients`` when ``to``, ``cc`` and ``bcc`` are empty. Or rows: ``{"address": …, "name": …,
        "report": …}``, each of which gets a mail of its own that names nobody else, with the report whose slug
        (or result) it names. (templated)
    :param cc: likewise. (templated)
    :param bcc: likewise; shown to nobody. (templated)
    :param from_email: whom the mail, and its envelope, is from; the connection's ``from_email`` by default. (templated)
    :param subject: the report's title by default. (templated)
    :param smtp_conn_id: the ``smtp`` connection.
    :param mode: ``send``; ``hold`` to prepare everything and wait until somebody approves just that, as it was
        shown, under "required actions" in Airflow's UI; ``dry_run`` to write each mail as ``.eml`` into the archive.
    :param max_lateness: how long after its period's end a report is still mailed; for ever when None, and in a run
        whose param ``mail_even_if_late`` is true. A later run only archives it.
    :param on_correction: whether new content for a period that was mailed is only in the archive
        (``archive``), or mailed too (``send``).
    :param on_refused: whether a recipient that the server refuses is an error (``fail``) or logged (``warn``).
        All others are mailed first either way.
    :param on_unknown: what to do about mails that the server may or may not have taken: nothing (``hold``),
        send them again with the same Message-ID (``resend``), or take them for sent (``assume_sent``).
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :param attachments: results of container tasks, artifacts ``{uri, sha256, bytes}``, and names of files of
        the revision; None for none. (templated)
    :param attachment_names: what attachments are called in the mail: a name for each name, such as ``{"sales.csv":
        "sales-{report_date:%d.%m.%Y}.csv"}``, or one text for all, such as ``"{stem}-{report_date}{suffix}"``. There are
        ``{name}``, ``{stem}``, ``{suffix}``, ``{report}``, ``{report_date}`` and ``{revision}``. A name that no attachment
        has is refused, unless a task that makes one was skipped, or there is none at all. (templated)
    :param encrypt: id of the connection whose password the attachments open with: PDFs and workbooks (.xlsx) by AES-256,
        and nothing else is sent then. What the mail itself says is not encrypted. Needs the extra ``encrypt``.
    :param max_bytes: bytes that a mail may have. Attachments over that, or over what the server takes, are left
        out with a line in the mail that says where they are.
    :param connections: how many connections to the server the mails go out over at once, as far as it takes them: for
        thousands of recipients.
    :param reply_to: where answers go, when not to the sender. (templated)
    :param headers: further header fields, such as ``{"X-Team": "data"}``, from those that are allowed. (templated)
    :param list_unsubscribe: URLs for a mail program's "unsubscribe"; with an https one it is one-click (RFC 8058). They may
        have places for each recipient: ``{address}``, and what its row says, such as ``{token}``. (templated)
    :param redirect_all_to: the one address that gets all mails instead, for trials. They don't count as sent to
        those they were meant for. (templated)
    :param archive: URI of the archive; the one of the ``[daybreak]`` section by default.
    :return: what became of each mail, as :class:`DeliveryInfo`. A task that mailed nobody, now or before, has it as its
        XCom too, and ends as skipped, with the reason.
    """

    template_fields: Sequence[str] = (
        "report",
        "to",
        "cc",
        "bcc",
        "from_email",
        "subject",
        "attachments",
        "attachment_names",
        "reply_to",
        "headers",
        "list_unsubscribe",
        "redirect_all_to",
    )
    ui_color = "#dbe7f5"
    operator_extra_links = (OpenReportLink(),)

    def __init__(
        self,
        *,
        report: Any,
        to: Any = (),
        cc: Any = (),
        bcc: Any = (),
        from_email: str | None = None,
        subject: str | None = None,
        smtp_conn_id: str = "smtp_default",
        mode: Mode = "send",
        max_lateness: timedelta | None = Rules.max_lateness,
        on_correction: OnCorrection = Rules.on_correction,
        on_refused: OnRefused = "fail",
        on_unknown: OnUnknown = Rules.on_unknown,
        allowed_domains: Sequence[str] = (),
        attachments: Any = None,
        attachment_names: dict[str, str] | str | None = None,
        encrypt: str | None = None,
        max_bytes: int | None = MAX_BYTES,
        connections: int = Rules.connections,
        reply_to: Any = (),
        headers: dict[str, str] | None = None,
        list_unsubscribe: Any = (),
        redirect_all_to: str | None = None,
        archive: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report = report
        self.to = to
        self.cc = cc
        self.bcc = bcc
        self.from_email = from_email
        self.subject = subject
        self.smtp_conn_id = smtp_conn_id
        self.mode = mode
        self.max_lateness = max_lateness
        self.on_correction = on_correction
        self.on_refused = on_refused
        self.on_unknown = on_unknown
        self.allowed_domains = allowed_domains
        self.attachments = attachments
        self.attachment_names = attachment_names
        self.encrypt = encrypt
        self.max_bytes = max_bytes
        self.connections = connections
        self.reply_to = reply_to
        self.headers = headers
        self.list_unsubscribe = list_unsubscribe
        self.redirect_all_to = redirect_all_to
        self.archive = archive

    def execute(self, context: Context) -> DeliveryInfo:
        """
        Send what was not sent before.

        :raises AirflowRescheduleException: another task is sending: this one looks again once that may have ended.
        :raises AirflowSkipException: nobody has got anything.
        """
        from airflow_provider_daybreak.delivery.mailer import Delivery

        with look_again_later(), fail_at_once(), skip_where_nobody_is_meant():
            check_choice("mode", self.mode, Mode)
            if self.mode == "send":
                found: Delivery | Question = self._hook().send(
                    self._request(), on_refused=self.on_refused, **self._when(context)
                )
            elif self.mode == "dry_run":
                found = self._hook().dry_run(self._request(), **self._when(context))
            else:
                found = self._hook().question(self._request(), **self._when(context))
        if isinstance(found, Delivery):
            return _told(found, context)
        return ask(
            self,
            context,
            subject=found.subject,
            body="\n\n".join([found.body, *self._links(found.manifests)]),
            then=self.execute_answered.__name__,
            proposal=found.proposal,
        )

    def execute_answered(self, context: Context, event: dict[str, Any], proposal: ArtifactInfo) -> DeliveryInfo:
        """Send what somebody approved, as it was shown: no template is rendered for it again."""
        with fail_at_once():
            answer, hook = answer_of(event), self._hook()
            if answer.approved:
                found = hook.send_approved(proposal, by=answer.by, context=context, on_refused=self.on_refused)
            else:
                found = hook.reject(proposal, by=answer.by, context=context)
        return _told(found, context)

    def _links(self, manifests: Sequence[Manifest]) -> list[str]:
        """Return Markdown links to the reports' pages, which those in the archive of the settings have."""
        if self.archive:
            return []
        from airflow_provider_daybreak.context.address import report_address

        addresses = (report_address(m.report, m.report_date.isoformat(), m.revision) for m in manifests)
        return [f"[Open {m.report}]({address})" for m, address in zip(manifests, addresses, strict=True)]

    def _hook(self) -> DeliveryHook:
        from airflow_provider_daybreak.hooks.delivery import DeliveryHook

        return DeliveryHook(self.smtp_conn_id, archive=self.archive)

    def _request(self) -> MailRequest:
        from airflow_provider_daybreak.delivery.request import MailRequest

        return MailRequest(
            self.report,
            self.to,
            self.cc,
            self.bcc,
            from_email=self.from_email,
            subject=self.subject,
            attachments=self.attachments,
            attachment_names=self.attachment_names,
            encrypt=self.encrypt,
            reply_to=self.reply_to,
            headers=self.headers,
            unsubscribe=self.list_unsubscribe,
            allowed_domains=self.allowed_domains,
            redirect_all_to=self.redirect_all_to,
        )

    def _when(self, context: Context) -> dict[str, Any]:
        from airflow_provider_daybreak.context.run import lateness_of

        rules = Rules(
            max_lateness=lateness_of(context, self.max_lateness),
            on_correction=self.on_correction,
            on_unknown=self.on_unknown,
            max_bytes=self.max_bytes,
            connections=self.connections,
        )
        return {"rules": rules, "context": context}


def info_of(report: str, report_date: date, revision: int, summary: Summary) -> DeliveryInfo:
    """
    Return what became of a report's mails as plain JSON.

    :param revision: its number; 0 where nothing was archived.
    """
    return DeliveryInfo(
        report=report,
        report_date=report_date.isoformat(),
        revision=revision,
        sent=list(summary.sent),
        already_sent=list(summary.already_sent),
        deferred=summary.deferred,
        refused=summary.refused,
        unknown=summary.unknown,
        held=summary.held,
        message_ids={**summary.already_sent, **summary.sent},
    )


def _told(delivery: Delivery, context: Context) -> DeliveryInfo:
    """
    Return what became of a report's mails.

    :raises AirflowSkipException: nobody has got anything. The same is the task's XCom then.
    """
    manifest = delivery.manifest
    info = info_of(manifest.report, manifest.report_date, manifest.revision, delivery.summary)
    if delivery.nothing:
        from airflow_provider_daybreak.version_compat import AirflowSkipException

        context["ti"].xcom_push(key="return_value", value=info)
        raise AirflowSkipException(
            f"Nobody was mailed {info['report']!r} of {info['report_date']}: {delivery.nothing}"
        )
    return info
