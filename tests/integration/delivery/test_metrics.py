"""What became of reports and mails, as a StatsD receiver hears it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils

from airflow_provider_daybreak.context.metrics import count
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator
from tests.mail import draft

REPORT, OURS = "daily_report", "airflow.daybreak."


@pytest.fixture
def receiver(monkeypatch):
    """A StatsD receiver on a port of its own, that Airflow is told of."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        values = {
            "STATSD_ON": "True",
            "STATSD_HOST": "127.0.0.1",
            "STATSD_PORT": str(listening.getsockname()[1]),
        }
        for name, value in values.items():
            monkeypatch.setenv(f"AIRFLOW__METRICS__{name}", value)
        stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
        yield listening
    monkeypatch.undo()
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)


@pytest.fixture
def heard(receiver):
    """Return a function that says what was counted since it was asked last, without the prefix that they share."""

    def ask():
        count("daybreak.report.built", 7, report="the end of what was sent so far")
        counted: Counter[str] = Counter()
        while True:
            name, _, value = receiver.recv(2000).decode().partition(":")
            if value == "7|c":
                return dict(counted)
            if name.startswith(OURS):
                counted[name.removeprefix(OURS)] += int(value.removesuffix("|c"))

    return ask


@pytest.mark.usefixtures("revision")
def test_each_mail_is_counted_once_for_what_became_of_it(mail, server, heard):
    server.replies["joe@example.org"] = "550 no such user"
    server.data_replies["kim@example.org"] = "450 later"
    with pytest.raises(Exception, match=REPORT):
        mail(to=["jane@example.org", "joe@example.org", "kim@example.org"])
    assert heard() == {"mail.sent": 1, "mail.refused": 1}

    del server.data_replies["kim@example.org"]
    with pytest.raises(Exception, match=REPORT):
        mail(to=["jane@example.org", "joe@example.org", "kim@example.org"])
    assert heard() == {"mail.sent": 1, "mail.duplicate_prevented": 1}


@pytest.mark.usefixtures("revision")
def test_what_comes_in_doubt_is_counted_when_it_does_and_not_at_each_try(mail, server, heard):
    server.data_replies["jane@example.org"] = "close"
    for expected in ({"mail.in_doubt": 1}, {}):
        with pytest.raises(Exception, match=REPORT):
            mail(to=["jane@example.org"])
        assert heard() == expected


def test_what_is_too_late_or_waits_is_counted_as_held(mail, archive, heard):
    archive.publish(draft())
    mail(to=["jane@example.org", "joe@example.org"], max_lateness=timedelta(0))
    assert heard() == {"mail.held": 2}


@pytest.mark.usefixtures("revision")
def test_what_is_sent_again_by_hand_is_counted(archive, heard, mail):
    mail(to=["jane@example.org"])
    heard()
    again = Resending(
        REPORT, datetime(2026, 3, 29, tzinfo=timezone.utc).date(), ["jane@example.org"], "asked", "ann", "1"
    )
    for expected in ({"mail.sent": 1}, {"mail.duplicate_prevented": 1}):
        DeliveryHook(archive=archive.uri).resend(again)
        assert heard() == expected


def test_a_report_is_built_each_time_and_archived_where_it_is_new(tmp_path, make_context, archive, heard):
    (tmp_path / "sales.md.j2").write_text("# Sales\n")
    context = make_context(fileloc=str(tmp_path / "dag.py"))
    for expected in ({"report.built": 1, "report.archived": 1}, {"report.built": 1}):
        ReportOperator(
            task_id="r", report="sales", template=str(tmp_path / "sales.md.j2"), archive=archive.uri
        ).execute(context)
        assert heard() == expected


def test_an_environment_is_built_once_and_then_reused(tmp_path, make_context, monkeypatch, heard):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    source = tmp_path / "source"
    source.mkdir()
    for text, expected in (("1", "environment.built"), ("2", "environment.reused")):
        (source / "main.py").write_text(f"print({text})")
        VenvDeployOperator(task_id="d", name="counted", source=str(source)).execute(make_context())
        assert heard() == {expected: 1}


def test_a_command_counts_as_a_task_does(receiver):
    program = """
        from airflow_provider_daybreak.context.metrics import count
        count("daybreak.mail.sent", 3, report="sales")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, env=dict(os.environ))

    while not (said := receiver.recv(2000).decode()).startswith(OURS):
        pass  # Airflow's own
    assert said == "airflow.daybreak.mail.sent:3|c"


def test_without_a_receiver_nothing_is_sent_and_nothing_fails(monkeypatch):
    monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "False")
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)

    count("daybreak.mail.sent", report="sales")


def test_a_name_that_no_document_has_is_an_error():
    with pytest.raises(KeyError):
        count("daybreak.mail.lost")
