"""Tell a report's owner that it is late, before anybody asks where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

__all__ = ["ReportLateNotifier"]


class ReportLateNotifier(BaseNotifier):
    """
    Mail the owner once that a report was not there, or not with everybody, by a deadline of its Dag.

    For a ``DeadlineAlert`` of a Dag: as an ``AsyncCallback``, or from Airflow 3.2 on as a ``SyncCallback``. Nobody is told where
    the report is there by then and each of its mails was sent, though the run may still be at work.

    :param to: addresses of the owner, as a list or text. (templated)
    :param report: slug of the report. (templated)
    :param timezone: key of the IANA database, in which the report date is reckoned: Airflow does not say the Dag's. That of
        ``[core] default_timezone`` when None.
    :param smtp_conn_id: the ``smtp`` connection.
    :param archive: URI of the archive; the one of the ``[daybreak]`` section by default.
    :param context: what Airflow gives; nobody else does.
    """

    template_fields: Sequence[str] = ("to", "report")

    def __init__(
        self,
        *,
        to: Any,
        report: str,
        timezone: str | None = None,
        smtp_conn_id: str = "smtp_default",
        archive: str | None = None,
        context: Context | None = None,
    ) -> None:
        super().__init__(context=context)
        self.to = to
        self.report = report
        self.timezone = timezone
        self.smtp_conn_id = smtp_conn_id
        self.archive = archive

    def notify(self, context: Context) -> None:
        """Mail the owner, unless that was done for this deadline."""
        from airflow_provider_daybreak.hooks.delivery import DeliveryHook

        hook = DeliveryHook(self.smtp_conn_id, archive=self.archive)
        hook.tell_late(self.to, report=self.report, timezone=self.timezone, context=context)

    async def async_notify(self, context: Context) -> None:
        """Do the same in a triggerer, whose other triggers go on meanwhile."""
        from airflow_provider_daybreak.version_compat import beside_the_loop

        await beside_the_loop(self.notify, context)
