"""Connections and variables from a script's ``.env``."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.secrets.base_secrets import BaseSecretsBackend

from airflow_provider_daybreak.delivery.recipients import parse_recipients, parse_sender
from airflow_provider_daybreak.delivery.server import IMPLICIT_TLS_PORT, SUBMISSION_PORT
from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import (
    DotenvError,
    DotenvMissingKeyError,
    DotenvValueError,
    InvalidValueError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.dotenv import Dotenv

__all__ = ["DotenvBackend"]

SMTP_CONN_ID = "smtp_default"
SMTP_KEYS = ("EMAIL_SENDER", "EMAIL_PASSWORD", "SMTP_SERVER", "SMTP_PORT", "EMAIL_RECEIVER", "SMTP_CA_FILE")
CONN_PREFIX = "AIRFLOW_CONN_"
VAR_PREFIX = "AIRFLOW_VAR_"

log = logging.getLogger(__name__)


class DotenvBackend(BaseSecretsBackend):
    """
    Serve a script's ``.env`` to Airflow.

    EMAIL_SENDER, EMAIL_PASSWORD, SMTP_SERVER, SMTP_PORT and EMAIL_RECEIVER become the connection
    ``smtp_default``, with the receivers as its default recipients; SMTP_CA_FILE names the certificate of
    a private authority to trust. Any ``AIRFLOW_CONN_*`` and
    ``AIRFLOW_VAR_*`` in the file work as they do in the environment. What the environment sets wins.
    The file is read at each request, so that an edit counts at once.

    :param path: the file; ``.env`` in AIRFLOW_HOME by default.
    :param fallback_backend: class path of the secrets backend to ask for what the file doesn't hold.
    :param fallback_backend_kwargs: its arguments.
    """

    def __init__(
        self,
        path: str | None = None,
        fallback_backend: str | None = None,
        fallback_backend_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if path is None:
            from airflow.configuration import AIRFLOW_HOME

            path = str(Path(AIRFLOW_HOME) / ".env")
        self.path = Path(path)
        self.fallback = _backend(fallback_backend, fallback_backend_kwargs or {})

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """
        Return the connection, or None where neither the file nor the fallback has it.

        :raises DotenvError: the file, or what it says of this connection, can't be used.
        """
        value = self.get_conn_value(conn_id, team_name)
        if value is not None:
            return self._connection(conn_id, value)
        if self.fallback is None or CONN_PREFIX + conn_id.upper() in os.environ:
            return None
        # Not at the top: whoever imports that module before Airflow has Airflow import this one in the midst of it.
        from airflow_provider_daybreak.version_compat import hand_on_connection_class

        hand_on_connection_class(self, self.fallback)
        return self.fallback.get_connection(conn_id, **_team(self.fallback.get_connection, team_name))

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:  # noqa: ARG002 - as Airflow calls it
        """
        Return the connection as JSON or URI, or None where the file has none or the environment has it.

        :raises DotenvError: the file, or what it says of this connection, can't be used.
        """
        name = CONN_PREFIX + conn_id.upper()
        if name in os.environ:
            return None
        with _logged():
            dotenv = read_dotenv(self.path)
            if dotenv.values.get(name):
                return dotenv.values[name]
            connection = smtp_connection(dotenv, os.environ) if conn_id == SMTP_CONN_ID else None
        return None if connection is None else json.dumps(connection)

    def _connection(self, conn_id: str, value: str) -> Any:
        """Return the connection that a value describes, which the error, unlike those of parsers, doesn't hold."""
        try:
            return self.deserialize_connection(conn_id, value)
        except Exception as error:  # noqa: BLE001 - those of two parsers, and of each provider's type of connection
            problem = f"expected a connection as a URI or a JSON object ({type(error).__name__})."
        name = CONN_PREFIX + conn_id.upper()
        with _logged():
            raise DotenvValueError(str(self.path), read_dotenv(self.path).lines.get(name), name, problem)

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """
        Return the variable, or None where neither the file nor the fallback has it.

        :raises DotenvError: the file can't be used.
        """
        name = VAR_PREFIX + key.upper()
        if name in os.environ:
            return None
        with _logged():
            value = read_dotenv(self.path).values.get(name)
        if value is not None or self.fallback is None:
            return value
        return self.fallback.get_variable(key, **_team(self.fallback.get_variable, team_name))

    def get_config(self, key: str) -> str | None:
        """Return the option of ``airflow.cfg`` that the fallback holds: a ``.env`` holds none."""
        return None if self.fallback is None else self.fallback.get_config(key)


