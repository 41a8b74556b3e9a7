"""
What each version wrote is read, verified, listed, run and mailed from by this one: archive, ledger and release store.

``tests/formats/<version>/`` is what that version wrote. ``DAYBREAK_FORMATS=1 make test ARGS=tests/integration/delivery/test_formats.py``
writes what this version writes, before it is released.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from datetime import date, datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.archive.verify import verify
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.exceptions import DeliveryPendingError
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.integration.releases.package_index import PackageIndex
from tests.mail import draft, result_of

FORMATS = Path(__file__).parents[2] / "formats"
KEY = "a key that only these tests sign with"
DAY, NEXT = date(2026, 3, 29), date(2026, 3, 30)
SCRIPT = """\
import smtplib

import thing

MAIL = "Subject: Orders\\nTo: ann@example.org\\n\\n12 orders.\\n"

with smtplib.SMTP("localhost") as server:
    server.sendmail("me@example.org", ["ann@example.org"], MAIL)
print("orders by thing", thing.__version__)
"""
ROOT = Path("/tmp/daybreak-formats")  # it stands in what is written, and is nobody's
PYTHON = "/usr/bin/python3" if "DAYBREAK_FORMATS" in os.environ else None  # so does its path


def connect(monkeypatch, archive, store):
    """Set what a task finds: where reports and releases are, and with what releases are signed."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive.as_uri())
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASE_STORE", store.as_uri())
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASE_KEY", KEY)


@pytest.fixture
def packages(monkeypatch):
    """Yield an index of packages, which the connection ``packages`` leads to."""
    with PackageIndex() as index:
        connection = {"conn_type": "package_index", "host": index.url}
        monkeypatch.setenv("AIRFLOW_CONN_PACKAGES", json.dumps(connection))
        yield index


@pytest.fixture
def now(server, connect_to, make_context, packages, monkeypatch, tmp_path):
    """Return a folder with what this version writes."""
    folder = ROOT if "DAYBREAK_FORMATS" in os.environ else tmp_path / "formats"
    connect(monkeypatch, folder / "archive", folder / "store")
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    monkeypatch.setattr("airflow_provider_daybreak.delivery.sender.sleep", lambda _seconds: None)
    connect_to(server, allowed_domains=["example.org"])
    archive = Archive(folder / "archive")
    expected = {"mails": [], "digests": {}}

    def publish(*args, **options):
        revision = archive.publish(draft(*args, **options))
        manifest = revision.manifest
        expected["digests"][f"{manifest.report} {manifest.report_date} r{revision.number}"] = manifest.digest
        return revision

    def mail(*to, **options):
        operator = ReportEmailOperator(
            task_id="mail_report", report="daily_report", to=list(to), max_lateness=None, **options
        )
        result_of(operator.execute, make_context(task_id="mail_report"))

    first = publish()
    server.replies = {
        "gone@example.org": "550 5.1.1 no such user",
        "full@example.org": "452 4.2.2 mailbox full",
    }
    mail("out@example.com")
    with pytest.raises(DeliveryPendingError, match="full@example.org"):
        mail("ann@example.org", "gone@example.org", "full@example.org", on_refused="warn")
    manifest = first.manifest
    key = key_of("daily_report", manifest.period_key, "doubt@example.org")
    ledger, facts = ledger_of(archive, manifest), {"report": "daily_report", "recipient": "doubt@example.org"}
    with ledger.held(key, 0):
        assert ledger.commit(
            key, 0, {**facts, "report_date": str(DAY), "digest": manifest.digest, "manifest": first.uri}
        )
    publish(title="Almanac for 29 March 2026, corrected")
    publish("weekly", NEXT, period="week", start="2026-03-23T00:00:00+01:00", end="2026-03-30T00:00:00+02:00")

    source = folder / "orders"
    source.mkdir()
    (source / "report.py").write_text(SCRIPT)
    sha256 = packages.add("thing")
    (source / "requirements.txt").write_text(f"thing==1.0 --hash={sha256}\n")
    release = VenvDeployOperator(
        task_id="deploy", name="orders", source=source, index_conn_id="packages", python=PYTHON
    ).execute(make_context(task_id="deploy"))
    VenvRunOperator(
        task_id="run", release=release, command=["report.py"], mail=ScriptMail(max_lateness=None)
    ).execute(make_context(task_id="run"))
    expected["release"] = release["release"]

    expected["mails"] = [
        [record.facts["report"], record.report_date, record.recipient, record.standing]
        for record in deliveries(archive)
    ]
    shutil.rmtree(source)
    for name, data in packages.files.items():
        (folder / name).write_bytes(data)
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    if folder == ROOT:
        shutil.rmtree(FORMATS / __version__, ignore_errors=True)
        shutil.move(folder, FORMATS / __version__)
        return FORMATS / __version__
    return folder


def shape(value):
    """Return the keys that JSON has, at every depth."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(each) for each in value[:1]] if isinstance(value, list) else type(value).__name__


def shapes(folder):
    """Return what is written, by its path without what is another each time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = re.sub(r"[0-9a-f]{12,}", "…", str(path.relative_to(folder)))
            is_json = path.suffix == ".json" or path.name.startswith("commit.")
            found[name] = shape(json.loads(path.read_text())) if is_json else ""
    return found


