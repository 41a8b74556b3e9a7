"""What a private Airflow mails over and keeps its things in: a mail catcher, a script's ``.env``, and folders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from demo.catcher import Catcher, make_certificate

if TYPE_CHECKING:
    from pathlib import Path

SENDER = "reports@example.org"


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
        f"EMAIL_SENDER={SENDER}\n"
        f"EMAIL_PASSWORD='{password}'\n"
        f"SMTP_SERVER=localhost\n"
        f"SMTP_PORT={catcher.port}\n"
        f"SMTP_CA_FILE={certificate}\n"
        f"EMAIL_RECEIVER=you@example.org\n"
    )
    return catcher, {
        "AIRFLOW__SECRETS__BACKEND": "airflow_provider_daybreak.secrets.dotenv.DotenvBackend",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"path": str(dotenv)}),
        "AIRFLOW_CONN_FLIGHTS": json.dumps({"conn_type": "sqlite", "host": str(home / "flights.db")}),
        "AIRFLOW__DAYBREAK__ARCHIVE": (home / "reports").as_uri(),
        "AIRFLOW__DAYBREAK__RELEASES": str(home / "releases"),
    }
