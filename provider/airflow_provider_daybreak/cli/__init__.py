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

from airflow_provider_daybreak.cli.shadow_commands import shadow_commands
from airflow_provider_daybreak.cli.today_commands import overview_commands

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
    """Return the group that Airflow adds to its command line (Airflow 3.2 and later ask for it), in its reader's language."""
    from airflow_provider_daybreak.cli.french import in_french, is_french

    commands = _commands()
    return [in_french(commands)] if is_french() else [commands]


def _commands() -> GroupCommand:
    return GroupCommand(
        name="daybreak",
        help="Deployed scripts, reports and their delivery",
        subcommands=(
            _check(),
            GroupCommand(
                name="releases",
                help="Scripts deployed on this machine",
                subcommands=_release_commands(),
            ),
            _reports(),
            _preview(),
            _export(),
            _new(),
            _import(),
            *_delivery_commands(),
            *overview_commands(),
            *shadow_commands(),
        ),
    )


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


def _check() -> ActionCommand:
    formats = ("table", "json", "yaml", "plain", "text", "github", "gitlab", "junit")
    return ActionCommand(
        name="check",
        help="Say what is configured, what is missing, and what answers; or, with --dags, what is wrong in a folder of Dags",
        description=(
            "Without --dags: look at settings, mail server, archive and engine. With --dags: parse the Dags of a folder, apart and "
            "without a database, and look for what would fail or do harm once it runs. Ends with 0 where nothing is wrong, with 1 "
            "where something is, and with 2 where it could not look."
        ),
        func=lazy_load_command(f"{_CLI}.check.check"),
        args=(
            Arg(
                ("--dags",),
                metavar="FOLDER",
                help="Look at these Dags instead: a folder of them, or one Dag file",
            ),
            Arg(
                ("--output", "-o"),
                choices=formats,
                default="table",
                metavar="FORMAT",
                help="table, json, yaml or plain; with --dags text (the default), json, github, gitlab or junit",
            ),
            Arg(
                ("--output-file",),
                metavar="FILE",
                help="With --dags: write that format into a file, and text to the terminal",
            ),
            Arg(("--strict",), action="store_true", help="With --dags: end with 1 for warnings too"),
            Arg(
                ("--timeout",),
                type=float,
                default=30,
                metavar="SECONDS",
                help="With --dags: how long one Dag file may take to be loaded (default: 30)",
            ),
            Arg(
                ("--memory",),
                type=int,
                default=4096,
                metavar="MEBIBYTES",
                help="With --dags: how much memory, as address space, one Dag file may take (default: 4096)",
            ),
            ARG_VERBOSE,
        ),
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


def _export() -> ActionCommand:
    return ActionCommand(
        name="export",
        help="Write a task's script as files that run it without Airflow: Compose, a cluster's job, cron or systemd",
        description=(
            "Write a folder that runs the script of a VenvRunOperator or ScriptDockerOperator without Airflow: the same files, the "
            "same lock, variables, zone and limits. Secrets are named in it, and never written."
        ),
        func=lazy_load_command(f"{_CLI}.export.export"),
        args=(
            Arg(("dag_file",), help="Path of the Dag file"),
            Arg(("task_id",), help="The task that runs the script"),
            Arg(("--dag",), metavar="DAG_ID", help="Which Dag, where several of the file have such a task"),
            Arg(
                ("--to",),
                required=True,
                choices=("compose", "cronjob", "job", "crontab", "systemd"),
                help="compose: Docker Compose. cronjob, job: of Kubernetes. crontab, systemd: this machine",
            ),
            Arg(("--out",), metavar="FOLDER", help="Where to write; export/<dag>/<task> by default"),
            Arg(("--image",), metavar="NAME", help="What the script's image is called; its name by default"),
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


def _import() -> ActionCommand:
    kinds = (
        "crontab", "supercronic", "anacrontab", "systemd", "kubernetes", "github", "gitlab", "jenkins", "compose", "amazon", "google", "terraform", "azure",
        "prefect", "dagster", "windows", "schtasks", "powershell",
    )  # fmt: skip
    return ActionCommand(
        name="import",
        help="Make Dags of another scheduler's jobs, and say of each line what was kept, adapted or refused",
        description=(
            "Read crontabs, timers, CronJobs, pipelines, cloud schedules and tasks of Windows, and write for each job "
            "NAME.py, the folder NAME/ and a line in IMPORT.md. Nothing of them is executed. The Dags are paused. Ends with 0 where "
            "all was imported, and with 1 where a line was refused or a file that somebody changed was left alone."
        ),
        func=lazy_load_command(f"{_CLI}.importing.command.import_jobs"),
        args=(
            Arg(
                ("files",),
                nargs="*",
                metavar="FILE",
                help="Files of another scheduler, such as what crontab -l prints",
            ),
            Arg(
                ("--out",),
                default="dags",
                metavar="FOLDER",
                help="Folder that the Dags go into (default: dags)",
            ),
            Arg(
                ("--timezone",),
                metavar="ZONE",
                help="Zone of times that name none, such as Europe/Paris; this machine's by default",
            ),
            Arg(
                ("--kind",),
                choices=kinds,
                metavar="KIND",
                help=f"What the files are, where that can't be told: {', '.join(kinds)}",
            ),
            Arg(
                ("--user-column",),
                action="store_true",
                help="Each line of a crontab names its user, as in /etc/crontab",
            ),
            Arg(("--dry-run",), action="store_true", help="Say what would be written, and write nothing"),
            Arg(
                ("--check",),
                action="store_true",
                help="Say which of the files that were imported has changed since",
            ),
            Arg(
                ("--output", "-o"),
                choices=("text", "md", "json"),
                default="text",
                metavar="FORMAT",
                help="text (the default), md or json",
            ),
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
