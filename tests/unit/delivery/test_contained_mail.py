"""A relay in a container, without one: what goes in is all that a Python needs, and what comes out is not trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest

from airflow_provider_daybreak.delivery.contained import INDEX
from airflow_provider_daybreak.delivery.contained_mail import ContainedMail
from airflow_provider_daybreak.delivery.intake import Limits
from airflow_provider_daybreak.exceptions import ContainerOutputError

SCRIPT = """
import smtplib, ssl, sys
unverified = ssl._create_unverified_context()
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as server:
    server.starttls(context=unverified)
    server.login("any", "login")
    server.sendmail("me@example.org", ["ann@example.org"], "Subject: One\\r\\n\\r\\n1")
    server.mail("me@example.org")
    server.command_encoding = "utf-8"
    print(server.rcpt("bo@ex\u00e4mple.org"))
with smtplib.SMTP_SSL("127.0.0.1", int(sys.argv[2]), context=unverified) as server:
    server.sendmail("me@example.org", ["cy@example.org"], "Subject: Three\\r\\n\\r\\n3")
sys.exit(3)
"""


@pytest.fixture
def mail(tmp_path):
    """Return the worker's side of a relay, whose container is a folder."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    home, spool = tmp_path / "home", tmp_path / "spool"
    mail = ContainedMail(inbox, Limits(allowed_domains=("example.org",)), home=str(home), spool=str(spool))
    mail.port, mail.tls_port = 0, 0
    return mail


def keep(mail, **files):
    for name, content in files.items():
        mail.keep(name.replace("_", "."), BytesIO(content))


def index(*mails, refused=None):
    return json.dumps({"mails": mails, "refused": refused or {}}).encode()


def test_a_python_with_nothing_installed_runs_the_relay_beside_a_command(mail, tmp_path, unused_ports):
    mail.port, mail.tls_port = unused_ports
    for path, content in mail.files():
        file = tmp_path / "home" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    base = str(Path(sys.base_prefix, "bin", "python3"))  # which has none of our packages

    command = [base, "-c", SCRIPT, *map(str, unused_ports)]
    ended = subprocess.run(
        [*mail.command(base), *command], capture_output=True, text=True, check=False, timeout=60
    )
    for file in (tmp_path / "spool").iterdir():
        mail.keep(file.name, BytesIO(file.read_bytes()))

    assert ended.returncode == 3, ended.stderr
    assert [message.recipients for message in mail.messages] == [("ann@example.org",), ("cy@example.org",)]
    assert mail.messages[0].file.read_bytes() == b"Subject: One\r\n\r\n1\r\n"
    assert mail.refused == {"bo@exämple.org": "550 5.7.1 The recipient's domain is not allowed"}


@pytest.fixture
def unused_ports():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def test_a_container_that_was_killed_has_mailed_nothing(mail):
    keep(mail, **{"1_eml": b"begun"})

    assert (mail.messages, mail.refused) == ([], {})


@pytest.mark.parametrize(
    "said",
    [
        b"no JSON",
        b"[]",
        index(["../../etc/passwd", "me@example.org", ["ann@example.org"]]),
        index(["2.eml", "me@example.org", ["ann@example.org"]]),
        index(["1.eml", "me@example.org", []]),
        index(["1.eml", "me@example.org", ["ann@elsewhere.org"]]),
        index(["1.eml", "me@example.org", "ann"]),
        index(["1.eml", "no address", ["ann@example.org"]]),
        index(["1.eml", "me@example.org"]),
        b"[" * 100_000,
    ],
)
def test_what_a_container_says_of_its_mail_is_not_trusted(mail, said):
    keep(mail, **{"1_eml": b"Subject: x\r\n\r\n", INDEX.replace(".", "_"): said})

    with pytest.raises(ContainerOutputError, match="is not the relay's"):
        _ = mail.messages


@pytest.mark.parametrize("name", ["x.txt", "0.eml", "1.eml.eml", "../1.eml"])
def test_a_file_that_is_no_message_is_not_kept(mail, name):
    with pytest.raises(ContainerOutputError, match="is no message of the relay"):
        mail.keep(name, BytesIO(b""))
