"""
The commands as a program of their own: ``daybreak``, and ``python -m airflow_provider_daybreak``.

Airflow 3.1 asks no provider for commands, so that there is no ``airflow daybreak`` there.
"""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.command import program

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def main() -> None:
    """Run the command that the command line names."""
    import argcomplete
    from airflow import configuration  # noqa: F401 - Airflow wants it to be its first module

    from airflow_provider_daybreak.cli import get_cli_commands

    [group] = get_cli_commands()
    parser = argparse.ArgumentParser(prog=program(), description=group.help)
    _add(parser, group)
    argcomplete.autocomplete(parser)
    arguments = parser.parse_args()
    for handler in logging.getLogger().handlers:  # what a command prints is for other programs too
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)
    arguments.func(arguments)


def _add(parser: argparse.ArgumentParser, command: CLICommand) -> None:
    """Give the parser what a command takes."""
    from airflow.cli.cli_config import GroupCommand

    if not isinstance(command, GroupCommand):
        for argument in command.args:
            argument.add_to_parser(parser)
        parser.set_defaults(func=command.func)
        return
    below = parser.add_subparsers(metavar="COMMAND", required=True)
    for each in sorted(command.subcommands, key=lambda one: one.name):
        description = getattr(each, "description", None) or each.help
        _add(below.add_parser(each.name, help=each.help, description=description), each)
