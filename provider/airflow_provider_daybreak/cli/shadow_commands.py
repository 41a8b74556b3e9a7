"""What ``airflow daybreak shadow`` and ``cutover`` take. Every ``airflow`` call loads this: definitions alone."""

from __future__ import annotations

from airflow.cli.cli_config import ARG_OUTPUT, ARG_VERBOSE, ActionCommand, Arg, GroupCommand, lazy_load_command

_MODULE = "airflow_provider_daybreak.cli.shadowing"


def shadow_commands() -> tuple[GroupCommand | ActionCommand, ...]:
    """Return ``shadow`` and ``cutover``."""
    dag = Arg(("dag",), metavar="DAG", help="Id of the Dag")
    simple = (
        (
            "start",
            "Run a Dag beside the old job: on its schedule, with its mail archived and not sent",
            (dag,),
        ),
        ("status", "Show which Dags are in shadow, and what they have captured", (_some(dag),)),
        ("stop", "Pause a Dag that is in shadow. What it has captured stays, and is not sent", (dag,)),
    )
    return (
        GroupCommand(
            name="shadow",
            help="A Dag beside the job that it is to replace, whose mail is kept and compared, and not sent",
            subcommands=(
                *(
                    ActionCommand(
                        name=name,
                        help=text,
                        func=lazy_load_command(f"{_MODULE}.command.{name}"),
                        args=(*args, ARG_OUTPUT, ARG_VERBOSE),
                    )
                    for name, text, args in simple
                ),
                _compare(dag),
            ),
        ),
        ActionCommand(
            name="cutover",
            help="Switch from an old job to its Dag: from then on the Dag mails",
            description=(
                "Show the lines of the old place that a Dag stands for. With --crontab comment them out there, let the Dag mail "
                "from its next time on, and switch it on; with --old-is-off do so once somebody has taken them out. Called again "
                "after it was interrupted it goes on. No day is mailed by both."
            ),
            func=lazy_load_command(f"{_MODULE}.cutover.cutover"),
            args=(
                dag,
                Arg(
                    ("--crontab",),
                    metavar="FILE",
                    help="The crontab that cron itself reads: its lines are commented out in one step, beside a copy",
                ),
                Arg(("--old-is-off",), action="store_true", help="The old place no longer runs it"),
                Arg(
                    ("--undo",),
                    action="store_true",
                    help="Go back: the Dag is in shadow again, and with --crontab the lines are as they were",
                ),
                ARG_OUTPUT,
                ARG_VERBOSE,
            ),
        ),
    )


def _compare(dag: Arg) -> ActionCommand:
    return ActionCommand(
        name="compare",
        help="Set what a Dag in shadow captured beside what the old job sent or logged; exits with 1 where they differ",
        description=(
            "Compare each mail that the Dag would have sent with the one that the old job sent for the same date, or what its scripts "
            "printed with the old job's log. Ends with 0 where all are the same, or close: the same but for dates and numbers within "
            "what --minutes and --numbers allow. Ends with 1 where one differs, or is missing on either side."
        ),
        func=lazy_load_command(f"{_MODULE}.comparing.compare"),
        args=(
            dag,
            Arg(
                ("--with",),
                dest="beside",
                required=True,
                metavar="PLACE",
                help="What the old job did: a folder of .eml files, a Maildir, an mbox, imaps://USER@HOST/FOLDER, or its log",
            ),
            Arg(
                ("--imap-conn-id",),
                metavar="CONN_ID",
                help="Connection that has the password for imaps://; without it the password is asked for",
            ),
            Arg(("--since",), metavar="DATE", help="First report date; that of the shadow's start by default"),
            Arg(("--until",), metavar="DATE", help="Last report date, included; today by default"),
            Arg(
                ("--numbers",),
                default="0",
                metavar="TOLERANCE",
                help="How far numbers may be apart: a share such as 1%%, or an amount such as 0.5 (default: 0)",
            ),
            Arg(
                ("--minutes",),
                type=float,
                default=60,
                metavar="MINUTES",
                help="How far dates and times may be apart (default: 60)",
            ),
            Arg(
                ("--subject",),
                metavar="REGEX",
                help="Which mails are the old job's; by default those whose subjects have the words of one that was captured",
            ),
            Arg(("--strict",), action="store_true", help="End with 1 for what is only close, too"),
            Arg(("--page",), metavar="FILE", help="Write the comparison as an HTML page too"),
            ARG_OUTPUT,
            ARG_VERBOSE,
        ),
    )


def _some(dag: Arg) -> Arg:
    return Arg(dag.flags, **{**dag.kwargs, "nargs": "?", "help": "Id of the Dag; all of them when left out"})
