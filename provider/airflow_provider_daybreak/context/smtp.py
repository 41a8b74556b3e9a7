"""What an ``smtp`` connection says, read strictly."""

from __future__ import annotations

import json
from dataclasses import replace
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from airflow_provider_daybreak.context.database import ask_database
from airflow_provider_daybreak.delivery.recipients import ascii_domain, is_domain, parse_sender
from airflow_provider_daybreak.delivery.request import MailSettings
from airflow_provider_daybreak.delivery.server import (
    IMPLICIT_TLS_PORT,
    SUBMISSION_PORT,
    Server,
    Timeouts,
)
from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    InvalidValueError,
    SecretsBackendError,
    SmtpLoginError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.version_compat import secrets_backends

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.headerregistry import Address

    from airflow_provider_daybreak.delivery.server import Security

LOGIN_URL = "https://login.microsoftonline.com"
"""Where the tokens of ``client_id`` and ``client_secret`` come from."""

_TOKEN_TIMEOUT = 30


def mail_settings(connection: Any, *, name: str) -> MailSettings:
    """
    Return what a connection says.

    :param connection: an Airflow connection of type ``smtp``.
    :param name: its id, for errors.
    :raises InvalidValueError: a field can't be used.
    :raises SmtpLoginError: the connection has no password but a client, and that is given no token.
    :raises SmtpUnavailableError: who gives tokens doesn't answer.
    """
    extra = _Extra(name, connection.extra_dejson)
    host, login = (connection.host or "").strip(), connection.login or ""
    if not host:
        raise InvalidValueError(f"host of the connection {name!r}", host, "the name of a mail server")
    disable_ssl, disable_tls = extra.boolean("disable_ssl"), extra.boolean("disable_tls")
    security: Security
    if disable_ssl and disable_tls:
        security = "none"
    elif disable_tls:
        security = "tls"
    elif disable_ssl:
        security = "starttls"
    else:
        security = "tls" if connection.port == IMPLICIT_TLS_PORT else "starttls"
    port = connection.port or (IMPLICIT_TLS_PORT if security == "tls" else SUBMISSION_PORT)
    if not 0 < port < 2**16:
        raise InvalidValueError(f"port of the connection {name!r}", port, "a number such as 587 or 465")
    if extra.get("ssl_context") not in (None, "", "default", "none"):
        raise InvalidValueError(extra.name("ssl_context"), extra.get("ssl_context"), "default or none")
    server = Server(
        host=ascii_domain(host, name=f"host of the connection {name!r}"),
        port=port,
        security=security,
        ca_file=extra.text("ca_file") or None,
        verify=extra.get("ssl_context") != "none",
        login=login,
        password=connection.password or "",
        allow_insecure=extra.boolean("allow_insecure") or False,
        local_hostname=_local_hostname(extra),
        timeouts=_timeouts(extra),
    )
    return MailSettings(
        connection=name,
        server=replace(server, token=_token(server, extra)),
        sender=_sender(extra, login),
        default_recipients=extra.get("default_recipients") or (),
        allowed_domains=extra.get("allowed_domains") or (),
        redirect_all_to=extra.text("redirect_all_to") or None,
    )


def raise_swallowed(conn_id: str) -> None:
    """
    Raise what kept a secrets backend from giving a connection that Airflow then says isn't defined.

    Airflow takes an error of a backend for "not here", and asks the next one.

    :raises DaybreakError: one of ours failed, with its own words.
    :raises SecretsBackendError: another one did.
    :raises AirflowDatabaseError: Airflow's database did, which a command asks itself.
    """
    for backend in secrets_backends():
        try:
            backend.get_connection(conn_id=conn_id)
        except DaybreakError:  # noqa: PERF203 - each may fail
            raise
        except Exception as error:  # noqa: BLE001 - of any kind; its text may hold a part of what it could not read
            raise SecretsBackendError(conn_id, type(backend).__name__, type(error).__name__) from None
    ask_database(conn_id)


def _sender(extra: _Extra, login: str) -> Address:
    given = extra.text("from_email") or (login if "@" in login else "")
    if not given:
        raise InvalidValueError(extra.name("from_email"), given, "the address that mails are from")
    return parse_sender(given, name=extra.name("from_email"))


