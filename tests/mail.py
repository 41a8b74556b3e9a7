"""Real mail servers for tests, their certificates, and reports to mail."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from email import message_from_bytes, policy
from ipaddress import ip_address
from threading import Event, Thread

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.version_compat import AirflowSkipException

LOGIN = "reports@example.org"
PASSWORD = "correct-horse-battery"


class Authority:
    """A private certificate authority, in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test CA")])
        self.certificate = self._certificate(self.name, self.key.public_key(), ca=True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def context(self, host="localhost", *, expired=False, own=False):
        """Return a server's TLS context with a certificate for that host."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
        certificate = self._certificate(
            name, key.public_key(), host=host, expired=expired, signer=(name, key) if own else None
        )
        path = self.folder / f"{host}-{expired}-{own}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(path)
        return context

    def _certificate(self, name, public_key, *, ca=False, host=None, expired=False, signer=None):
        issuer, key = signer or (self.name, self.key)
        now = datetime.now(timezone.utc)
        end = now - timedelta(days=1) if expired else now + timedelta(days=30)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        if ca:
            usage = x509.KeyUsage(*([False] * 5), True, True, False, False)
            builder = builder.add_extension(usage, critical=True)
        if host:
            names = [x509.DNSName(host)]
            if host == "localhost":
                names.append(x509.IPAddress(ip_address("127.0.0.1")))
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key, hashes.SHA256())


class Listener:
    """
    A port that somebody listens on.

    :param serve: talks to a client, given its socket, in a thread of its own; what goes wrong there is its own.
    """

    def __init__(self, serve):
        self._serve = serve
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listening.close()

    def _accept(self):
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client):
        with suppress(OSError):  # the client is gone
            self._serve(client)


@dataclass
class Received:
    """A mail that a server took."""

    recipient: str
    content: bytes

    @property
    def message(self):
        return message_from_bytes(self.content.replace(b"\r\n", b"\n"), policy=policy.default)


@dataclass
class MailServer:
    """
    A real SMTP server on a port of its own.

    :param tls: context for STARTTLS, or for TLS from the start with ``implicit``.
    :param replies: reply by recipient, at RCPT, in place of 250.
    :param data_replies: reply by recipient, after the mail, in place of 250.
    :param utf8: whether it offers SMTPUTF8.
    :param auth_exclude_mechanism: ways to log in that it doesn't offer.
    :param pause: seconds between taking a mail and saying so.
    :ivar taking: set once a mail was taken, before the pause.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    auth: bool = False
    size_limit: int = 40_000_000
    replies: dict[str, str] = field(default_factory=dict)
    data_replies: dict[str, str] = field(default_factory=dict)
    mails: list[Received] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    client_name: str = ""
    credentials: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    utf8: bool = False
    auth_exclude_mechanism: set[str] = field(default_factory=set)
    pause: float = 0
    taking: Event = field(default_factory=Event)

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        listening = self._loop.create_server(
            self._protocol, "127.0.0.1", 0, ssl=self.tls if self.implicit else None
        )
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    @property
    def port(self):
        return self._server.sockets[0].getsockname()[1]

    def _protocol(self):
        self.connections += 1
        starttls = None if self.implicit else self.tls
        return SMTP(
            self,
            hostname="localhost",
            data_size_limit=self.size_limit,
            enable_SMTPUTF8=self.utf8,
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=self.authenticate if self.auth else None,
            auth_required=self.auth,
            auth_exclude_mechanism=self.auth_exclude_mechanism,
            auth_require_tls=starttls is not None,
            loop=self._loop,
        )

    def recipients(self):
        return [mail.recipient for mail in self.mails]

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - as aiosmtpd calls it
        if address in self.replies:
            return self.replies[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - as aiosmtpd calls it
        for address in envelope.rcpt_tos:
            if address in self.data_replies:
                return self.data_replies[address]
        self.client_name = session.host_name
        self.senders += [envelope.mail_from] * len(envelope.rcpt_tos)
        self.mails += [Received(address, envelope.original_content) for address in envelope.rcpt_tos]
        self.taking.set()
        await asyncio.sleep(self.pause)
        return f"250 taken as {len(self.mails)}"

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.credentials.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.credentials[-1] == (LOGIN, PASSWORD), handled=False)


def png(width=2, height=2):
    """Return a picture."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + b"\x20\x60\xa0" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


HTML = """<!doctype html>
<html lang="en"><body><h1>Almanac</h1><p>Sunrise 06:59.</p>
<img src="charts/daylight.png" alt="Daylight: 12.7 h"></body></html>
"""


def draft(
    report="daily_report",
    report_date=date(2026, 3, 29),
    *,
    title="Almanac for 29 March 2026",
    text="Almanac\n\nSunrise 06:59.\n",
    html=HTML,
    start="2026-03-29T00:00:00+01:00",
    end="2026-03-30T00:00:00+02:00",
    period="day",
    timezone="Europe/Berlin",
    files=(),
    failed_checks=False,
):
    """Return a report to publish."""
    return Draft(
        report=report,
        report_date=report_date,
        period={"name": period, "start": start, "end": end, "timezone": timezone},
        title=title,
        files=[
            DraftFile("report.html", "text/html", html.encode()),
            DraftFile("report.txt", "text/plain", text.encode()),
            DraftFile("charts/daylight.png", "image/png", png()),
            DraftFile("data/rows.csv", "text/csv", b"a,b\n1,2\n"),
            *files,
        ],
        rows={"almanac": 1},
        run={"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1},
        draft=failed_checks,
    )


def credential_traces():
    """Return what a password looks like on the wire, in clear and in the encodings of AUTH."""
    plain = f"\0{LOGIN}\0{PASSWORD}".encode()
    return [PASSWORD.encode(), base64.b64encode(PASSWORD.encode()), base64.b64encode(plain)]


def result_of(execute, context, **arguments):
    """Return the result of a task that mails; where it was skipped, its XCom, with the reason as ``skipped``."""
    xcoms = {}
    context["ti"].xcom_push = lambda key, value: xcoms.update({key: value})
    try:
        return execute(context, **arguments)
    except AirflowSkipException as skipped:
        return {**xcoms.get("return_value", {}), "skipped": str(skipped)}
