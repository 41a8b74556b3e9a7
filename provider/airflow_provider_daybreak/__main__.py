"""Runs the commands: ``daybreak``, and ``python -m airflow_provider_daybreak``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_INTERRUPTED = 130  # how a shell knows that Ctrl-C has ended a program


def main() -> None:
    """
    Run the command that the command line names.

    Airflow is loaded here, which takes seconds: Ctrl-C ends that without a traceback, and what keeps Airflow from
    being loaded is a sentence.
    """
    try:
        _load()()
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def _load() -> Callable[[], None]:
    try:
        from airflow_provider_daybreak.cli.program import main as run
    except Exception as error:
        if {"-v", "--verbose"} & {*sys.argv}:
            raise
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise SystemExit(
            f"daybreak: Airflow cannot be loaded. {type(error).__name__}: {said.rstrip('.')}. Look at AIRFLOW_HOME, whose "
            "name has to be without a %, at airflow.cfg in it, and at AIRFLOW__… variables (--verbose shows where)."
        ) from error
    return run


if __name__ == "__main__":
    main()