def _token(server: Server, extra: _Extra) -> str:
    """Return the OAuth2 access token, or nothing where that isn't asked for."""
    if (extra.text("auth_type") or "basic") != "oauth2":
        return ""
    from airflow.sdk.log import mask_secret

    token = extra.text("access_token") or _granted_token(server, extra)
    mask_secret(token)
    return token


def _granted_token(server: Server, extra: _Extra) -> str:
    """
    Return a token that Microsoft's identity platform grants to a client (RFC 6749 §4.4).

    :raises SmtpLoginError: it refuses.
    :raises SmtpUnavailableError: it doesn't answer.
    """
    client, secret = extra.text("client_id"), extra.text("client_secret")
    if not (client and secret):
        expected = "an access_token beside it, or a client_id and a client_secret"
        raise InvalidValueError(extra.name("auth_type"), "oauth2", expected)
    form = {
        "grant_type": "client_credentials",
        "client_id": client,
        "client_secret": secret,
        "scope": extra.text("scope") or "https://outlook.office.com/.default",
    }
    url = f"{LOGIN_URL}/{quote(extra.text('tenant_id') or 'common', safe='')}/oauth2/v2.0/token"
    try:
        with urlopen(Request(url, data=urlencode(form).encode()), timeout=_TOKEN_TIMEOUT) as answer:  # noqa: S310 - https
            return str(json.load(answer)["access_token"])
    except HTTPError as error:
        problem = f"{LOGIN_URL} gives client {client!r} no token: {_reason(error)}"
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR or error.code == HTTPStatus.TOO_MANY_REQUESTS:
            raise SmtpUnavailableError(server.host, server.port, problem) from error
        raise SmtpLoginError(server.host, server.port, problem, server.login) from error
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        problem = f"{LOGIN_URL} gives no token: {getattr(error, 'reason', None) or type(error).__name__}"
        raise SmtpUnavailableError(server.host, server.port, problem) from error


def _reason(refusal: HTTPError) -> str:
    """Return what the identity platform says of a request that it refuses: its answer never has the secret."""
    try:
        said = json.load(refusal)
        return str(said.get("error_description") or said["error"]).partition("\n")[0].strip()
    except (OSError, HTTPException, ValueError, LookupError, AttributeError):
        return f"HTTP {refusal.code}"


def _local_hostname(extra: _Extra) -> str:
    given, name = extra.text("local_hostname"), extra.name("local_hostname")
    if given and not is_domain(found := ascii_domain(given, name=name)):
        raise InvalidValueError(
            name, found, "the name of this host, such as reports.example.org, or [192.0.2.1]"
        )
    return ascii_domain(given, name=name)


def _timeouts(extra: _Extra) -> Timeouts:
    """Return the timeouts: the RFC's, or the connection's for all but the end of a mail."""
    given = extra.get("timeout")
    if given in (None, ""):
        return Timeouts()
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0
    if not 0 < seconds < 86_400:  # noqa: PLR2004 - a day
        raise InvalidValueError(extra.name("timeout"), given, "seconds, such as 60")
    return Timeouts(seconds, seconds, seconds, seconds, seconds)


class _Extra:
    """The extra of a connection, whose values are of the kind they should be or an error."""

    def __init__(self, connection: str, values: Mapping[str, object]) -> None:
        self._connection = connection
        self._values = values

    def name(self, key: str) -> str:
        return f"{key} in the extra of the connection {self._connection!r}"

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def text(self, key: str) -> str:
        value = self._values.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidValueError(self.name(key), value, "text")
        return (value or "").strip()

    def boolean(self, key: str) -> bool | None:
        """Return true, false, or None where unset. The text "false", as URIs have it, is false, not true."""
        value = self._values.get(key)
        if isinstance(value, str) and value.strip().lower() in ("true", "false", ""):
            value = {"true": True, "false": False}.get(value.strip().lower())
        if value is None or isinstance(value, bool):
            return value
        raise InvalidValueError(self.name(key), value, "true or false")
