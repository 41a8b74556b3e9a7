"""
The ``airflow daybreak`` commands.

Every ``airflow`` call loads this module: definitions stand here, and what they run stands in the modules
beside it, imported when it is called.
"""

from __future__ import annotations

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    CLICommand,
    GroupCommand,
    lazy_load_command,
)

_CLI = "airflow_provider_daybreak.cli"


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
            ),
        )
    ]
