"""Ports of this machine: which are free, and which are another demo's."""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from demo.api import AirflowFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator


def free_port(wanted: int = 0) -> int:
    """Return the wanted port of the loopback interface, or another one when it is taken or 0."""
    for port in (wanted, 0):
        with suppress(OSError):
            return _bound(port)
    raise AirflowFailedError("No free port on 127.0.0.1.")


def _bound(port: int) -> int:
    """Return the port, once it was ours for a moment by each address that ``localhost`` may mean."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        found: int = probe.getsockname()[1]
    if not socket.has_ipv6:
        return found
    with closing(socket.socket(socket.AF_INET6)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("::1", found))  # a browser asks there first
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:  # no such address here: nobody listens there
                raise
    return found


@contextmanager
def own_port(wanted: int) -> Iterator[tuple[int, str]]:
    """
    Hold a port among all demos of this machine, from the look whether it is free until the end.

    Airflow listens only some seconds after that look, in which two demos could choose the same. What is held is a
    name that the kernel frees however we end.

    :return: the wanted port or another one, and who has the wanted one: nothing when it is ours.
    """
    with socket.socket(socket.AF_UNIX) as held:
        try:
            held.bind(_name(wanted))
            taken = "" if free_port(wanted) == wanted else "another program"
        except OSError:
            taken = _demo_at(wanted)
        if taken:
            held.close()
            with own_port(free_port()) as (port, _):
                yield port, taken
            return
        held.listen()
        yield wanted, ""


def _name(port: int) -> str:
    return f"\0daybreak-demo-{port}"


def _demo_at(port: int) -> str:
    """Say which demo holds the port: a listening socket tells its process to who connects."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
        asking.connect(_name(port))
        pid, _, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        folder = ""
        with suppress(OSError):  # another user's
            folder = f" in {Path(f'/proc/{pid}/cwd').readlink()}"
        return f"the demo{folder} (http://localhost:{port}, process {pid})"
    return "another demo"
