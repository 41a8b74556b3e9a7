"""Which reports a run has made, by what its tasks returned."""

from __future__ import annotations

from typing import Any, NamedTuple


class MadeReport(NamedTuple):
    """A revision that a task of the run made or mailed."""

    report: str
    report_date: str
    revision: int


def reports_of(dag_id: str, run_id: str) -> list[MadeReport]:
    """Return the reports of a run, each once, by name and date."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    asked = select(XComModel).where(
        XComModel.dag_id == dag_id, XComModel.run_id == run_id, XComModel.key == "return_value"
    )
    with create_session() as session:
        results = [XComModel.deserialize_value(row) for row in session.scalars(asked)]
    return sorted({made for made in map(_made, results) if made is not None})


def _made(result: Any) -> MadeReport | None:
    """Return the revision that a task's result names, as report and mail tasks return it."""
    if not isinstance(result, dict) or not {"manifest", "message_ids"} & result.keys():
        return None
    report, report_date, revision = (result.get(name) for name in MadeReport._fields)
    if not isinstance(report, str) or not isinstance(report_date, str) or not isinstance(revision, int):
        return None
    return MadeReport(report, report_date, revision) if revision > 0 else None
