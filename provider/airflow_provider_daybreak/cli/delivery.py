"""``airflow daybreak deliveries`` and ``resend``: who got what, and who should get it again."""

from __future__ import annotations

import sys
from dataclasses import replace
from getpass import getuser
from hashlib import sha256
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.command import command, print_result, program, told
from airflow_provider_daybreak.cli.dates import dates_of, known_report
from airflow_provider_daybreak.cli.progress import watched
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.exceptions import (
    DeliveryIncompleteError,
    DeliveryPendingError,
    InvalidValueError,
    NothingToResendError,
)
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.reports.period import parse_date

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator
    from datetime import date

    from airflow_provider_daybreak.archive import Archive


@command
def list_deliveries(args: Namespace) -> None:
    """Show who got which report, when, and what the server said."""
    archive = archive_of()
    report = known_report(archive, args.report) if args.report else None
    since, until = dates_of(args)
    if args.date:
        day = parse_date(args.date, name="--date")
        since, until = max(day, since or day), min(day, until or day)
    rows = [
        record.as_row()
        for record in deliveries(archive, report, since=since, until=until)
        if args.state is None or record.standing == args.state
    ]
    asked = any((report, since, until, args.state))
    print_result(
        args.output, rows, "No mail is in the ledger" + (" of those that were asked for." if asked else ".")
    )


@command
def resend(args: Namespace) -> None:
    """Send archived originals again; of a range of dates, those of each date that somebody waits for."""
    reason = args.reason.strip()
    if not reason:
        raise InvalidValueError("--reason", args.reason, "why it is sent again, for the ledger")
    archive = archive_of()
    resending = Resending(
        report=known_report(archive, args.report),
        report_date=(days := _days(args, archive))[0],
        to=args.to or (),
        reason=reason,
        by=getuser(),
        id=args.id or sha256(reason.encode()).hexdigest()[:12],
    )
    hook = DeliveryHook(args.conn_id)
    one: Callable[[DeliveryHook, Resending], Iterator[dict[str, str]]] = _would if args.dry_run else _done
    rows: list[dict[str, str]] = []
    failed, nobody = False, None
    for day in watched(days, "Sending report dates"):
        try:
            rows += one(hook, replace(resending, report_date=day))
        except NothingToResendError as error:  # noqa: PERF203 - each date for itself
            nobody = error
        except (
            DeliveryIncompleteError,
            DeliveryPendingError,
        ) as error:  # the other dates are mailed all the same
            print(f"{program()}: {told(error)}", file=sys.stderr)
            failed = True
    if nobody and not rows and not failed:
        raise nobody
    print_result(args.output, rows, "Nothing was sent.")
    if failed:
        raise SystemExit(1)


def _days(args: Namespace, archive: Archive) -> list[date]:
    """
    Return the report dates to send again: one, or those in a range that the archive has.

    :raises InvalidValueError: neither is said, or both are, or the range has no report.
    """
    since, until = dates_of(args)
    if bool(args.date) == bool(since or until):
        expected = "a report date; or --since and --until, for those in a range"
        raise InvalidValueError("--date", args.date or "", expected)
    if args.date:
        return [parse_date(args.date, name="--date")]
    found = archive.revisions(args.report, since=since, until=until)
    days = sorted({revision.manifest.report_date for revision in found if not revision.manifest.draft})
    if not days:
        given = f"{args.since or '…'} to {args.until or '…'}"
        raise InvalidValueError("range", given, f"one that has a report of {args.report!r}")
    return days


def _would(hook: DeliveryHook, resending: Resending) -> Iterator[dict[str, str]]:
    """Yield who would get it, and how the mail stands."""
    waiting = hook.waiting(resending)
    if not waiting:
        raise NothingToResendError(resending.report, resending.report_date.isoformat())
    for address, standing in waiting:
        yield {
            "date": resending.report_date.isoformat(),
            "recipient": address,
            "result": "would be sent",
            "standing": standing,
            "id": resending.id,
        }


def _done(hook: DeliveryHook, resending: Resending) -> Iterator[dict[str, str]]:
    """Send it, and yield what became of it."""
    summary = hook.resend(resending).summary
    for result in ("sent", "already_sent"):
        for address, answer in getattr(summary, result).items():
            yield {
                "date": resending.report_date.isoformat(),
                "recipient": address,
                "result": result,
                "answer": answer,
                "id": resending.id,
            }