def test_what_this_version_writes_has_the_shape_of_what_is_kept_of_it(now):
    kept = FORMATS / __version__
    assert kept.is_dir(), "keep what this version writes: see the head of this file"

    assert shapes(now) == shapes(kept), (
        "a format has changed: its version's files are kept anew, or it is another version"
    )


@pytest.fixture(params=sorted(path.name for path in FORMATS.iterdir()))
def written(request, tmp_path, monkeypatch, connect_to, server):
    """Return a copy of what a version wrote a day ago, as what a task finds."""
    folder = tmp_path / "written"
    shutil.copytree(FORMATS / request.param, folder)
    yesterday = time.time() - 86_400
    for path in folder.rglob("*"):
        if "deliveries" in path.parts and path.is_file():  # a ledger says where its archive is
            path.write_text(path.read_text().replace(ROOT.as_uri(), folder.as_uri()))
        os.utime(path, (yesterday, yesterday))
    connect(monkeypatch, folder / "archive", folder / "store")
    monkeypatch.setattr("airflow_provider_daybreak.delivery.sender.sleep", lambda _seconds: None)
    connect_to(server)
    return folder


@pytest.fixture
def expected(written):
    return json.loads((written / "expected.json").read_text())


@pytest.fixture
def archive(written):
    return Archive(written / "archive")


@pytest.fixture
def mail_again(archive, make_context):
    """Return a function that runs the mail task of the day's report."""

    def run(*to, **options):
        operator = ReportEmailOperator(
            task_id="mail_report",
            report="daily_report",
            to=list(to),
            archive=archive.uri,
            max_lateness=None,
            **options,
        )
        return result_of(operator.execute, make_context(task_id="mail_report"))

    return run


def test_the_reports_of_a_version_are_read_and_verified(archive, expected):
    digests = {
        f"{each.manifest.report} {each.manifest.report_date} r{each.number}": each.manifest.digest
        for report in archive.reports()
        for each in archive.revisions(report)
    }

    assert expected["digests"].items() <= digests.items()
    verified = list(verify(archive))
    assert len(verified) == len(digests)
    assert [one.damages for one in verified if one.damages] == []
    assert b"Sunrise 06:59" in archive.latest("daily_report", DAY).read("report.html")


def test_the_deliveries_of_a_version_are_listed(archive, expected):
    rows = [
        [each.facts["report"], each.report_date, each.recipient, each.standing.replace("in_flight", "in_doubt")]
        for each in deliveries(archive)
    ]

    assert rows == [[*row[:3], row[3].replace("in_flight", "in_doubt")] for row in expected["mails"]]
    assert {row[3] for row in rows} == {"sent", "refused", "deferred", "excluded", "in_doubt"}


def test_whom_a_version_mailed_gets_nothing_again_and_who_is_new_does(mail_again, server):
    result = mail_again("ann@example.org", "new@example.org", "full@example.org", on_refused="warn")

    assert sorted(server.recipients()) == ["full@example.org", "new@example.org"]
    assert result["already_sent"] == ["ann@example.org"]
    assert "corrected" in server.mails[0].message["Subject"]


def test_a_correction_of_what_a_version_mailed_answers_its_mail(mail_again, server, archive):
    mail_again("ann@example.org", on_correction="send")

    [received] = server.mails
    [first] = [each for each in deliveries(archive, "daily_report", since=DAY, until=DAY)
               if each.recipient == "ann@example.org" and not each.occasion]  # fmt: skip
    assert received.message["In-Reply-To"] == first.facts["message_id"]


def test_what_a_version_left_in_doubt_is_held(mail_again, server):
    with pytest.raises(AirflowFailException, match="Maybe sent: doubt@example.org"):
        mail_again("doubt@example.org")

    assert server.mails == []


def test_what_a_version_archived_of_a_scripts_mail_is_sent_again_as_it_was(archive, server):
    wanted = Resending("orders", DAY, ("ann@example.org",), reason="asked for", by="ann", id="1")

    DeliveryHook(archive=archive.uri).resend(wanted)

    [received] = server.mails
    assert received.message["Subject"] == "Orders"
    assert received.message.get_content() == "12 orders.\n"


def test_a_release_of_a_version_is_made_from_its_store_and_runs(
    written, expected, packages, make_context, monkeypatch, tmp_path
):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    for path in written.glob("*.whl"):
        packages.add_file(path.name, path.read_bytes())
    context = make_context(task_id="run", logical_date=datetime(2026, 3, 30, 7, tzinfo=timezone.utc))
    operator = VenvRunOperator(
        task_id="run",
        release="orders",
        command=["report.py"],
        mail=ScriptMail(max_lateness=None, on_refused="warn"),
    )

    assert operator.execute(context) == "orders by thing 1.0"
    assert expected["release"] in Store(written / "store" / "orders", (KEY,)).release_ids()
