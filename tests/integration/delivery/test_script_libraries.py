"""Libraries that mail by way of smtplib, as their users write them."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator

SCRIPTS = {
    "django": """
from django.conf import settings
settings.configure(EMAIL_HOST="smtp.example.invalid", EMAIL_PORT=587, EMAIL_USE_TLS=True, EMAIL_HOST_USER="me",
                   EMAIL_HOST_PASSWORD="secret", DEFAULT_FROM_EMAIL="me@example.org")
from django.core.mail import EmailMultiAlternatives
mail = EmailMultiAlternatives("Sales", "12 sold.", to=["ann@example.org"], bcc=["bo@example.org"])
mail.attach_alternative("<p>12 sold.</p>", "text/html")
mail.attach("sales.csv", "a,b", "text/csv")
print(mail.send())
""",
    "flask_mail": """
from flask import Flask
from flask_mail import Mail, Message
app = Flask("report")
app.config.update(MAIL_SERVER="smtp.example.invalid", MAIL_PORT=465, MAIL_USE_SSL=True, MAIL_USERNAME="me",
                  MAIL_PASSWORD="secret", MAIL_DEFAULT_SENDER="me@example.org")
with app.app_context():
    Mail(app).send(Message("Sales", recipients=["ann@example.org"], bcc=["bo@example.org"], body="12 sold."))
""",
    "redmail": """
from redmail import EmailSender
EmailSender(host="smtp.example.invalid", port=587, username="me", password="secret").send(
    subject="Sales", sender="me@example.org", receivers=["ann@example.org"], bcc=["bo@example.org"], text="12 sold.",
    html="<p>12 sold.</p>", attachments={"sales.csv": b"a,b"})
""",
    "yagmail": """
import yagmail
yagmail.SMTP("me@example.org", "secret").send(
    "ann@example.org", "Sales", ["12 sold.", "<p>12 sold.</p>"], bcc="bo@example.org")
""",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("releases")


@pytest.mark.parametrize("library", SCRIPTS)
def test_what_a_library_mails_is_sent_once(
    library, root, server, connect_to, make_context, monkeypatch, tmp_path
):
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(root))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    (tmp_path / "requirements.txt").write_text("django\nflask-mail\nredmail\nsetuptools<81\nyagmail\n")
    for name, text in SCRIPTS.items():
        (tmp_path / f"by_{name}.py").write_text(text)
    release = VenvDeployOperator(task_id="deploy", name="libraries", source=tmp_path).execute(make_context())
    context = make_context()
    context["ti"].xcom_push = lambda **_: None

    for _ in range(2):
        operator = VenvRunOperator(
            task_id="run", release=release, command=[f"by_{library}.py"], mail=ScriptMail(max_lateness=None)
        )
        operator.execute(context)

    assert sorted(server.recipients()) == ["ann@example.org", "bo@example.org"]
    assert {mail.message["Subject"] for mail in server.mails} == {"Sales"}
    assert "12 sold." in server.mails[0].message.get_body(("plain", "html")).get_content()
    assert b"bo@example.org" not in server.mails[0].content
