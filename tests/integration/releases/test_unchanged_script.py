"""A script as somebody has it in their crontab: it reads the .env beside it, prints, and sends its own mail."""

from __future__ import annotations

import email
import socket
import subprocess
import sys
from email import policy

import pytest
from aiosmtpd.controller import Controller

from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

SCRIPT = """\
import os
import smtplib
from email.message import EmailMessage
from pathlib import Path

settings = {}
for line in (Path(__file__).resolve().parent / ".env").read_text().splitlines():
    key, _, value = line.partition("=")
    settings[key] = value

names = open("names.txt").read().split()
message = EmailMessage()
message["Subject"] = f"{len(names)} names"
message["From"] = settings["EMAIL_SENDER"]
message["To"] = settings["EMAIL_RECEIVER"]
message.set_content("\\n".join(names))
with open("last-mail.txt", "w") as log:
    log.write(message.as_string())
with smtplib.SMTP(settings["SMTP_SERVER"], int(settings["SMTP_PORT"])) as server:
    server.send_message(message)
print("sent", len(names), "names")
"""


class Catcher:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, ARG002 - as aiosmtpd calls it
        self.mails.append(
            (envelope.rcpt_tos, email.message_from_bytes(envelope.content, policy=policy.default))
        )
        return "250 OK"


@pytest.fixture
def catcher():
    """Start an SMTP server on a free port, and yield it with the mails it gets."""
    handler = Catcher()
    with socket.create_server(("127.0.0.1", 0)) as free:  # the controller can't be asked for any free port
        handler.port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=handler.port)
    controller.start()
    yield handler
    controller.stop()


@pytest.fixture
def folder(source, catcher):
    path = source({"names.txt": "Ada Grace"}, script=SCRIPT)
    (path / ".env").write_text(
        f"EMAIL_SENDER=reports@example.com\nEMAIL_RECEIVER=ana@example.com\n"
        f"SMTP_SERVER=127.0.0.1\nSMTP_PORT={catcher.port}\n"
    )
    (path / ".env").chmod(0o600)
    return path


def assert_sent(catcher):
    [(recipients, message)] = catcher.mails
    assert recipients == ["ana@example.com"]
    assert message["Subject"] == "2 names"
    assert message.get_content().split() == ["Ada", "Grace"]


def test_it_sends_its_mail_from_its_release(folder, catcher, make_context, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    release = VenvDeployOperator(task_id="deploy", name="names", source=folder).execute(make_context())
    run = VenvRunOperator(task_id="run", release=release, command=["report.py"])

    assert run.execute(make_context()) == "sent 2 names"

    assert_sent(catcher)


@pytest.mark.engine
def test_it_sends_its_mail_from_an_image_of_its_own(folder, catcher, tmp_path):
    dockerfile = (
        'FROM python:3.12-slim\nWORKDIR /app\nCOPY report.py names.txt ./\nCMD ["python", "report.py"]\n'
    )
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / ".dockerignore").write_text(".env\n")
    tag = f"daybreak-test-{tmp_path.name.lower()}"
    subprocess.run(["docker", "build", "--quiet", "--tag", tag, folder], check=True, capture_output=True)
    try:
        mount = f"{folder / '.env'}:/app/.env:ro"
        command = ["docker", "run", "--rm", "--network", "host", "--volume", mount, tag]
        ran = subprocess.run(command, check=True, capture_output=True, text=True)
    finally:
        subprocess.run(["docker", "rmi", "--force", tag], check=False, capture_output=True)

    assert ran.stdout == "sent 2 names\n"
    assert_sent(catcher)


def test_it_does_the_same_by_hand(folder, catcher):
    ran = subprocess.run([sys.executable, "report.py"], cwd=folder, capture_output=True, text=True, check=True)

    assert ran.stdout == "sent 2 names\n"
    assert_sent(catcher)
