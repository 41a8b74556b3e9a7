"""The engine: where it is, why it doesn't answer, and its errors as ours."""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import EngineError, EngineUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from docker import APIClient


SOCKET = "unix:///var/run/docker.sock"


def default_address() -> str:
    """Return the URL of the engine that is meant when none is named."""
    return os.environ.get("DOCKER_HOST", SOCKET)


@contextmanager
def errors_of(client: APIClient, action: str, *, always: bool = False) -> Iterator[None]:
    """
    Turn what the engine's library raises into errors of ours.

    :param action: what is being done, such as ``start container x``.
    :param always: whether an engine can do that always, so that one which fails at it is without what runs its containers,
        as while containerd is away.
    :raises EngineError: the engine refused.
    :raises EngineUnavailableError: the engine went away.
    """
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as error:
        if always and error.is_server_error():
            where = f"{address_of(client)} (it answers, and fails to {action})"
            raise EngineUnavailableError((where,), str(error.explanation or error)) from error
        raise EngineError(action, str(error.explanation or error)) from error
    except (RequestException, HTTPError, DockerException) as error:
        raise unavailable([address_of(client)], str(error)) from error


def unavailable(addresses: Sequence[str], problem: str) -> EngineUnavailableError:
    """
    Return the error of an engine that does not answer, with what is wrong at each of its addresses.

    :param addresses: URLs that were tried, such as ``unix://var/run/docker.sock``.
    :param problem: what the attempt itself said.
    """
    return EngineUnavailableError(tuple(f"{address} ({diagnose(address)})" for address in addresses), problem)


def diagnose(address: str) -> str:
    """Return what is wrong at an engine's address, as far as can be seen from here, and what mends it."""
    scheme, _, rest = address.partition("://")
    if scheme != "unix":
        return "is it up, is the port right, and does a firewall or proxy let this worker through?"
    return _diagnose_socket(Path("/" + rest.lstrip("/")))


def _diagnose_socket(socket: Path) -> str:
    try:
        mode = socket.stat().st_mode
    except PermissionError:
        return "this user may not look there"
    except OSError:
        rootless = f"unix:///run/user/{os.getuid()}/docker.sock"
        return (
            "there is no such file: start the engine (systemctl start docker), "
            f"or name another by docker_url or DOCKER_HOST; a rootless one is at {rootless}"
        )
    if not stat.S_ISSOCK(mode):
        return "that is no socket"
    if not os.access(socket, os.R_OK | os.W_OK):
        return "this user may not use it: add the user to the group that owns it, usually docker"
    return "nobody answers there: is the engine running (systemctl status docker)?"


_REFUSED = re.compile(
    r"OCI runtime.*(executable file not found.*|no such file or directory|exec format error|permission denied)"
)
_FAILED = re.compile(r"\[(?:FATAL tini \(\d+\)|daybreak)\] exec .+ failed: (.+)")


def cannot_execute(said: str) -> str | None:
    """
    Return why a container's command can't be executed, or None when that isn't it.

    :param said: what the engine said when it refused to start the container, or the last line on stderr of one
        whose init process could not execute the command.
    """
    found = _REFUSED.search(said) or _FAILED.search(said)
    return found.group(1) if found else None


def spare(client: APIClient) -> APIClient:
    """Return a client of the same engine with connections of its own, for a signal handler: nothing is sent."""
    from docker import APIClient

    other = APIClient(base_url=address_of(client), version=client.api_version, timeout=5)
    other.verify, other.cert = client.verify, client.cert
    return other


def address_of(client: APIClient) -> str:
    """Return the URL of a client's engine, such as ``unix:///var/run/docker.sock``."""
    unix = getattr(client.adapters.get("http+docker://"), "socket_path", None)
    return str(client.base_url) if unix is None else f"unix://{unix}"
