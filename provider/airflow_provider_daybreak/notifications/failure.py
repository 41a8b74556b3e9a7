"""Tell a report's owner that it failed, and who got it all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

__all__ = ["ReportFailureNotifier"]


class ReportFailureNotifier(BaseNotifier):
    """
    Mail the owner once that a task failed: the error, the log's address, who got the report and who did not.

    For ``on_failure_callback`` of a task or a Dag.

    :param to: addresses of the owner, as a list or text. (templated)
    :param report: slug of the report, or the result of its task; that of the failed task when None. (templated)
    :param smtp_conn_id: the ``smtp`` connection.
    :param archive: URI of the archive; the one of the ``[daybreak]`` section by default.
    """

    template_fields: Sequence[str] = ("to", "report")

    def __init__(
        self,
        *,
        to: Any,
        report: Any = None,
        smtp_conn_id: str = "smtp_default",
        archive: str | None = None,
    ) -> None:
        super().__init__()
        self.to = to
        self.report = report
        self.smtp_conn_id = smtp_conn_id
        self.archive = archive

    def notify(self, context: Context) -> None:
        """Mail the owner, unless that was done for this try."""
        from airflow_provider_daybreak.hooks.delivery import DeliveryHook

        hook = DeliveryHook(self.smtp_conn_id, archive=self.archive)
        hook.tell_failure(self.to, report=self.report, context=context)
