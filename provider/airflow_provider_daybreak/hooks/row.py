"""How a report stands for a date, with what is known of it beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.overview.words import sentence

if TYPE_CHECKING:
    from datetime import date, datetime

    from airflow_provider_daybreak.overview.facts import Archived
    from airflow_provider_daybreak.overview.standing import RunFacts, Standing, State


@dataclass(frozen=True)
class Row:
    """
    How a report stands for a date.

    :param dag_id: the Dag whose it is; nothing where none is known.
    :param due: when it was due, in the zone of its schedule; None where no schedule says it.
    :param next_due: when it is due next.
    :param days: of the last days, the oldest first, each with its state; None where nothing was due.
    """

    report: str
    dag_id: str
    report_date: date
    due: datetime | None
    standing: Standing
    archived: Archived | None = None
    run: RunFacts | None = None
    next_due: datetime | None = None
    owner: str = ""
    tags: tuple[str, ...] = ()
    days: tuple[tuple[date, State | None], ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what a program is told of it, as plain JSON."""
        archived, standing = self.archived, self.standing
        return {
            "report": self.report,
            "dag_id": self.dag_id,
            "report_date": self.report_date.isoformat(),
            "state": standing.state,
            "reason": standing.reason,
            "why": sentence(standing),
            "due": said(self.due),
            "arrived": said(standing.arrived),
            "late_minutes": None if standing.late is None else int(standing.late.total_seconds() // 60),
            "revision": archived.revision if archived else None,
            "mails": dict(archived.mails.standings) if archived else {},
            "run_id": self.run.run_id if self.run else None,
            "next_due": said(self.next_due),
            "owner": self.owner,
            "tags": list(self.tags),
            "days": {day.isoformat(): state for day, state in self.days if state is not None},
        }


def said(moment: datetime | None) -> str | None:
    """Return an instant as programs are told it."""
    return moment.isoformat(timespec="seconds") if moment else None
