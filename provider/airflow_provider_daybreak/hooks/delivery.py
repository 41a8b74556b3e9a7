"""Mails archived reports over an ``smtp`` connection."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

from airflow_provider_daybreak.context.archive import archive_at, archive_of, storage_path
from airflow_provider_daybreak.context.attachments import each_attachment
from airflow_provider_daybreak.context.encryption import encryption_of
from airflow_provider_daybreak.context.failure_text import failure_text
from airflow_provider_daybreak.context.hosts import check_shared
from airflow_provider_daybreak.context.late_text import LateRun
from airflow_provider_daybreak.context.metrics import count_mails
from airflow_provider_daybreak.context.run import default_zone, run_of
from airflow_provider_daybreak.context.shadow import shadows_of, why_in_shadow
from airflow_provider_daybreak.context.smtp import mail_settings, raise_swallowed
from airflow_provider_daybreak.delivery.approval import Proposal
from airflow_provider_daybreak.delivery.mailer import Mailer
from airflow_provider_daybreak.delivery.notice import Notice
from airflow_provider_daybreak.delivery.recipients import check_domains, choose_recipients, redirected
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import MissingConnectionError
from airflow_provider_daybreak.reports.period import zone
from airflow_provider_daybreak.settings import Settings
from airflow_provider_daybreak.version_compat import AirflowNotFoundException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.delivery.approval import Question
    from airflow_provider_daybreak.delivery.mailer import Delivery
    from airflow_provider_daybreak.delivery.request import MailRequest, MailSettings
    from airflow_provider_daybreak.delivery.resending import Resending
    from airflow_provider_daybreak.delivery.rules import OnRefused, Rules
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo


class DeliveryHook(BaseHook):
    """
    Mails archived reports, as :class:`Mailer` does.

    :param smtp_conn_id: the ``smtp`` connection. Beside what Airflow's SMTP provider knows (``from_email``,
        ``disable_ssl``, ``disable_tls``, ``timeout``, ``ssl_context``, ``auth_type`` with its OAuth2 fields) its
        extra may have ``ca_file``, ``default_recipients``, ``allowed_domains``, ``redirect_all_to``,
        ``allow_insecure`` and ``local_hostname``.
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
        """Mail a report to those who did not get it: see :meth:`Mailer.send`."""
        return self._mailer(context).send(request, rules=rules, on_refused=on_refused)

    def pending(self, request: MailRequest, *, rules: Rules, context: Mapping[str, Any]) -> bool:
        """Return whether there is something that :meth:`send` would send, as far as the ledger says."""
        return self._mailer(context).pending(request, rules=rules)

    def dry_run(self, request: MailRequest, *, rules: Rules, context: Mapping[str, Any]) -> Delivery:
        """Write each mail as ``.eml`` into the archive, and send nothing."""
        return self._mailer(context).dry_run(request, rules=rules)

    def question(
        self, request: MailRequest, *, rules: Rules, context: Mapping[str, Any]
    ) -> Question | Delivery:
        """Return what somebody has to approve, or what became of it: see :meth:`Mailer.question`."""
        return self._mailer(context).question(request, rules=rules)

    def send_approved(
        self,
        proposal: ArtifactInfo,
        *,
        by: str,
        context: Mapping[str, Any],
        on_refused: OnRefused = "fail",
    ) -> Delivery:
        """
        Mail what somebody approved, as it was shown, and nothing else: see :meth:`Mailer.send_approved`.

        :param proposal: of the :class:`Question`.
        :raises ApprovalError: it is gone.
        """
        return self._mailer(context).send_approved(_shown(proposal), by=by, on_refused=on_refused)

    def reject(self, proposal: ArtifactInfo, *, by: str, context: Mapping[str, Any]) -> Delivery:
        """Send nothing of what somebody rejected, and say so in the ledger."""
        return self._mailer(context).reject(_shown(proposal), by=by)

    def resend(self, resending: Resending) -> Delivery:
        """Send the archived original again, for a reason, once for each id: see :meth:`Mailer.resend`."""
        return self._mailer().resend(resending)

    def waiting(self, resending: Resending) -> list[tuple[str, str]]:
        """Return who would get it again, each with how the mail stands: see :meth:`Mailer.waiting`."""
        return self._mailer().waiting(resending)

    def tell_failure(self, to: object, *, report: object, context: Mapping[str, Any]) -> None:
        """
        Mail, once, that a task failed, with the error, the log's address, and who got the report; nobody, in shadow.

        :param to: addresses.
        :param report: the result of a report task, or a slug; that of the failed task when None.
        :raises DeliveryError: somebody was not told.
        """
        if why := why_in_shadow(context):
            self.log.warning("Nobody is told that it failed: %s", why)
            return
        occasion, text = failure_text(context, self.archive, report)
        dag_id = str(context["dag"].dag_id)
        self._tell(to, f"Failed: {dag_id}", text, dag_id, occasion, what=f"failure of {dag_id}")

    def tell_late(self, to: object, *, report: str, timezone: str | None, context: Mapping[str, Any]) -> None:
        """
        Mail, once, that a report is not there by a deadline, or who lacks it; nobody, where all have it, or in shadow.

        :param to: addresses.
        :param report: its slug.
        :param timezone: key of the IANA database, for the report date; Airflow's default when None.
        :param context: that of a deadline.
        :raises DeliveryError: somebody was not told.
        """
        late = LateRun.of(context, zone(timezone) if timezone else default_zone())
        if why := late.why_in_shadow:
            self.log.warning("Nobody is told that it is late: %s", why)
            return
        text = late.text(self.archive, report)
        if not text:
            self.log.info("%s of %s is there, and with everybody: nobody is told.", report, late.report_date)
            return
        subject = f"Late: {report}, {late.report_date}"
        self._tell(to, subject, text, late.dag_id, late.occasion, what=f"lateness of {report}")

    def _tell(self, to: object, subject: str, text: str, dag_id: str, occasion: str, *, what: str) -> None:
        settings, archive = self.settings(), self.archive
        recipients = choose_recipients(to)
        check_domains(recipients, settings.allowed_domains)
        if settings.redirect_all_to:
            recipients = redirected(recipients, settings.redirect_all_to)
        notice = Notice(settings.sender, subject, text, dag_id, occasion)
        connect = partial(Session.open, settings.server)
        notice.send(recipients, archive, connect, now=datetime.now(timezone.utc)).check(what)

    def _mailer(self, context: Mapping[str, Any] | None = None) -> Mailer:
        """
        Return what mails, over an archive whose ledger must be the same for all who mail.

        :raises ArchiveNotSharedError: it isn't.
        """
        settings, archive = self.settings(), self.archive
        check_shared(archive)
        mailer = partial(
            Mailer,
            archive,
            settings,
            each_attachment,
            encryption_of,
            claim_lifetime=Settings.load().claim_lifetime,
            shadows=shadows_of(),
            tell=count_mails,
        )
        if context is None:
            return mailer()
        run = run_of(context)
        return mailer(report_date=run.report_date, run=run.ref)


def _shown(proposal: ArtifactInfo) -> Proposal:
    return Proposal.load(proposal, storage_path(proposal["uri"], name="uri of a proposal"))
