"""What a notice says of a report that is not there by a deadline of its Dag."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.archive.layout import check_report
from airflow_provider_daybreak.context.address import run_address
from airflow_provider_daybreak.context.schedules import date_of_run
from airflow_provider_daybreak.context.shadow import shadows_of
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from zoneinfo import ZoneInfo

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.delivery.audit import Record

_DATES = (
    *("conf", "partition_date", "data_interval_start", "data_interval_end"),
    *("logical_date", "run_after"),
)


@dataclass(frozen=True)
class LateRun:
    """
    A run that had not ended by its deadline.

    :param state: what Airflow calls it, such as ``running``.
    :param deadline: the instant, as Airflow says it.
    """

    dag_id: str
    run_id: str
    state: str
    deadline: str
    report_date: date

    @classmethod
    def of(cls, context: Mapping[str, Any], zone: ZoneInfo) -> LateRun:
        """
        Return the run that a deadline's context is about.

        :param context: what Airflow gives to the callback of a deadline: its run is no object, and says no zone.
        :param zone: the zone of the report date.
        :raises InvalidValueError: the context is not that of a deadline, or the run says no date that can be read.
        """
        run, deadline = context.get("dag_run"), context.get("deadline")
        if not isinstance(run, dict) or not isinstance(deadline, dict):
            expected = "that of a DeadlineAlert of a Dag: failures are told by ReportFailureNotifier"
            raise InvalidValueError("context", sorted(context), expected)
        day = date_of_run(SimpleNamespace(**{name: run.get(name) for name in _DATES}), zone)
        if day is None:
            expected = "a run whose report date can be read"
            raise InvalidValueError("dag_run", run.get("dag_run_id"), expected)
        return cls(
            dag_id=str(run["dag_id"]),
            run_id=str(run["dag_run_id"]),
            state=str(run.get("state", "")),
            deadline=str(deadline.get("deadline_time", "")),
            report_date=day,
        )

    @property
    def occasion(self) -> str:
        """What tells this from another deadline, and from another run."""
        return f"late:{self.run_id}:{self.deadline}"

    @property
    def why_in_shadow(self) -> str:
        """Why nobody must hear of the run, or nothing."""
        shadow = shadows_of().of(self.dag_id)
        return shadow.why_held(self.report_date) if shadow is not None else ""

    def text(self, archive: Archive, report: str) -> str:
        """
        Return what tells of it, or nothing where the report is there, and each of its mails was sent.

        :param report: slug of the report.
        """
        day, revision = self.report_date, archive.latest(check_report(report), self.report_date)
        mails = list(deliveries(archive, report, since=day, until=day))
        if revision is not None and mails and all(each.standing in ("sent", "excluded") for each in mails):
            return ""
        made = f"revision {revision.number}, made {revision.manifest.created}" if revision else "not there"
        lines = [
            f"Report:   {report}, {day}: {made}",
            f"Deadline: {self.deadline}",
            f"Dag:      {self.dag_id}",
            f"Run:      {self.run_id}, {self.state}",
        ]
        if address := run_address(self.dag_id, self.run_id):
            lines.append(f"Look at:  {address}")
        told = [_line(each) for each in mails]
        return "\n".join([*lines, "", *(["Mails:", *told] if told else ["Nobody has got it."])]) + "\n"


def _line(record: Record) -> str:
    return f"  {record.standing:<10} {record.recipient}  {record.facts.get('reason', '')}".rstrip()
