"""What ``airflow daybreak today``, ``audit`` and ``fill`` take. Every ``airflow`` call loads this: definitions alone."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, Arg, lazy_load_command

_MODULE = "airflow_provider_daybreak.cli.today"
_STATES = (  # said once more, since what has them imports too much for each call
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
)


def overview_commands() -> tuple[ActionCommand, ...]:
    """Return ``today``, ``audit`` and ``fill``."""
    some_report = Arg(("report",), nargs="?", help="The report's name; every report when left out")
    days = (
        Arg(
            ("--from",),
            dest="since",
            required=True,
            metavar="DATE",
            help="First report date, such as 2026-03-29",
        ),
        Arg(("--to",), dest="until", required=True, metavar="DATE", help="Last report date, included"),
    )
    return (
        ActionCommand(
            name="today",
            help="Show how each report stands that was due, the worst first",
            func=lazy_load_command(f"{_MODULE}.today"),
            args=(
                Arg(
                    ("--state",),
                    choices=("open", *_STATES),
                    metavar="STATE",
                    help=f"Only those of a state: open, which is all that somebody has to see to, or {', '.join(_STATES)}",
                ),
                Arg(("--tag",), help="Only those whose Dag has the tag; 'All good' is said of them alone"),
                Arg(("--owner",), help="Only those of the owner; 'All good' is said of them alone"),
                ARG_OUTPUT,
                ARG_VERBOSE,
            ),
        ),
        ActionCommand(
            name="audit",
            help="Show which report dates are missing, late or not delivered; exits with 1 when there are any",
            func=lazy_load_command(f"{_MODULE}.audit"),
            args=(
                some_report,
                *days,
                Arg(("--all",), action="store_true", help="Show those that are as they should be, too"),
                ARG_OUTPUT,
                ARG_VERBOSE,
            ),
        ),
        ActionCommand(
            name="fill",
            help="Have Airflow make up for the report dates of a range that lack a report",
            description=(
                "Start Airflow's own backfill of the dates that have neither report nor run, or whose run failed; both ends are "
                "included, in the zone of the Dag's schedule. Dates that are there stay as they are, and nobody is mailed twice."
            ),
            func=lazy_load_command(f"{_MODULE}.fill"),
            args=(
                Arg(("report",), help="The report's name"),
                *days,
                Arg(
                    ("--dry-run",),
                    action="store_true",
                    help="Make no run; say how many there would be, and mails",
                ),
                Arg(
                    ("--mail-even-if-late",),
                    action="store_true",
                    help="Mail those dates, too, that are later than their Dag's max_lateness",
                ),
                ARG_OUTPUT,
                ARG_VERBOSE,
            ),
        ),
    )
