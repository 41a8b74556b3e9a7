"""What became of a report for a date that it was due on: one state, why, and what to do. Pure: the time is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from airflow_provider_daybreak.overview.facts import Archived

State = Literal[
    "failed",
    "in_doubt",
    "missing",
    "refused",
    "late",
    "held",
    "running",
    "archived",
    "delivered",
    "not_due",
]
"""The worst first."""
STATES: tuple[State, ...] = get_args(State)

OPEN: frozenset[State] = frozenset({"failed", "in_doubt", "missing", "refused", "late", "held"})
"""What somebody has to see to."""

LEAST_GRACE = timedelta(minutes=30)
"""How long after it is due a report is not late yet, at least."""

_ENDED_BADLY = ("failed", "upstream_failed")
_ACTIVE = ("queued", "running", "restarting")


@dataclass(frozen=True)
class Slot:
    """
    One time that a report is due.

    :param due: when its run is to start.
    :param following: when the next one is due; None where no more is.
    :param expected: whether somebody waits for it: not before its Dag was known, nor while that is paused.
    """

    report_date: date
    due: datetime
    following: datetime | None = None
    expected: bool = True


@dataclass(frozen=True)
class RunFacts:
    """
    The last run of a report's Dag for a date.

    :param state: as Airflow has it.
    :param start: when it began, or at least was queued.
    :param task: the task that failed, or that is at work, as far as it is known.
    """

    run_id: str
    state: str
    start: datetime | None = None
    end: datetime | None = None
    task: str = ""


@dataclass(frozen=True)
class Standing:
    """
    How a report stands for a date.

    :param reason: name of a sentence in :mod:`.words`, and ``values`` what it says; nothing where the state says it all.
    :param arrived: when it was there for its readers: mailed, or else archived.
    :param late: how long after it was due that was, or is it now, while it is not there.
    """

    state: State
    reason: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    arrived: datetime | None = None
    late: timedelta | None = None


def judge(
    slot: Slot,
    archived: Archived | None,
    run: RunFacts | None,
    *,
    now: datetime,
    grace: timedelta = LEAST_GRACE,
) -> Standing:
    """
    Return how a report stands.

    :param archived: what the archive has for the date.
    :param run: the last run for it.
    :param grace: how long after it is due it is not late yet.
    """
    if archived is None or (archived.draft and not archived.problem):
        return _without_revision(slot, archived, run, now, grace)
    arrived = arrival(archived)
    late = arrived - slot.due if arrived else None
    state, reason, values = _by_mails(archived, run)
    return Standing(state, reason, values, arrived, late)


def _without_revision(  # noqa: PLR0911 - a table, a line a return
    slot: Slot, draft: Archived | None, run: RunFacts | None, now: datetime, grace: timedelta
) -> Standing:
    overdue = now - slot.due
    behind = overdue if overdue > timedelta() else None
    if run is not None and run.state in _ACTIVE:
        if (
            now - max(slot.due, run.start or slot.due) > grace
        ):  # of a day that is made up for, it has only begun
            return Standing("late", "late_running", {"run": run.run_id}, late=behind)
        return Standing("running", "running" if run.state != "queued" else "queued", {"run": run.run_id})
    if draft is not None:
        return Standing("failed", "checks_failed", {"revision": draft.revision}, late=behind)
    if run is not None and run.state in _ENDED_BADLY:
        reason = "task_failed" if run.task else "run_failed"
        return Standing("failed", reason, {"task": run.task, "run": run.run_id}, late=behind)
    if run is not None:
        return Standing("not_due", "no_report", {"run": run.run_id})
    if overdue < timedelta():
        return Standing("not_due")
    if not slot.expected:
        return Standing("not_due", "not_expected")
    if slot.following is not None and slot.following <= now:
        return Standing("missing", "no_run")
    if overdue > grace:
        return Standing("late", "late_no_run", late=behind)
    return Standing("running", "not_begun")


def _by_mails(  # noqa: PLR0911 - a table, a line a return
    archived: Archived, run: RunFacts | None
) -> tuple[State, str, dict[str, Any]]:
    mails, active = archived.mails, run is not None and run.state in _ACTIVE
    values: dict[str, Any] = {"recipient": mails.recipient, "said": mails.reason}
    if archived.problem:
        return "failed", "damaged", {"said": archived.problem}
    for standing, state, reason in (
        ("in_doubt", "in_doubt", "in_doubt"),
        ("refused", "refused", "refused"),
        ("waiting", "held", "waiting"),
    ):
        if count := mails.count(standing):
            return state, reason, {**values, "count": count}  # type: ignore[return-value]  # the states stand above
    if count := mails.count("in_flight"):
        return "running", "mailing", {**values, "count": count}
    if count := mails.count("deferred", "new"):
        return (
            "running" if active else "failed",
            "mailing" if active else "not_mailed",
            {**values, "count": count},
        )
    if count := mails.count("held", "rejected"):
        return "held" if mails.sent else "archived", "kept", {**values, "count": count}
    if mails.sent:
        return "delivered", "", {}
    if active:
        return "running", "running", {"run": run.run_id if run else ""}
    if run is not None and run.state in _ENDED_BADLY:
        return "failed", "task_failed" if run.task else "run_failed", {"task": run.task, "run": run.run_id}
    return "archived", "not_asked", {}


def arrival(archived: Archived) -> datetime | None:
    """Return when a report was there for its readers, or None where nothing says it."""
    said = archived.mails.last_sent or archived.created
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None


def grace_of(lateness: Iterable[timedelta]) -> timedelta:
    """
    Return how long after it is due a report is not late yet: twice as long as usual, half an hour at least.

    :param lateness: how long after they were due the last ones arrived.
    """
    usual = [each.total_seconds() for each in lateness if timedelta() <= each < timedelta(days=1)]
    return max(LEAST_GRACE, timedelta(seconds=2 * median(usual))) if usual else LEAST_GRACE
