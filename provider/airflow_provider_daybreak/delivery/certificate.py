"""Certificates for servers on this machine, made by themselves and trusted by nobody else."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile


def own_certificate(days: int) -> tuple[bytes, bytes]:
    """
    Return a new key, and a certificate of it for this machine alone, both in PEM.

    :param days: how long it counts.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, certificate.public_bytes(pem)


def own_context() -> ssl.SSLContext:
    """Return a server's TLS context with a key and a certificate that nobody else has."""
    with NamedTemporaryFile(prefix="daybreak-", suffix=".pem") as file:  # ssl reads keys from files alone
        file.write(b"".join(own_certificate(days=30)))
        file.flush()
        return context_of(Path(file.name))


def context_of(certificate: Path) -> ssl.SSLContext:
    """Return a server's TLS context of a file with a key and its certificate in PEM."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
