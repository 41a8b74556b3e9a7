from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.cli.cli_parser import get_parser

from airflow_provider_daybreak.exceptions import SmtpUnavailableError
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.mail import draft

pytestmark = pytest.mark.usefixtures("revision")


@pytest.fixture
def daybreak(capsys, monkeypatch, archive):
    """Return a function that runs ``airflow daybreak …`` and returns its rows, or its error's text."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive.uri)

    def run(*arguments):
        capsys.readouterr()
        args = get_parser().parse_args(["daybreak", *arguments, "--output", "json"])
        try:
            args.func(args)
        except SystemExit:
            return capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    return run


def test_deliveries_show_who_got_what_and_what_the_server_said(daybreak, mail, server):
    server.replies["joe@example.org"] = "550 no such user"
    mail(to=["jane@example.org", "joe@example.org"], on_refused="warn")

    rows = daybreak("deliveries", "daily_report", "--date", "2026-03-29")

    assert [(row["recipient"], row["standing"], row["answer"]) for row in rows] == [
        ("jane@example.org", "sent", "250 taken as 1"),
        ("joe@example.org", "refused", "550 no such user"),
    ]


def test_deliveries_show_why_nothing_was_sent(daybreak, mail):
    mail(max_lateness=timedelta(days=1))

    (row,) = daybreak("deliveries")
    assert row["standing"] == "held"
    assert row["answer"].startswith("too late")


def test_deliveries_show_who_was_not_allowed_before_anything_was_sent(daybreak, mail, server):
    with pytest.raises(AirflowFailException):
        mail(to=["jane@example.org", "eve@evil.example"], allowed_domains=["example.org"])

    (row,) = daybreak("deliveries", "--state", "excluded")
    assert row["recipient"] == "eve@evil.example"
    assert row["answer"].startswith("Not allowed to mail eve@evil.example: allowed_domains are example.org.")
    again = ("resend", "daily_report", "--date", "2026-03-29", "--reason", "all of them")
    assert "everybody that the ledger names got it" in daybreak(*again)
    assert server.mails == []


def test_who_was_not_allowed_once_gets_the_mail_when_that_has_changed(daybreak, mail):
    assert "skipped" in mail(to=["eve@evil.example"], allowed_domains=["example.org"])

    assert mail(to=["eve@evil.example"])["sent"] == ["eve@evil.example"]
    assert [row["standing"] for row in daybreak("deliveries")] == ["sent"]


def test_of_rows_who_is_not_allowed_stands_with_the_report_that_it_was_to_get(daybreak, mail, archive):
    archive.publish(draft("other"))
    with pytest.raises(AirflowFailException):
        mail(
            ["daily_report", "other"],
            to=[
                {"address": "jane@example.org", "report": "daily_report"},
                {"address": "eve@evil.example", "report": "other"},
            ],
            allowed_domains=["example.org"],
        )

    assert [(row["report"], row["recipient"]) for row in daybreak("deliveries")] == [
        ("other", "eve@evil.example")
    ]


def test_deliveries_of_another_date_are_not_shown(daybreak, mail):
    mail()

    assert daybreak("deliveries", "--date", "2026-03-28") == []


def test_deliveries_are_shown_by_state_and_range(daybreak, mail, server):
    server.replies["joe@example.org"] = "550 no such user"
    mail(to=["jane@example.org", "joe@example.org"], on_refused="warn")

    def shown(*options):
        return [row["recipient"] for row in daybreak("deliveries", *options)]

    assert shown("--state", "refused") == ["joe@example.org"]
    assert shown("--since", "2026-03-29", "--until", "2026-03-29", "--state", "sent") == ["jane@example.org"]
    assert shown("--since", "2026-03-30") == shown("--until", "2026-03-28") == []


def test_deliveries_show_that_the_server_is_away(daybreak, mail, server, connect_to):
    connect_to(SimpleNamespace(port=9))
    with pytest.raises(SmtpUnavailableError):
        mail()

    (row,) = daybreak("deliveries")
    assert (row["standing"], row["answer"]) == ("deferred", "cannot connect: Connection refused")
    connect_to(server)
    assert mail()["sent"] == ["jane@example.org"]
    assert daybreak("deliveries")[0]["standing"] == "sent"


def test_deliveries_of_a_report_that_is_not_there_name_the_nearest(daybreak):
    assert "Is it 'daily_report'?" in daybreak("deliveries", "dayly_report")


def test_a_trial_of_resending_says_who_would_get_it_and_sends_nothing(daybreak, mail, server):
    server.replies["joe@example.org"] = "550 no such user"
    mail(to=["jane@example.org", "joe@example.org"], on_refused="warn")

    (row,) = daybreak("resend", "daily_report", "--date", "2026-03-29", "--reason", "mended", "--dry-run")

    assert (row["recipient"], row["result"], row["standing"]) == ("joe@example.org", "would be sent", "refused")
    assert server.recipients() == ["jane@example.org"]


def test_a_range_is_resent_to_those_of_each_date_who_wait(daybreak, mail, server, archive):
    day = draft().report_date - timedelta(days=1)
    period = {"start": f"{day}T00:00:00+01:00", "end": f"{day}T23:59:59+01:00"}
    earlier = {"manifest": archive.publish(draft(report_date=day, **period)).uri}
    mail()
    mail(earlier, max_lateness=timedelta(days=1))
    everything = (
        "resend",
        "daily_report",
        "--since",
        "2026-03-01",
        "--until",
        "2026-03-31",
        "--reason",
        "late",
    )

    rows = daybreak(*everything)

    assert [(row["date"], row["result"]) for row in rows] == [("2026-03-28", "sent")]
    assert len(server.mails) == 2
    assert "everybody that the ledger names got it" in daybreak(*everything)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "Invalid --date ''"),
        (("--date", "2026-03-29", "--since", "2026-03-29"), "or --since and --until"),
        (("--since", "2026-04-01"), "expected one that has a report of 'daily_report'"),
    ],
)
def test_dates_to_resend_that_are_none_are_a_sentence(daybreak, server, connect_to, options, message):
    connect_to(server)

    assert message in daybreak("resend", "daily_report", *options, "--reason", "why not")


def test_resending_reaches_those_who_did_not_get_it_once(daybreak, mail, server):
    server.replies["joe@example.org"] = "550 no such user"
    with pytest.raises(AirflowFailException):
        mail(to=["jane@example.org", "joe@example.org"], attachments=["data/rows.csv"], subject="As it was")
    server.replies.clear()

    for _ in range(2):
        daybreak(
            "resend", "daily_report", "--date", "2026-03-29", "--to", "joe@example.org", "--reason", "mended"
        )

    assert server.recipients() == ["jane@example.org", "joe@example.org"]
    first, second = (received.message for received in server.mails)
    assert second["Subject"] == "As it was"
    assert [part.get_filename() for part in second.iter_attachments()] == ["rows.csv"]
    assert first["Message-ID"] != second["Message-ID"]
    (resent,) = [row for row in daybreak("deliveries") if row["occasion"]]
    assert resent["standing"] == "sent"


def test_what_was_resent_counts_as_delivered(daybreak, mail, server):
    server.replies["jane@example.org"] = "550 no such user"
    with pytest.raises(AirflowFailException):
        mail()
    server.replies.clear()
    daybreak("resend", "daily_report", "--date", "2026-03-29", "--reason", "mended")

    assert mail()["already_sent"] == ["jane@example.org"]
    assert len(server.mails) == 1


def test_resending_to_nobody_is_an_error(daybreak, mail):
    mail()

    assert "Name who should get it with --to" in daybreak(
        "resend", "daily_report", "--date", "2026-03-29", "--reason", "why not"
    )


def test_who_got_it_can_get_it_again_when_named(daybreak, mail, server):
    mail()
    again = (
        "resend",
        "daily_report",
        "--date",
        "2026-03-29",
        "--to",
        "jane@example.org",
        "--reason",
        "lost it",
    )

    assert daybreak(*again)[0]["result"] == "sent"
    assert daybreak(*again)[0]["result"] == "already_sent"
    assert len(server.mails) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("deliveries", "No Slug"), "Invalid report 'No Slug'"),
        (("deliveries", "--date", "29.3."), "Invalid --date '29.3.'"),
        (("resend", "daily_report", "--date", "x", "--reason", "r"), "Invalid --date 'x'"),
        (("resend", "daily_report", "--date", "2026-03-29", "--reason", " "), "Invalid --reason"),
        (("resend", "daily_report", "--date", "2020-01-01", "--reason", "r"), "No revision at"),
        (("resend", "daily_report", "--date", "2026-03-29", "--to", "x", "--reason", "r"), "Invalid recipient"),
    ],
)
def test_a_bad_argument_is_one_sentence(daybreak, server, connect_to, arguments, message):
    connect_to(server)

    assert message in daybreak(*arguments)


def test_resending_needs_the_one_ledger_too(daybreak, server, connect_to, monkeypatch):
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")

    assert "each host would keep a ledger of its own" in daybreak(
        "resend", "daily_report", "--date", "2026-03-29", "--reason", "why not"
    )
    assert server.connections == 0
