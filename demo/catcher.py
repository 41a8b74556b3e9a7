"""A mail server for trials: it takes what is sent with STARTTLS and a password, and keeps it as files."""

from __future__ import annotations

import logging
import re
import ssl
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from airflow_provider_daybreak.delivery.certificate import own_certificate
from demo.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from aiosmtpd.smtp import SMTP, Envelope, Session


class Catcher:
    """
    An SMTP server on the loopback interface that writes each accepted message to a folder as ``.eml``.

    :param folder: where messages go: one file a message, numbered in the order of arrival.
    :param certificate: PEM file with the server's key and certificate.
    :param login: user name to expect.
    :param password: password to expect.
    :param port: port to listen on; a free one when 0.
    """

    def __init__(self, folder: Path, certificate: Path, *, login: str, password: str, port: int = 0) -> None:
        self.folder = folder
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)

        def authenticate(
            _server: object, _session: object, _envelope: object, _mechanism: str, data: object
        ) -> AuthResult:
            known = isinstance(data, LoginPassword) and (data.login, data.password) == (
                login.encode(),
                password.encode(),
            )
            return AuthResult(success=known, handled=known)  # unhandled, it answers 535

        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self.port,
            server_hostname="localhost",
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            authenticator=authenticate,
            ready_timeout=10,
        )

    def start(self) -> None:
        """Listen, in a thread of its own."""
        logging.getLogger("mail.log").setLevel(logging.ERROR)  # its own use of its own deprecated attribute
        self._controller.start()

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()

    def messages(self) -> list[Path]:
        """Return the files of all messages that arrived, oldest first."""
        return sorted(self.folder.glob("*.eml"))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as aiosmtpd calls it
        """Keep the message, then accept it."""
        content = envelope.original_content or b""
        subject = str(message_from_bytes(content, policy=default).get("Subject", "no subject"))
        slug = re.sub(r"[^a-z0-9]+", "-", subject.lower()).strip("-")[:60]
        path = self.folder / f"{len(self.messages()) + 1:04d}-{slug}.eml"
        received = f"X-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        path.write_bytes(received + content)
        return "250 kept"


def make_certificate(path: Path) -> Path:
    """
    Write a self-made certificate for localhost, with its key. One of a former start may be of a clock that was wrong.

    :param path: the PEM file to write, mode 0600.
    :return: the PEM file beside it that holds the certificate alone, for clients to trust.
    """
    public = path.with_suffix(".crt")
    key, certificate = own_certificate(days=3650)
    path.touch(mode=0o600)
    path.write_bytes(key + certificate)
    public.write_bytes(certificate)
    return public
