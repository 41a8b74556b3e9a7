"""The links that tasks show in Airflow's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

from airflow_provider_daybreak.context.address import report_address

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class OpenReportLink(BaseOperatorLink):
    """
    Opens the revision that a report task made, or that a mail task mailed.

    The worker computes it from the task's result when the task ends, and the UI shows what it stored. Only
    reports in the archive of the settings have a page.
    """

    name = "Open report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the report's address, or nothing where the task has none."""
        from airflow.sdk.execution_time.xcom import XCom

        from airflow_provider_daybreak.context.archive import archive_of

        result = XCom.get_value(ti_key=ti_key, key="return_value")
        if not isinstance(result, dict):
            return ""
        manifest = result.get("manifest")
        mailed = "message_ids" in result and not getattr(operator, "archive", None)
        if not mailed and not (isinstance(manifest, str) and manifest.startswith(f"{archive_of().uri}/")):
            return ""
        return report_address(result["report"], result["report_date"], result["revision"])
