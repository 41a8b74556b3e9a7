"""What a private Airflow mails over and keeps its things in: a mail catcher, a script's ``.env``, and folders."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from demo.catcher import Catcher, make_certificate

if TYPE_CHECKING:
    from collections.abc import Mapping

SENDER = "reports@example.org"


def write_commands(folder: Path, settings: Mapping[str, str]) -> None:
    """
    Write ``airflow`` and ``daybreak`` for a person who has a private Airflow: with its settings, from anywhere.

    :param folder: where to.
    :param settings: variables of its environment.
    """
    folder.mkdir(exist_ok=True)
    settings = {**settings, "DAYBREAK_COMMANDS": f"{folder}/"}  # what they tell to call is these again
    # What is set for another Airflow, or for another Python, would be this one's too.
    lines = [
        "for name in $(env | sed -n 's/^\\(_*AIRFLOW_[A-Za-z0-9_]*\\)=.*/\\1/p'); do unset \"$name\"; done",
        "unset PYTHONPATH PYTHONHOME",
        "export PYTHONWARNINGS=ignore::UserWarning",  # Airflow's, that it lacks a program to draw with
        *(f"export {name}={quote(value)}" for name, value in settings.items() if name != "PATH"),
    ]
    for command in ("airflow", "daybreak"):
        program = quote(str(Path(sys.executable).with_name(command)))
        path = folder / command
        path.write_text("\n".join(["#!/bin/sh", *lines, f'exec {program} "$@"', ""]))
        path.chmod(0o700)


def prepare(home: Path, password: str) -> tuple[Catcher, dict[str, str]]:
    """
    Start a mail catcher, and write the ``.env`` of a script that mails over it.

    :param home: folder for everything.
    :param password: what the catcher lets the sender in with.
    :return: the catcher, and the environment that points Airflow to all of it.
    """
    key = home / "mail-server.pem"
    certificate = make_certificate(key)
    catcher = Catcher(home / "mail", key, login=SENDER, password=password)
    catcher.start()
    dotenv = home / ".env"
    dotenv.touch(mode=0o600)
    dotenv.write_text(
        f"EMAIL_SENDER='Daybreak <{SENDER}>'\n"
        f"EMAIL_PASSWORD='{password}'\n"
        f"SMTP_SERVER=localhost\n"
        f"SMTP_PORT={catcher.port}\n"
        f"SMTP_CA_FILE={_quoted(str(certificate))}\n"
        f"EMAIL_RECEIVER=you@example.org\n"
    )
    return catcher, {
        "AIRFLOW__SECRETS__BACKEND": "airflow_provider_daybreak.secrets.dotenv.DotenvBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"path": str(dotenv)}),
        "AIRFLOW_CONN_FLIGHTS": json.dumps({"conn_type": "sqlite", "host": str(home / "flights.db")}),
        "AIRFLOW__DAYBREAK__ARCHIVE": (home / "reports").as_uri(),
        "AIRFLOW__DAYBREAK__RELEASES": str(home / "releases"),
    }


def _quoted(value: str) -> str:
    """Return a value as a ``.env`` has it, whatever is in it."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
