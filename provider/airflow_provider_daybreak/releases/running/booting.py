"""What is set up in the Pythons of a run before their scripts begin: see the folder ``boot``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from airflow_provider_daybreak.exceptions import InvalidValueError

BOOT = Path(__file__).with_name("boot")
"""Goes first on ``PYTHONPATH``, itself or a copy, where a Python that starts finds our ``sitecustomize``."""
RELAY = "DAYBREAK_MAIL_RELAY"
"""Variable that tells a script's Pythons where the relay is that keeps its mail."""
_MAILERS = ("sendmail", "mail", "mailx")
_PROGRAM = BOOT / "daybreak_sendmail.py"


def place_boot(folder: Path) -> Path:
    """Copy the boot folder to where a user may read it who may not come to this package, and return the copy."""
    placed = folder / "boot"
    placed.mkdir()
    placed.chmod(0o755)
    for file in BOOT.glob("*.py"):
        copy = placed / file.name
        copy.write_bytes(file.read_bytes())
        copy.chmod(0o644)
    return placed


def place_mailers(folder: Path, python: Path) -> Path:
    """
    Make the programs that stand for the machine's own mailers in a run that has a relay, and return their folder.

    :param python: what runs them, and every user may run who runs the script.
    """
    placed = folder / "bin"
    placed.mkdir()
    placed.chmod(0o755)
    program = placed / _PROGRAM.name
    program.write_bytes(_PROGRAM.read_bytes())
    program.chmod(0o644)
    for name in _MAILERS:
        mailer = placed / name
        mailer.write_text(
            f'#!/bin/sh\nexec {shlex.quote(str(python))} -I -S {shlex.quote(str(program))} {name} "$@"\n'
        )
        mailer.chmod(0o755)
    return placed


def first_on(path: str | None, boot: Path) -> str:
    """
    Return the ``PYTHONPATH`` with the boot folder before what else is on it.

    :raises InvalidValueError: the folder's path can't be one of it: no Python would find what is to begin.
    """
    if os.pathsep in str(boot):
        expected = f"a path without {os.pathsep!r}. Install Daybreak, or set [daybreak] releases, elsewhere"
        raise InvalidValueError("folder for PYTHONPATH", str(boot), expected)
    return os.pathsep.join([str(boot), path] if path else [str(boot)])
