"""Unmodified scripts in containers that mail by themselves: once for their day, and nothing of one that failed."""

from __future__ import annotations

import json
import multiprocessing
from datetime import date, datetime, timezone
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.containers.image import ImageBuild, build
from airflow_provider_daybreak.delivery.shadow import Shadow, Shadows, event
from airflow_provider_daybreak.exceptions import ContainerFailedError, ContainerOutputError
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator, ScriptMail
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException
from tests.integration.containers.test_lifecycle import running, until
from tests.mail import MailServer

pytestmark = pytest.mark.engine

fork = multiprocessing.get_context("fork")
IMAGE = "python:3.12-slim"
SCRIPT = """
import datetime, smtplib, sys
from email.message import EmailMessage

message = EmailMessage()
message["Subject"] = f"Sales of {datetime.date.today()}"
message["From"] = "Reports <reports@example.org>"
message["To"] = "Ann <ann@example.org>"
message.set_content("12 sold")
with smtplib.SMTP("mail.does-not-exist.invalid", 587) as server:
    server.starttls()
    server.login("reports@example.org", "a password that nobody knows")
    server.send_message(message)
print("sent")
"""
DAY = datetime(2026, 3, 29, 7, tzinfo=timezone.utc)


@pytest.fixture
def server(monkeypatch):
    """Return a mail server, to which smtp_default is the connection."""
    with MailServer() as server:
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "reports@example.org"}
        connection = {"conn_type": "smtp", "host": "localhost", "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield server


@pytest.fixture
def mailing(context, containers, archive, server):  # noqa: ARG001 - it is what mails go to
    """Return a function that runs a script once, with its mail kept, and returns what it pushed and returned."""

    def run(script=SCRIPT, *, when=DAY, try_number=1, command=None, mail=None, **arguments):
        operator = ScriptDockerOperator(
            task_id="work",
            command=command or ["python", "-c", script],
            mail=ScriptMail(report="sales", archive=archive, max_lateness=None, **(mail or {})),
            **{"image": IMAGE, "archive": archive, "clock": "report_date", **arguments},
        )
        here = context(logical_date=when, try_number=try_number)
        pushed = {}
        here["ti"].xcom_push = lambda key, value: pushed.update({key: value})
        value = operator.execute(here)
        return {**pushed, "value": value}

    yield run
    assert containers() == []


@pytest.fixture
def kept(tmp_path):
    """Return a function that returns the mails' revision of the day, or its draft."""
    return lambda **what: Archive(tmp_path / "archive").latest("sales", date(2026, 3, 29), **what)


def test_what_a_script_in_a_container_mails_goes_out_once_for_its_own_day(mailing, server, kept):
    first = mailing()
    cleared = mailing()

    (mail,) = server.mails
    assert mail.recipient == "ann@example.org"
    assert mail.message["Subject"] == "Sales of 2026-03-29"
    assert first["mail"]["sent"] == cleared["mail"]["already_sent"] == ["ann@example.org"]
    assert first["value"]["last_line"] == "sent"
    assert kept().manifest.rows == {"mails": 1}


def test_a_week_of_a_container_begins_where_its_dag_says(mailing, server):
    for day in (28, 29):
        mailing(when=DAY.replace(day=day), period="week", week_start="sunday")

    assert server.recipients() == ["ann@example.org"] * 2


def test_nothing_is_sent_of_a_container_that_fails_and_its_mail_is_kept_as_a_draft(mailing, server, tmp_path):
    with pytest.raises(ContainerFailedError, match="exit code 3"):
        mailing(f"{SCRIPT}\nsys.exit(3)")

    assert server.mails == []
    assert len(list((tmp_path / "archive").rglob("*.eml"))) == 1


def test_any_program_finds_the_relay_by_its_variables_and_sees_no_password(mailing, server):
    script = (
        "import os, smtplib; server = smtplib.SMTP(os.environ['SMTP_SERVER'], int(os.environ['SMTP_PORT'])); "
        "server.sendmail('me@example.org', ['bo@example.org'], 'Subject: Hello')"
    )

    result = mailing(
        command=["sh", "-c", f'echo $SMTP_PASSWORD; exec python -I -c "{script}"'],
        private_environment={"SMTP_SERVER": "smtp.example.org", "SMTP_PASSWORD": "real-secret"},
        network_mode="bridge",
    )

    assert server.recipients() == ["bo@example.org"]
    assert result["value"]["last_line"] == "kept-by-daybreak"


def test_a_script_is_told_that_a_domain_is_not_allowed(mailing, server):
    script = SCRIPT.replace('print("sent")', "").replace(
        "    server.send_message(message)",
        "    try:\n        server.send_message(message)\n"
        "    except smtplib.SMTPRecipientsRefused as error:\n        print(error.recipients)",
    )

    with pytest.raises(AirflowSkipException, match="550 5.7.1 The recipient's domain is not allowed"):
        mailing(script, mail={"allowed_domains": ["example.com"], "on_refused": "warn"})

    assert server.mails == []


def test_a_retry_takes_over_the_container_and_the_mail_of_a_lost_worker(mailing, server, containers):
    slow = SCRIPT.replace('print("sent")', "import time; print('sent'); time.sleep(3)")
    lost = fork.Process(target=lambda: mailing(slow))
    lost.start()
    (first,) = until(lambda: running(containers))
    lost.kill()
    lost.join()

    result = mailing(slow, try_number=2)

    assert first["Labels"]["daybreak.try_number"] == "1"
    assert server.recipients() == ["ann@example.org"]
    assert result["mail"]["sent"] == ["ann@example.org"]


def test_a_script_beside_a_relay_gets_signals_and_ends_as_it_ends(mailing, server):
    trap = "trap 'echo asked; exit 5' TERM; kill -TERM $PPID; while :; do sleep 0.1; done"
    with pytest.raises(ContainerFailedError, match="exit code 5"):
        mailing(command=["sh", "-c", trap])
    with pytest.raises(ContainerFailedError, match="SIGKILL"):
        mailing(command=["sh", "-c", "kill -KILL $$"])
    with pytest.raises(AirflowFailException, match=r"cannot execute \['nonesuch'\]: No such file or directory"):
        mailing(command=["nonesuch"])

    assert server.mails == []


def test_what_is_no_message_of_the_relay_does_not_come_out(mailing, server):
    with pytest.raises(ContainerOutputError, match="'x.txt' is no message of the relay"):
        mailing(f"{SCRIPT}\nopen('/run/daybreak-mail/kept/x.txt', 'w').close()")

    assert server.mails == []


@pytest.mark.parametrize("network", ["host", "container:other"])
def test_a_network_that_is_shared_is_refused_where_mail_is_kept(mailing, network):
    with pytest.raises(
        AirflowFailException, match=f"Invalid network_mode '{network}': expected none, bridge or"
    ):
        mailing(network_mode=network)


def test_an_image_without_a_python_is_refused_where_mail_is_kept(mailing, engine, tmp_path):
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN rm -rf /usr/local/bin/python* /usr/bin/python*")
    image = build(engine, ImageBuild(tmp_path))

    with pytest.raises(
        AirflowFailException, match=r"takes a Python 3.10 or later \(looked for python3, python\)"
    ):
        mailing(command=["true"], image=image, clock=None)


@pytest.mark.parametrize("mail", ["direct", "once"])
def test_in_shadow_a_container_mails_nobody_and_goes_on_as_if_it_had(
    context, containers, archive, server, kept, monkeypatch, mail, dag_id
):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive)
    shadows = Shadows(Archive(Path(urlsplit(archive).path)).root)
    shadows.keep(Shadow(dag_id).begun(event("started", DAY, "ann")))
    options = ScriptMail(report="sales", archive=archive, max_lateness=None) if mail == "once" else mail
    operator = ScriptDockerOperator(
        task_id="work",
        image=IMAGE,
        archive=archive,
        clock="report_date",
        command=["python", "-c", SCRIPT],
        network_mode="bridge",
        mail=options,
    )
    here, pushed = context(logical_date=DAY), {}
    here["ti"].xcom_push = lambda key, value: pushed.update({key: value})

    if mail == "once":
        with pytest.raises(AirflowSkipException, match="shadow: the Dag"):
            operator.execute(here)
        assert pushed["return_value"]["last_line"] == "sent"
        assert b"12 sold" in kept().read("mails/0001/message.eml")
    else:
        assert operator.execute(here)["last_line"] == "sent"
        assert pushed["mail"]["messages"] == 1
    assert server.connections == 0
    assert containers() == []

    shadows.keep(shadows.of(dag_id).cut_over(date(2026, 3, 29), event("cut over", DAY, "ann")))
    if mail == "once":
        operator.execute(context(logical_date=DAY, try_number=2))
        assert server.recipients() == ["ann@example.org"]
