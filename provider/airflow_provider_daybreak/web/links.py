"""The links that tasks show in Airflow's UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

APP_PREFIX = "/daybreak"


class OpenReportLink(BaseOperatorLink):
    """
    Opens the revision that a report task made.

    The worker computes it from the task's result when the task ends, and the UI shows what it stored.
    """

    name = "Open report"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - as Airflow calls it
        """Return the report's address, or nothing where the task made none."""
        from airflow.sdk.execution_time.xcom import XCom

        result = XCom.get_value(ti_key=ti_key, key="return_value")
        if not isinstance(result, dict) or "manifest" not in result:
            return ""
        return report_address(result["report"], result["report_date"], result["revision"])


def report_address(report: str, report_date: str, revision: int) -> str:
    """
    Return where a revision is shown, relative to the UI's base: Airflow may sit under a path prefix.

    :param report_date: ISO date.
    """
    return f"{APP_PREFIX.lstrip('/')}/reports/{report}/{report_date}/{revision}/"
