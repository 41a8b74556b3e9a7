"""What a failure notice says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.archive.layout import is_report
from airflow_provider_daybreak.context.masking import masked
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.reports.period import parse_date

if TYPE_CHECKING:
    from airflow_provider_daybreak.archive import Archive


def failure_text(context: Mapping[str, Any], archive: Archive, report: object) -> tuple[str, str]:
    """
    Return what tells a failure from others, and a text that tells of it.

    :param context: the context of a failed task or Dag run.
    :param report: the result of a report task, or a slug; that of the failed task when None.
    """
    ti, error = context.get("ti"), context.get("exception") or context.get("reason")
    run_id = str(context.get("run_id") or getattr(context.get("dag_run"), "run_id", ""))
    lines = [f"Dag:   {context['dag'].dag_id}", f"Run:   {run_id}"]
    occasion = f"failure:{run_id}"
    if ti is not None:
        occasion += f":{ti.task_id}:{ti.map_index}:{ti.try_number}"
        lines += [f"Task:  {ti.task_id}, try {ti.try_number}", f"Log:   {getattr(ti, 'log_url', '')}"]
    if error:
        lines.append(f"Error: {masked(str(error))}")
    delivered = _delivered(context, archive, report)
    lines += ["", "Mails:", *delivered] if delivered else ["", "No mail of its report is in the ledger."]
    return occasion, "\n".join(lines) + "\n"


def _delivered(context: Mapping[str, Any], archive: Archive, report: object) -> list[str]:
    """Return a line for each mail of the run's report, as far as there is one."""
    report = report or getattr(context.get("task"), "report", None)
    if isinstance(report, Mapping):
        slug, day = str(report.get("report", "")), str(report.get("report_date", ""))
    elif isinstance(report, str) and context.get("ti") is not None:
        slug, day = report, run_of(context).report_date.isoformat()
    else:
        return []
    if not is_report(slug):
        return []
    return [
        f"  {record.standing:<10} {record.recipient}  {record.facts.get('reason', '')}".rstrip()
        for record in deliveries(archive, slug, since=parse_date(day), until=parse_date(day))
    ]
