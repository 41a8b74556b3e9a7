"""How a command prints, and ends: 0 when it did what was asked, 1 with the error's own sentence when it could not."""

from __future__ import annotations

import json
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

from airflow_provider_daybreak.exceptions import DaybreakError

if TYPE_CHECKING:
    from collections.abc import Callable

_Params = ParamSpec("_Params")


def program() -> str:
    """Return how this program is called: by Airflow's, or by its own name, which is all that Airflow 3.1 leaves."""
    return "daybreak" if Path(sys.argv[0]).name == "daybreak" else "airflow daybreak"


def command(function: Callable[_Params, None]) -> Callable[_Params, None]:
    """Show a deliberate error as one sentence on stderr, without a traceback, and exit with 1."""

    @wraps(function)
    def run(*args: _Params.args, **kwargs: _Params.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except DaybreakError as error:
            print(f"{program()}: {error}", file=sys.stderr)
            raise SystemExit(1) from error

    return run


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
