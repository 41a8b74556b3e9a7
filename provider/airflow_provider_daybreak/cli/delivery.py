"""``airflow daybreak deliveries`` and ``resend``: who got what, and who should get it again."""

from __future__ import annotations

from getpass import getuser
from hashlib import sha256
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive.layout import check_report
from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.mailer import Resending
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.reports.period import parse_date

if TYPE_CHECKING:
    from argparse import Namespace


@command
def list_deliveries(args: Namespace) -> None:
    """Show who got which report, when, and what the server said."""
    if args.report:
        check_report(args.report)
    day = parse_date(args.date, name="--date") if args.date else None
    records = deliveries(archive_of(), args.report, report_date=day)
    print_result(args.output, [record.as_row() for record in records], "No mail is in the ledger.")


@command
def resend(args: Namespace) -> None:
    """Send a report's archived original again."""
    reason = args.reason.strip()
    if not reason:
        raise InvalidValueError("--reason", args.reason, "why it is sent again, for the ledger")
    resending = Resending(
        report=check_report(args.report),
        report_date=parse_date(args.date, name="--date"),
        to=args.to or (),
        reason=reason,
        by=getuser(),
        id=args.id or sha256(reason.encode()).hexdigest()[:12],
    )
    summary = DeliveryHook(args.conn_id).resend(resending).summary
    rows = [
        {"recipient": address, "result": result, "answer": answer, "id": resending.id}
        for result in ("sent", "already_sent")
        for address, answer in getattr(summary, result).items()
    ]
    print_result(args.output, rows, "Nothing was sent.")
