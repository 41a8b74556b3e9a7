from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from tests.mail import LOGIN, PASSWORD, Authority, MailServer, draft, result_of


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def server(authority):
    with MailServer(tls=authority.context(), auth=True) as server:
        yield server


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


@pytest.fixture
def revision(archive):
    return archive.publish(draft())


@pytest.fixture
def connect_to(monkeypatch, authority):
    """Return a function that makes smtp_default the connection to a server."""

    def connect(server, **extra):
        connection = {
            "conn_type": "smtp",
            "host": "localhost",
            "port": server.port,
            "login": LOGIN,
            "password": PASSWORD,
            "extra": {"ca_file": str(authority.file), "from_email": f"Reports <{LOGIN}>", **extra},
        }
        connection |= connection["extra"].pop("connection", {})
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))

    return connect


@pytest.fixture
def mail(server, archive, connect_to, make_context, monkeypatch):
    """Return a function that runs a mail task once, and returns its result; with why, where it was skipped."""
    connect_to(server)
    monkeypatch.setattr("airflow_provider_daybreak.delivery.sender.sleep", lambda _seconds: None)

    def run(report="daily_report", to=("jane@example.org",), *, context=None, **arguments):
        operator = ReportEmailOperator(
            task_id="mail_report",
            report=report,
            to=to,
            archive=archive.uri,
            max_lateness=arguments.pop("max_lateness", None),
            **arguments,
        )
        return result_of(operator.execute, context or make_context(task_id="mail_report"))

    return run


@pytest.fixture
def today():
    return datetime.now(timezone.utc)
