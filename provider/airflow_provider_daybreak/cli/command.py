"""How a command prints, and ends: 0 when it did what was asked, 1 with the error's own sentence when it could not."""

from __future__ import annotations

import json
import os
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import DaybreakError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_PACKAGE = "airflow_provider_daybreak"
_AIRFLOWS = "airflow daybreak"


def commands_folder() -> str:
    """Return where this program and Airflow's are for who called it, as a prefix; nothing where they are on the path."""
    return os.environ.get("DAYBREAK_COMMANDS", "")


def program() -> str:
    """Return how this program was called: as Airflow's, or by a name of its own, which is all that Airflow 3.1 leaves."""
    called = Path(sys.argv[0])
    if folder := commands_folder():
        return f"{folder}daybreak"
    if called.name == "daybreak":
        return called.name
    if called.name == "__main__.py" and called.parent.name == _PACKAGE:
        return f"python -m {_PACKAGE}"
    return _AIRFLOWS


def command(function: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """
    Show an error as one sentence on stderr, without a traceback, and exit with 1.

    One that is no deliberate error of ours has its traceback with ``--verbose``, for who helps.
    """

    @wraps(function)
    def run(args: Namespace) -> None:
        try:
            function(args)
        except DaybreakError as error:
            print(f"{program()}: {sentence(error)}", file=sys.stderr)
            raise SystemExit(1) from error
        except BrokenPipeError:  # who reads it, such as head, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        except Exception as error:
            if args.verbose:
                raise
            said = sentence(error)
            more = "" if isinstance(error.__cause__, DaybreakError) else " (--verbose shows where)"
            print(f"{program()}: {said}{more}", file=sys.stderr)
            raise SystemExit(1) from error

    return run


def sentence(error: BaseException) -> str:
    """Return what an error says, in one line unless it is one of ours, with commands as this program is called."""
    if isinstance(
        error.__cause__, DaybreakError
    ):  # as an operator raises it, so that Airflow doesn't try again
        return sentence(error.__cause__)
    if isinstance(error, DaybreakError):
        return str(error).replace(_AIRFLOWS, program())
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename2 or error.filename}: {error.strerror}."
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def print_result(output: str, data: Any, nothing: str) -> None:
    """
    Print as Airflow's own commands do.

    :param output: ``table``, ``plain``, ``json`` or ``yaml``.
    :param data: rows of a table; anything plain for JSON and YAML.
    :param nothing: the sentence in place of a table without rows.
    """
    from airflow.cli.simple_table import AirflowConsole

    if output == "json":  # the console would colour it, and break its lines
        print(json.dumps(data, ensure_ascii=False, indent=2))
    elif output == "yaml":
        AirflowConsole().print_as_yaml(data)
    elif data:
        AirflowConsole().print_as(data=data, output=output)
    else:
        print(nothing)
