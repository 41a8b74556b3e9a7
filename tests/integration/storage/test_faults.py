"""
A store that fails at any of its calls, in any manner: what it holds is whole or not there, and no mail goes out twice.

An object store denies, hangs up and lies; a disk is full.

The calls of a clean run are counted, and then each of them fails in each manner; some of these as a rule, all in a sweep.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import date, datetime, timezone
from email.headerregistry import Address

import pytest

from airflow_provider_daybreak.archive.verify import verify
from airflow_provider_daybreak.context.archive import archive_at, storage_path
from airflow_provider_daybreak.context.attachments import attached_files
from airflow_provider_daybreak.delivery.attachments import Attachment
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import Mailing
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import Recipient
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.delivery.server import Server
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import DaybreakError, ReleaseNotFoundError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.switch import history_of, new_entry
from airflow_provider_daybreak.reports.sources.files import read_files
from tests.attacks import often
from tests.integration.conftest import Fault
from tests.integration.delivery.scripted import ScriptedServer, address
from tests.integration.storage import disk
from tests.integration.storage.disk import Disk
from tests.mail import draft

pytestmark = pytest.mark.attack("faults of S3")

DAY = date(2026, 3, 29)
EVERY = often(17, 1)
FAULTS = {
    "denies from now on": Fault("403 Forbidden", lasts=True),
    "fails once": Fault("500 Internal Server Error"),
    "fails from now on": Fault("500 Internal Server Error", lasts=True),
    "is busy once": Fault("503 Slow Down"),
    "hangs up once": Fault(""),
    "does it and says it failed": Fault("500 Internal Server Error", applied=True),
    "does it and denies all that follows": Fault("403 Forbidden", applied=True, lasts=True),
    "does it and hangs up": Fault("", applied=True),
    "sends half of the answer": Fault("half"),
}


@pytest.fixture(params=["s3", "disk"])
def place(request, tmp_path):
    """URI of a folder: of a disk, or by a connection that repeats nothing, so that what fails once fails for us."""
    if request.param == "disk":
        return (tmp_path / "place").as_uri()
    connect = request.getfixturevalue("connected_store")
    return connect("fragile", config_kwargs={"retries": {"max_attempts": 0}})


@pytest.fixture
def failing(request, place, tmp_path, tried, monkeypatch):
    """Return a function that yields, for each point and manner, a name, and calls what must hold afterwards."""

    on_disk = place.startswith("file:")
    store = Disk(tmp_path / "place", monkeypatch) if on_disk else request.getfixturevalue("store")
    faults, kind = (disk.FAULTS, "full disks") if on_disk else (FAULTS, "faults of S3")

    def sweep(run, holds, *, prepare=lambda _name: None):
        prepare("clean")
        store.mend()
        run("clean")
        points = [(number, manner) for number in range(1, store.requests + 1) for manner in faults]
        ended = Counter()
        for number, manner in points[::EVERY]:
            name = f"{manner} {number}".replace(" ", "_").replace("'", "")
            prepare(name)
            store.mend()
            store.fail_at(number, faults[manner])
            try:
                run(name)
                ended["done"] += 1
            except (OSError, DaybreakError) as error:
                ended[type(error).__name__] += 1
            store.mend()
            tried(1, kind)
            holds(name)
        print(dict(ended))
        assert ended["done"] < ended.total()  # what it does matters

    yield sweep
    store.mend()


def test_a_revision_is_absent_or_whole(place, failing):
    archive = archive_at(place)
    archive.publish(draft(report="first"))  # the store has proven itself, and requests can be counted

    def holds(report):
        there = archive.latest(report, DAY)
        assert [each.damages for each in verify(archive, report)] == ([()] if there else [])
        again = archive.publish(draft(report=report))
        assert (again.number, again.existing) == (1, there is not None)
        assert archive.publish(draft(report=report, text="Other\n")).number == 2
        assert [each.damages for each in verify(archive, report)] == [(), ()]

    failing(lambda report: archive.publish(draft(report=report)), holds)


def test_a_second_revision_leaves_the_first_as_it_is(place, failing):
    archive = archive_at(place)

    def holds(report):
        old = archive.revision(report, DAY, 1)
        assert {old.read(file.name) for file in old.files}
        assert archive.publish(draft(report=report)).number == 2
        assert [each.damages for each in verify(archive, report)] == [(), ()]

    failing(
        lambda report: archive.publish(draft(report=report)),
        holds,
        prepare=lambda report: archive.publish(draft(report=report, text="Old\n")),
    )


def test_an_artifact_is_absent_or_whole(place, failing):
    archive = archive_at(place)
    archive.publish(draft(report="first"))

    def holds(name):
        stored = archive.store_artifact("report.pdf", io.BytesIO(name.encode()))
        assert storage_path(stored.uri, name="uri").read_bytes() == name.encode()

    failing(lambda name: archive.store_artifact("report.pdf", io.BytesIO(name.encode())), holds)


def test_a_mail_goes_out_once_or_is_in_doubt(place, failing):
    revision = archive_at(place).publish(draft())
    folder = revision.folder.parent

    def mailing(name):
        people = [Recipient(address("good", f"{number}-{name}"), kind="bcc") for number in (1, 2)]
        sender = Address("", addr_spec="reports@example.org")
        message = Message(sender, "Almanac", revision, recipients=people)
        rules = Rules(max_lateness=None, pauses=())
        ledger = Ledger(folder / f"deliveries-{name}")
        return Mailing(message, ledger, rules=rules, run={}, now=datetime.now(timezone.utc))

    with ScriptedServer() as server:

        def run(name):
            mailing(name).send(lambda: Session.open(Server("127.0.0.1", server.port, security="none"))).check(
                "r"
            )

        def holds(name):
            for _ in range(2):
                try:
                    run(name)
                    told = ""
                except DaybreakError as error:  # noqa: PERF203 - one of two tries
                    told = str(error)
            one = mailing(name)
            entries = one.ledger.entries(mail.key for mail in one.mails())
            for mail in one.mails():
                standing, taken = entries[mail.key].standing, server.taken[mail.recipient.address]
                assert taken <= 1
                assert standing in ("sent", "in_doubt", "in_flight")
                assert standing != "sent" or taken == 1
                assert standing == "sent" or mail.recipient.address in told

        failing(run, holds)


@pytest.fixture
def away(monkeypatch):
    """URI of a folder of a store that nobody reaches."""
    extra = {
        "endpoint_url": "http://127.0.0.1:9",
        "region_name": "x",
        "config_kwargs": {"retries": {"max_attempts": 0}},
    }
    connection = {"conn_type": "aws", "login": "access-key", "password": "secret-key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWAY", json.dumps(connection))
    return "s3://away@reports/folder"


@pytest.mark.parametrize(
    "ask",
    [
        lambda uri: read_files("sales", [storage_path(f"{uri}/sales.csv", name="path")]),
        lambda uri: attached_files([f"{uri}/sales.csv"]),
        lambda uri: Attachment("a", "a/b", uri, storage_path(f"{uri}/a", name="uri"), "0" * 64, 1).encode_into(
            io.BytesIO()
        ),
        lambda uri: Store(storage_path(uri, name="store")).manifest("0" * 16),
        lambda uri: Store(storage_path(uri, name="store")).entries(),
        lambda uri: Store(storage_path(uri, name="store")).remove("0" * 16),
    ],
)
def test_a_store_that_is_away_is_an_error_that_says_so(away, ask):
    with pytest.raises((OSError, DaybreakError), match="Could not connect to the endpoint"):
        ask(away)


@pytest.fixture
def release(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "report.py").write_text("print('hello')\n")
    (source / "data.txt").write_text("1")
    return deploy(Layout(tmp_path / "releases", "daily_report"), Plan(source)).release


def test_a_release_in_the_store_is_absent_or_whole_and_its_history_too(place, failing, release):
    folder = storage_path(place, name="store")

    def store_of(name):
        return Store(folder / name / "daily_report", ("a-key-of-as-many-characters-as-it-takes",))

    def run(name):
        store = store_of(name)
        store.publish(release)
        store.append(new_entry(release.layout, release.id, action="deploy"))

    def taken(store):
        manifest = store.manifest(release.id)
        assert manifest == release.manifest
        assert store.lock(manifest) == (release.path / "requirements.lock").read_text()
        return [store.read(manifest, file["path"]) for file in manifest["files"] if file["sha256"]]

    def holds(name):
        store = store_of(name)
        try:
            assert len(taken(store)) == 2
        except (ReleaseNotFoundError, DaybreakError):
            assert store.length() == 0  # nobody is told to run what is not there
        before = store.length()
        assert before <= 1
        run(name)
        assert len(taken(store)) == 2
        assert store.length() == before + 1
        assert history_of(store.entries()).current == release.id

    store_of("first").append(new_entry(release.layout, release.id, action="deploy"))
    failing(run, holds)
