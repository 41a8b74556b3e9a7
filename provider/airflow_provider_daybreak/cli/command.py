"""How a command prints, and ends: 0 when it did what was asked, 1 with the error's own sentence when it could not."""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from functools import wraps
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.french import is_french
from airflow_provider_daybreak.context.database import database_error
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.exceptions.french import next_step
from airflow_provider_daybreak.version_compat import reading_the_database

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

_PACKAGE = "airflow_provider_daybreak"
_AIRFLOWS = "airflow daybreak"
INTERRUPTED = 130
"""How a shell knows that Ctrl-C has ended a program."""


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
        _let_print()
        try:
            with reading_the_database():
                function(args)
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
        except DaybreakError as error:
            print(f"{program()}: {told(error)}", file=sys.stderr)
            raise SystemExit(1) from error
        except BrokenPipeError:  # who reads it, such as head, has enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        except Exception as error:
            if args.verbose:
                raise
            ours = database_error(error) or error.__cause__
            said = told(ours if isinstance(ours, DaybreakError) else error)
            more = "" if isinstance(ours, DaybreakError) else " (--verbose shows where)"
            print(f"{program()}: {said}{more}", file=sys.stderr)
            raise SystemExit(1) from error

    return run


def _let_print() -> None:
    """Let a locale that lacks a report's letters print them as escapes, in the place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def lines_in(path: Path, trace: str) -> list[int]:
    """Return the lines of a file that a traceback names, in its order."""
    return [int(line) for name, line in re.findall(r'File "(.+?)", line (\d+)', trace) if name == str(path)]


def sentence(error: BaseException) -> str:
    """Return what an error says, in one line unless it is one of ours, with commands as this program is called."""
    if isinstance(
        error.__cause__, DaybreakError
    ):  # as an operator raises it, so that Airflow doesn't try again
        return sentence(error.__cause__)
    if isinstance(error, DaybreakError):
        return str(error).replace(_AIRFLOWS, program())
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" of {error.filename2 or error.filename}" if error.filename else ""
        return f"The disk{where} is full. Make room, and call it again."
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename2 or error.filename}: {error.strerror}."
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def told(error: BaseException) -> str:
    """Return what an error says and, in a line of its own for who reads French, what to do then."""
    ours = error if isinstance(error, DaybreakError) else error.__cause__
    if not isinstance(ours, DaybreakError) or not is_french():
        return sentence(error)
    step = next_step(ours).replace(_AIRFLOWS, program())
    return f"{sentence(error)}\nQue faire : {step}" if step else sentence(error)


def print_result(output: str, data: Any, nothing: str) -> None:
    """
    Print as Airflow's own commands do.

    :param output: ``table``, ``plain``, ``json`` or ``yaml``.
    :param data: rows of a table; anything plain for JSON and YAML.
    :param nothing: the sentence in place of a table without rows.
    """
    from airflow.cli.simple_table import AirflowConsole

    console = AirflowConsole(markup=False, emoji=False)  # [daybreak] and :10: are what they are
    if output == "json":  # the console would colour it, and break its lines
        plain = "utf" not in (sys.stdout.encoding or "").lower()  # an escape of Python's is none of JSON's
        print(json.dumps(data, ensure_ascii=plain, indent=2))
    elif output == "yaml":
        console.print_as_yaml(data)
    elif data:
        console.print_as(data=data, output=output)
    else:
        print(nothing)
