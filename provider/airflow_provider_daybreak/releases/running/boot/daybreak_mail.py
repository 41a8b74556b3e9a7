"""
Leads what a script mails by smtplib to the relay of its run, whatever host and port the script names.

Imported by ``sitecustomize`` in each Python of a script whose run has a relay. smtplib itself is changed when
somebody imports it, which most Pythons never do. Needs no more than Python 3.8, and nothing installed.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

TYPE_CHECKING = False  # typing takes longer to import than all else here
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from typing import Any

VARIABLE = "DAYBREAK_MAIL_RELAY"
"""Its address: host, port, and port of TLS from the start, with colons between them."""


def lead(smtplib: Any, host: str, port: int, tls_port: int) -> None:
    """Let smtplib's clients connect to the relay."""

    def connect(to: int, timeout: Any) -> Any:
        import socket

        if timeout is not None and not timeout:
            raise ValueError("Non-blocking socket (timeout=0) is not supported")  # as smtplib says it
        return socket.create_connection((host, to), timeout)

    def context() -> Any:
        # The relay's certificate was made for it, and names none of the hosts that a script may ask for. There is
        # nothing to verify between two programs of one user on one machine.
        import ssl

        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        return unverified

    def get_socket(_client: Any, _host: str, _port: int, timeout: Any) -> Any:
        return connect(port, timeout)

    def get_tls_socket(_client: Any, _host: str, _port: int, timeout: Any) -> Any:
        return context().wrap_socket(connect(tls_port, timeout))

    def starttls(client: Any, *_certificates: Any, **_contexts: Any) -> Any:
        return original_starttls(client, context=context())

    def connect_lmtp(client: Any, host: str = "localhost", port: int = 0, source_address: Any = None) -> Any:
        # A host that is a path would be a socket of this machine.
        return smtplib.SMTP.connect(client, "localhost" if host.startswith("/") else host, port, source_address)

    original_starttls = smtplib.SMTP.starttls
    smtplib.SMTP._get_socket = get_socket
    smtplib.SMTP.starttls = starttls
    smtplib.LMTP.connect = connect_lmtp
    if hasattr(smtplib, "SMTP_SSL"):  # a Python may be built without ssl
        smtplib.SMTP_SSL._get_socket = get_tls_socket


class Finder:
    """Finds smtplib where Python does, and changes it once it was imported."""

    def __init__(self, address: str) -> None:
        host, port, tls_port = address.rsplit(":", 2)
        self.address = host, int(port), int(tls_port)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where the module is, if it is smtplib."""
        spec = PathFinder.find_spec(name, path, target) if name == "smtplib" else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_lead(module: Any) -> None:
            execute(module)
            lead(module, *self.address)

        spec.loader.exec_module = execute_and_lead  # type: ignore[method-assign]
        return spec


if VARIABLE in os.environ:
    finder = Finder(os.environ[VARIABLE])
    if "smtplib" in sys.modules:
        lead(sys.modules["smtplib"], *finder.address)
    else:
        sys.meta_path.insert(0, finder)
