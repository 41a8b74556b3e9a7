"""A host that an SSH connection of Airflow names, and how one logs in there."""

from __future__ import annotations

import base64
import io
import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.context.connections import connection_of
from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    HostKeyChangedError,
    HostKeyUnknownError,
    HostUnreachableError,
    InvalidValueError,
    MissingExtraError,
    SshLoginError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import paramiko

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 20.0
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True)
class Host:
    """
    A host, and how one logs in there. Its repr shows no secret.

    :param extra: of the connection: see docs/ssh.md.
    """

    name: str
    port: int
    user: str | None
    password: str | None
    extra: dict[str, Any]
    bastion: Host | None = None

    def __repr__(self) -> str:
        return f"Host({self})"

    def __str__(self) -> str:
        return f"{self.user}@{self.name}:{self.port}" if self.user else f"{self.name}:{self.port}"

    @classmethod
    def of(cls, conn_id: str) -> Host:
        """
        Return the host of an SSH connection.

        :raises MissingConnectionError: there is none.
        :raises InvalidValueError: it names no host.
        """
        from airflow.sdk.log import mask_secret

        next_step = "Add one of the type ssh with host, login and key_file, or correct ssh_conn_id"
        connection = connection_of(conn_id, "to log in with", next_step)
        extra = connection.extra_dejson
        for value in (extra.get("private_key"), extra.get("private_key_passphrase")):
            if value:
                mask_secret(value)
        if not connection.host:
            raise InvalidValueError(
                f"host of the connection {conn_id}", connection.host, "the name or address of a host"
            )
        above = extra.get("bastion_conn_id")
        if above == conn_id:
            raise InvalidValueError(f"bastion_conn_id of the connection {conn_id}", above, "another connection")
        return cls(
            connection.host,
            connection.port or 22,
            connection.login,
            connection.password,
            extra,
            cls.of(above) if above else None,
        )

    @contextmanager
    def connected(self) -> Iterator[paramiko.SSHClient]:
        """
        Log in, over the bastion where there is one.

        :raises RemoteError: that can't be: see the classes under it.
        """
        with ExitStack() as stack:
            through = None
            if self.bastion:
                transport = stack.enter_context(self.bastion.connected()).get_transport()
                through = _channel_to(self, self.bastion, transport)
            client = stack.enter_context(_client())
            self._log_in(client, through)
            yield client

    def _log_in(self, client: paramiko.SSHClient, through: Any) -> None:
        import paramiko

        host = self

        class Refuse(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko says no types
            def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002 - as paramiko calls it
                raise HostKeyUnknownError(str(host), _line(hostname, key))

        client.set_missing_host_key_policy(Refuse())
        self._tell_of_known_keys(client.get_host_keys())
        try:
            client.connect(
                self.name,
                self.port,
                username=self.user,
                password=self.password or None,
                pkey=self._key(),
                key_filename=str(Path(self.extra["key_file"]).expanduser())
                if self.extra.get("key_file")
                else None,
                passphrase=self.extra.get("private_key_passphrase") or None,
                timeout=_CONNECT_SECONDS,
                banner_timeout=_CONNECT_SECONDS,
                auth_timeout=_CONNECT_SECONDS,
                channel_timeout=_CONNECT_SECONDS,
                sock=through,
            )
        except paramiko.BadHostKeyException as error:
            raise HostKeyChangedError(str(self), _line(self._as_known, error.key)) from error
        except paramiko.AuthenticationException as error:
            transport = client.get_transport()
            if (
                transport is None or not transport.is_active()
            ):  # cut while it asked who we are: that refuses nobody
                raise HostUnreachableError(str(self), str(error)) from error
            raise SshLoginError(str(self), str(error)) from error
        except FileNotFoundError as error:
            raise SshLoginError(str(self), f"there is no key file {error.filename!r} on this worker") from error
        except DaybreakError:
            raise
        except (OSError, EOFError, paramiko.SSHException) as error:
            raise HostUnreachableError(str(self), str(error) or type(error).__name__) from error
        transport = client.get_transport()
        if transport:
            transport.set_keepalive(15)

    @property
    def _as_known(self) -> str:
        return self.name if self.port == 22 else f"[{self.name}]:{self.port}"  # noqa: PLR2004 - SSH's own port

    def _tell_of_known_keys(self, keys: Any) -> None:
        import paramiko

        if str(self.extra.get("no_host_key_check", "")).lower() == "true":
            log.warning(
                "no_host_key_check of the connection to %s is not heeded: its key is checked in any case", self
            )
        if given := self.extra.get("host_key"):
            kind, _, data = str(given).strip().rpartition(" ")
            try:
                key = paramiko.PKey.from_type_string(kind or "ssh-rsa", base64.b64decode(data))
            except Exception as error:  # as many classes as there are kinds of keys
                expected = "a key as in known_hosts, such as 'ssh-ed25519 AAAA…'"
                raise InvalidValueError(f"host_key of the connection to {self}", given, expected) from error
            keys.add(self._as_known, key.get_name(), key)
            return
        named = self.extra.get("known_hosts")
        for path in [named] if named else _KNOWN_HOSTS:
            found = Path(path).expanduser()
            if found.exists():
                keys.load(str(found))
            elif named:
                raise InvalidValueError(
                    f"known_hosts of the connection to {self}", path, "a file on this worker"
                )

    def _key(self) -> Any:
        import paramiko

        text = self.extra.get("private_key")
        if not text:
            return None
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            try:
                return kind.from_private_key(io.StringIO(text), self.extra.get("private_key_passphrase"))
            except (paramiko.SSHException, ValueError):  # noqa: PERF203 - it is of another kind, of three
                continue
        raise SshLoginError(str(self), "the connection's private_key can't be read, or its passphrase is wrong")


def _client() -> paramiko.SSHClient:
    try:
        import paramiko
    except ModuleNotFoundError as error:
        raise MissingExtraError("ssh_conn_id", "ssh") from error
    return paramiko.SSHClient()


def _channel_to(host: Host, bastion: Host, transport: Any) -> Any:
    import paramiko

    try:
        return transport.open_channel(
            "direct-tcpip", (host.name, host.port), ("127.0.0.1", 0), timeout=_CONNECT_SECONDS
        )
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise HostUnreachableError(
            str(host), f"the bastion {bastion} can't reach it or forbids it ({error})"
        ) from error


def _line(name: str, key: Any) -> str:
    return f"{name} {key.get_name()} {key.get_base64()}"
