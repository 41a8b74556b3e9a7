"""
The ``airflow daybreak`` commands.

Every ``airflow`` call loads this module: definitions stand here, and what they run stands in the modules
beside it, imported when it is called.
"""

from __future__ import annotations

from typing import Any

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    lazy_load_command,
)

_CLI = "airflow_provider_daybreak.cli"
_RANGE = (
    Arg(("--since",), metavar="DATE", help="First report date, such as 2026-03-29"),
    Arg(("--until",), metavar="DATE", help="Last report date, included"),
)
_STATES = (
    "sent",
    "deferred",
    "refused",
    "excluded",
    "held",
    "waiting",
    "rejected",
    "in_flight",
    "in_doubt",
    "new",
)


def get_cli_commands() -> list[CLICommand]:
    """Return the group that Airflow adds to its command line (Airflow 3.2 and later ask for it)."""
    return [
        GroupCommand(
            name="daybreak",
            help="Deployed scripts, reports and their delivery",
            subcommands=(
                ActionCommand(
                    name="check",
                    help="Say what is configured, what is missing, and what answers",
                    func=lazy_load_command(f"{_CLI}.check.check"),
                    args=(ARG_OUTPUT, ARG_VERBOSE),
                ),
                GroupCommand(
                    name="releases",
                    help="Scripts deployed on this machine",
                    subcommands=_release_commands(),
                ),
                _reports(),
                _preview(),
                _new(),
                *_delivery_commands(),
            ),
        )
    ]


def _arg(flags: tuple[str, ...], **options: Any) -> Arg:
    return Arg(flags, **options)


def _release_commands() -> tuple[ActionCommand, ...]:
    some_name = _arg(("name",), nargs="?", help="Name it is deployed under; all of them by default")
    name = _arg(("name",), help="Name it is deployed under")
    release = _arg(("release",), nargs="?", help="Id of the release; the current one by default")
    to = _arg(("--to",), help="Id of the release to return to; the one before the current by default")
    keep = _arg(("--keep",), type=int, default=5, help="How many releases stay (default: 5)")
    off = _arg(("--off",), action="store_true", help="Keep it no longer")
    commands = (
        ("list", "list_releases", "Show the releases, the newest first", (some_name,)),
        ("show", "show", "Show what a release is made of", (name, release)),
        ("rollback", "rollback", "Make an earlier release current", (name, to)),
        ("verify", "verify", "Compare a release with what it was when it was made", (name, release)),
        ("rebuild", "rebuild", "Make the environment of a release anew, of the same packages", (name, release)),
        ("prune", "prune", "Remove all but the newest releases", (name, keep)),
        ("pin", "pin", "Keep a release, however old it gets", (name, _arg(("release",), help="Its id"), off)),
        ("lock", "lock", "Write out the frozen lock of a release", (name, release)),
    )
    return tuple(
        ActionCommand(
            name=command,
            help=text,
            func=lazy_load_command(f"{_CLI}.releases.{function}"),
            args=(*args, ARG_OUTPUT, ARG_VERBOSE),
        )
        for command, function, text, args in commands
    )


def _preview() -> ActionCommand:
    return ActionCommand(
        name="preview",
        help="Render a report task's report into a folder, in all formats and as a mail; nothing is sent",
        description=(
            "Render the report of a ReportOperator into a folder: page, html, text, csv, xlsx, pdf and the mail. "
            "Tasks that it gets data from run here, with releases of their own. No scheduler, no database, no mail."
        ),
        func=lazy_load_command(f"{_CLI}.preview.preview"),
        args=(
            Arg(("dag_file",), help="Path of the Dag file"),
            Arg(("task_id",), help="The report's task"),
            Arg(("--dag",), metavar="DAG_ID", help="Which Dag, where several of the file have such a task"),
            Arg(("--date",), required=True, metavar="DATE", help="The report date, such as 2026-03-29"),
            Arg(("--out",), metavar="FOLDER", help="Where to write; preview/<dag>/<task> by default"),
            Arg(
                ("--data",),
                metavar="JSON",
                help="Data by name, as a JSON object or a file of one, instead of what the Dag's tasks give",
            ),
            Arg(("--params",), metavar="JSON", help="Params of the run, as a JSON object or a file of one"),
            Arg(("--watch",), action="store_true", help="Render again whenever a file is saved"),
            ARG_OUTPUT,
            ARG_VERBOSE,
        ),
    )