def smtp_connection(dotenv: Dotenv, environ: Mapping[str, str]) -> dict[str, Any] | None:
    """
    Return the SMTP connection that the keys describe, or None where none of them is set.

    Port 465 means TLS from the first byte; any other port starts in clear and must switch by STARTTLS.

    :param dotenv: the file.
    :param environ: the environment, whose keys win over the file's.
    :return: fields of an Airflow connection, with ``from_email``, the TLS switches and
        ``default_recipients`` (a list of addresses) in ``extra``.
    :raises DotenvValueError: a key is missing or can't be used. The error holds no value.
    """
    values = {key: environ.get(key, dotenv.values.get(key, "")).strip() for key in SMTP_KEYS}
    if not any(values.values()):
        return None

    def wrong(key: str, problem: str) -> DotenvValueError:
        line = None if key in environ else dotenv.lines[key]
        return DotenvValueError(str(dotenv.path), line, key, problem)

    for key in ("SMTP_SERVER", "EMAIL_SENDER"):
        if not values[key]:
            raise DotenvMissingKeyError(str(dotenv.path), key)
    try:
        sender = parse_sender(values["EMAIL_SENDER"], name="EMAIL_SENDER")
    except InvalidValueError:  # no cause: it shows the value
        raise wrong("EMAIL_SENDER", "expected an address such as reports@example.org.") from None
    port = values["SMTP_PORT"] or str(SUBMISSION_PORT)
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        raise wrong("SMTP_PORT", "expected a number such as 587 (STARTTLS) or 465 (TLS from the start).")
    try:
        recipients = parse_recipients(values["EMAIL_RECEIVER"])
    except InvalidValueError:  # likewise
        raise wrong("EMAIL_RECEIVER", "expected addresses such as a@example.org, b@example.org.") from None
    return {
        "conn_type": "smtp",
        "host": values["SMTP_SERVER"],
        "port": int(port),
        "login": sender.addr_spec if values["EMAIL_PASSWORD"] else None,
        "password": values["EMAIL_PASSWORD"] or None,
        "extra": {
            "from_email": values["EMAIL_SENDER"],
            "disable_ssl": int(port) != IMPLICIT_TLS_PORT,
            "disable_tls": int(port) == IMPLICIT_TLS_PORT,
            "default_recipients": [str(recipient.mailbox) for recipient in recipients],
            **({"ca_file": values["SMTP_CA_FILE"]} if values["SMTP_CA_FILE"] else {}),
        },
    }


@contextmanager
def _logged() -> Iterator[None]:
    """Say what is wrong with the file: Airflow swallows what a secrets backend raises."""
    try:
        yield
    except DotenvError as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says all; a traceback would hide it
        raise


def _backend(class_path: str | None, kwargs: Mapping[str, Any]) -> BaseSecretsBackend | None:
    if not class_path:
        return None
    module, _, name = class_path.rpartition(".")
    backend: BaseSecretsBackend = getattr(import_module(module), name)(**kwargs)
    return backend


def _team(method: Callable[..., Any], team_name: str | None) -> dict[str, str | None]:
    """Return the team as an argument, if the method is not from before there were teams."""
    return {"team_name": team_name} if "team_name" in signature(method).parameters else {}
