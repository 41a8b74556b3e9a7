"""``airflow daybreak today``, ``audit`` and ``fill``: which reports were due, which are not there, and how to make up for them."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from getpass import getuser
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import command, print_result, program, told
from airflow_provider_daybreak.cli.progress import busy
from airflow_provider_daybreak.exceptions import ArchiveAwayError, InvalidValueError
from airflow_provider_daybreak.hooks.filling import filling_of
from airflow_provider_daybreak.hooks.filters import Filters
from airflow_provider_daybreak.hooks.overview import OverviewHook
from airflow_provider_daybreak.overview.standing import OPEN
from airflow_provider_daybreak.overview.words import sentence as reason_of
from airflow_provider_daybreak.reports.period import parse_date

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import date

    from airflow_provider_daybreak.hooks.row import Row

_WAIT = 60  # seconds for another process that brings the index up to date
_MOST_DAYS = 366 * 5  # that are looked at: each has to be reckoned


@command
def today(args: Namespace) -> None:
    """Print how each report stands, the worst first."""
    now = datetime.now(timezone.utc)
    found = _hook(now).today(now)
    filters = Filters(args.state or "", args.tag or "", args.owner or "")
    if args.output in ("json", "yaml"):
        print_result(args.output, found.facts(filters), "")
        return
    asked = found.matching(filters)
    rows = [_line(row) for row in filters.shown(asked.rows)]
    print_result(args.output, rows, "No report is as asked." if found.rows else _NO_REPORT)
    if asked.good_since:
        _say(f"All good since {asked.good_since.astimezone():%d %B, %H:%M}.")


_NO_REPORT = "No report yet. 'airflow daybreak new NAME' begins the first one."


@command
def audit(args: Namespace) -> None:
    """Print the report dates of a range that are open; exit with 1 when there are any."""
    now = datetime.now(timezone.utc)
    since, until = _range(args)
    hook = _hook(now)
    rows = hook.audit(now, since=since, until=until, report=args.report)
    if args.report and not rows:
        _known(hook, args.report)
    open_ = [row for row in rows if row.standing.state in OPEN]
    shown = rows if args.all else open_
    if args.output in ("json", "yaml"):
        print_result(args.output, [row.facts() for row in shown], "")
    else:
        print_result(args.output, [_line(row) for row in shown], f"All of {len(rows)} that were due is there.")
    if open_:
        print(f"{len(open_)} of {len(rows)} are missing, late or not delivered.", file=sys.stderr)
        raise SystemExit(1)


@command
def fill(args: Namespace) -> None:
    """Have Airflow make up for the days of a range that no report is there for; with --dry-run, say what that would be."""
    now = datetime.now(timezone.utc)
    since, until = _range(args)
    hook = _hook(now)
    if hook.schedule_of(args.report) is None:
        _known(hook, args.report)
    filling = filling_of(
        hook, args.report, since=since, until=until, now=now, even_if_late=args.mail_even_if_late
    )
    print_result(args.output, [day.line() for day in filling.days], "")
    will, made, dag_id = "would make" if args.dry_run else "makes", filling.made, filling.schedule.dag_id
    _say(f"Filling {will} {len(made)} runs of {dag_id}, and about {filling.mails} mails.")
    if filling.later:
        _say(
            f"{filling.later} more lie behind days that stay: a Dag has one backfill at a time, so fill again once this one has "
            "ended."
        )
    if filling.schedule.paused and made:
        _say(f"The Dag {dag_id} is paused: its runs begin once it is switched on.")
    if made and not args.dry_run:
        filling.begin(getuser())


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _hook(now: datetime) -> OverviewHook:
    """Return what answers, brought up to date; what it knew where the archive is away."""
    hook = OverviewHook()
    complete = hook.index.freshness().complete
    try:
        with busy("Looking through the archive"):
            hook.refresh(now, everything=not complete, wait=_WAIT)
    except ArchiveAwayError as error:
        if not complete:
            raise
        print(f"{program()}: {told(error)}", file=sys.stderr)
    return hook


def _known(hook: OverviewHook, report: str) -> None:
    """
    Make sure that there is such a report.

    :raises ReportNotFoundError: neither the archive nor a Dag knows it.
    """
    from airflow_provider_daybreak.cli.dates import known_report

    if hook.schedule_of(report) is None:
        known_report(hook.archive, report)


def _range(args: Namespace) -> tuple[date, date]:
    """
    Return the first and the last report date that are asked for.

    :raises InvalidValueError: one is no date, the last lies before the first, or they are too many.
    """
    since, until = parse_date(args.since, name="--from"), parse_date(args.until, name="--to")
    if until < since:
        raise InvalidValueError("--to", args.until, f"a date that is not before --from {args.since}")
    if until - since > timedelta(days=_MOST_DAYS):
        raise InvalidValueError("--from", args.since, f"at most {_MOST_DAYS} days before --to {args.until}")
    return since, until


def _line(row: Row) -> dict[str, Any]:
    """Return what a table shows of how a report stands."""
    mails = row.archived.mails if row.archived else None
    return {
        "state": row.standing.state,
        "report": row.report,
        "date": row.report_date.isoformat(),
        "due": f"{row.due:%d %b %H:%M}" if row.due else "",
        "late": f"{row.standing.late // timedelta(minutes=1)} min"
        if row.standing.late is not None and row.due
        else "",
        "mails": f"{mails.sent}/{mails.total}" if mails and mails.total else "",
        "why": reason_of(row.standing),
    }