def _new() -> ActionCommand:
    return ActionCommand(
        name="new",
        help="Begin a Dag of your own from an example, with a name of its own for all that it makes",
        description=(
            "Write NAME.py and the folder NAME/ into the folder of Dags: a copy of an example whose Dag, release and report "
            "are called NAME. Nothing that is there is touched."
        ),
        func=lazy_load_command(f"{_CLI}.new.new"),
        args=(
            Arg(("name",), help="Name of the Dag, its release and its report, such as sales"),
            Arg(
                ("--from",),
                dest="example",
                choices=("daily_report", "sql", "script", "container"),
                default="daily_report",
                help="daily_report: a script, a template and a PDF. sql: queries. script: one that mails by itself. "
                "container: one with a Dockerfile. (default: daily_report)",
            ),
            Arg(("--folder",), help="Folder of Dags; that of Airflow's settings by default"),
            ARG_OUTPUT,
            ARG_VERBOSE,
        ),
    )


def _reports() -> GroupCommand:
    every_report = Arg(("report",), nargs="?", help="The report's name; every report when left out")
    since, until = _RANGE
    return GroupCommand(
        name="reports",
        help="Archived reports",
        subcommands=(
            ActionCommand(
                name="list",
                help="List revisions by report and date",
                func=lazy_load_command(f"{_CLI}.reports.list_"),
                args=(every_report, since, until, ARG_OUTPUT, ARG_VERBOSE),
            ),
            ActionCommand(
                name="show",
                help="Show what a revision is made of",
                func=lazy_load_command(f"{_CLI}.reports.show"),
                args=(
                    Arg(("report",), help="The report's name"),
                    Arg(("report_date",), help="The date on it, such as 2026-03-29"),
                    Arg(("--revision",), type=int, metavar="NUMBER", help="Its number; the newest by default"),
                    ARG_OUTPUT,
                    ARG_VERBOSE,
                ),
            ),
            ActionCommand(
                name="verify",
                help="Compare every file with its manifest; exits with 1 when one differs",
                func=lazy_load_command(f"{_CLI}.reports.verify"),
                args=(every_report, since, until, ARG_OUTPUT, ARG_VERBOSE),
            ),
            ActionCommand(
                name="prune",
                help="Remove revisions older than some days, and files that nothing refers to any more",
                description=(
                    "Remove revisions whose date and whose making lie further back, and artifacts that no kept "
                    "report was mailed with. What was mailed to whom is kept for ever."
                ),
                func=lazy_load_command(f"{_CLI}.reports.prune"),
                args=(
                    every_report,
                    Arg(
                        ("--keep-days",),
                        type=int,
                        required=True,
                        metavar="DAYS",
                        help="Days to keep, 1 or more",
                    ),
                    Arg(("--dry-run",), action="store_true", help="Remove nothing; list what would go"),
                    ARG_OUTPUT,
                    ARG_VERBOSE,
                ),
            ),
        ),
    )


def _delivery_commands() -> tuple[ActionCommand, ...]:
    return (
        ActionCommand(
            name="deliveries",
            help="Show who got which report, when, and what the server said",
            func=lazy_load_command(f"{_CLI}.delivery.list_deliveries"),
            args=(
                Arg(("report",), nargs="?", help="The report's name; every report when left out"),
                Arg(("--date",), help="Report date, such as 2026-03-29"),
                *_RANGE,
                Arg(
                    ("--state",),
                    choices=_STATES,
                    metavar="STATE",
                    help=f"How the mail stands: {', '.join(_STATES)}",
                ),
                ARG_OUTPUT,
                ARG_VERBOSE,
            ),
        ),
        ActionCommand(
            name="resend",
            help="Send a report's archived original again, for a reason, once for each id",
            func=lazy_load_command(f"{_CLI}.delivery.resend"),
            args=(
                Arg(("report",), help="The report's name"),
                Arg(("--date",), help="Report date, such as 2026-03-29; or a range, by the next two"),
                *_RANGE,
                Arg(
                    ("--to",),
                    action="append",
                    help="Address to send to, given again for each; by default all who did not get it",
                ),
                Arg(("--reason",), required=True, help="Why, for the ledger"),
                Arg(("--id",), help="Id of this resending; by default it is made of the reason"),
                Arg(("--conn-id",), default="smtp_default", help="The smtp connection"),
                Arg(("--dry-run",), action="store_true", help="Send nothing; list who would get it"),
                ARG_OUTPUT,
                ARG_VERBOSE,
            ),
        ),
    )
